/* SPDX-License-Identifier: BSD-3-Clause */
// The socket that hypervisors connect to. Like the control socket it is open to everybody on the
// host: who connects is what counts, and a hypervisor without privileges is no member of a group
// that may change the switch.
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vswitch/listener.h>
#include <vswitch/log.h>

#include "nic.h"

#define ACCEPTS_PER_TURN 16

static struct listener listener = {
	.type = SOCK_SEQPACKET,
	.option = "--vsp-socket",
	.rival = "process",
	.fd = -1,
	.spare_fd = -1,
};
static sd_event_source *source;

static void refuse(int fd)
{
	close(fd);
}

static int on_listen(sd_event_source *, int, uint32_t, void *)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			nic_accept(fd);
		else if (errno == EMFILE || errno == ENFILE)
			listener_turn_away(&listener, refuse);
		else
			break;
	}
	return 0;
}

int vsp_listen(sd_event *event, const char *path, struct vsw_error *err)
{
	int ret;

	if (strlen(path) >= sizeof(listener.addr.sun_path))
		return vsw_fail(err, VSW_E_INVALID, "give a shorter --vsp-socket or --run-dir",
			"the path '%.60s…' is too long for a socket", path);
	listener.addr.sun_family = AF_UNIX;
	strcpy(listener.addr.sun_path, path);
	ret = listener_open(&listener, err);
	if (ret < 0)
		return ret;
	ret = sd_event_add_io(event, &source, listener.fd, EPOLLIN, on_listen, NULL);
	if (ret < 0)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "no event source: %s", strerror(-ret));
	log_info("vmnic", "hypervisors may connect socket=%s", path);
	return 0;
}

void vsp_unlisten(void)
{
	source = sd_event_source_disable_unref(source);
	listener_close(&listener);
}
