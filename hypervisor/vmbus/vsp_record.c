/* SPDX-License-Identifier: BSD-3-Clause */
// The memfd in which a NIC outlives its provider. Ours are the places of the event flags.
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vsp_link_state.h"

int vsp_record_create(struct vsp_link *link)
{
	void *places;
	int fd, err;

	fd = memfd_create("vmbus-record", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, HANDOVER_RECORD_SIZE) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto err_fd;
	places = mmap(NULL, HANDOVER_RECORD_VSP, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (places == MAP_FAILED)
		goto err_fd;
	vsp_record_drop(link);
	link->record_fd = fd;
	link->places = places;
	link->record_used = false;
	return 0;

err_fd:
	err = errno;
	close(fd);
	return -err;
}

void vsp_record_drop(struct vsp_link *link)
{
	if (link->places != NULL)
		munmap(link->places, HANDOVER_RECORD_VSP);
	if (link->record_fd >= 0)
		close(link->record_fd);
	link->places = NULL;
	link->record_fd = -1;
}
