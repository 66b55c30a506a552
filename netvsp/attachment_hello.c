/* SPDX-License-Identifier: BSD-3-Clause */
// Who a hypervisor says it is, and the record it brings.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <hypervisor/vmbus/guest_fault.h>

#include "attachment_parts.h"

#define VPS_MAX 4096

// 1 to 63 of the characters that names are made of.
static bool name_is_good(const char name[HANDOVER_NAME_SIZE])
{
	size_t len = strnlen(name, HANDOVER_NAME_SIZE);

	if (len == 0 || len == HANDOVER_NAME_SIZE || name[0] == '.' || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("._-:", name[i]) == NULL)
			return false;
	return true;
}

static bool text_is_good(const char text[HANDOVER_NAME_SIZE])
{
	size_t len = strnlen(text, HANDOVER_NAME_SIZE);

	for (size_t i = 0; i < len && len < HANDOVER_NAME_SIZE; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return len < HANDOVER_NAME_SIZE;
}

static bool mac_is_good(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return (mac[0] & 1) == 0 && memcmp(mac, none, 6) != 0;
}

static int check(struct attachment *a, const struct handover_hello *h)
{
	if (h->magic != HANDOVER_MAGIC)
		return attachment_refuse(a, HANDOVER_R_VERSION, "not a handover: wrong magic");
	if (h->version_min > HANDOVER_VERSION || h->version_max < HANDOVER_VERSION)
		return attachment_refuse(a, HANDOVER_R_VERSION,
			"speaks handover versions %u to %u, this side only %u", h->version_min,
			h->version_max, HANDOVER_VERSION);
	if (!name_is_good(h->partition) || !name_is_good(h->nic) || !name_is_good(h->port) ||
		!text_is_good(h->software))
		return attachment_refuse(a, HANDOVER_R_PROTOCOL,
			"names are 1 to 63 letters, digits, '.', '_', '-' or ':'");
	if (!mac_is_good(h->mac))
		return attachment_refuse(
			a, HANDOVER_R_PROTOCOL, "the NIC's MAC is none of a station's");
	if (h->n_regions == 0 || h->n_regions > GUEST_MEM_MAX_REGIONS)
		return attachment_refuse(a, HANDOVER_R_LIMIT, "%u regions of memory, not 1 to %u",
			h->n_regions, GUEST_MEM_MAX_REGIONS);
	if (h->n_vps == 0 || h->n_vps > VPS_MAX)
		return attachment_refuse(
			a, HANDOVER_R_LIMIT, "%u processors, not 1 to %u", h->n_vps, VPS_MAX);
	if (h->flags & ~HANDOVER_RESUME)
		return attachment_refuse(a, HANDOVER_R_PROTOCOL, "unknown flags");
	return 0;
}

static int map_record(struct attachment *a, uint64_t size, int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *at;

	if (size != HANDOVER_RECORD_SIZE || seals < 0 || !(seals & F_SEAL_SHRINK) ||
		fstat(fd, &st) < 0 || st.st_size != HANDOVER_RECORD_SIZE ||
		st.st_blksize > (int)GUEST_PAGE_SIZE)
		return attachment_refuse(a, HANDOVER_R_RECORD,
			"the record is no memfd of %u bytes in small pages, sealed against "
			"shrinking",
			HANDOVER_RECORD_SIZE);
	at = mmap(NULL, HANDOVER_RECORD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return attachment_refuse(a, HANDOVER_R_RECORD, "the record: %s", strerror(errno));
	if (guest_fault_watch(at, HANDOVER_RECORD_SIZE, GUEST_PAGE_SIZE, &a->mem.dead) < 0) {
		munmap(at, HANDOVER_RECORD_SIZE);
		return attachment_refuse(a, HANDOVER_R_LIMIT, "too many guests");
	}
	a->record = at;
	return 0;
}

void attachment_drop_record(struct attachment *a)
{
	if (a->record == NULL)
		return;
	guest_fault_unwatch(a->record);
	munmap(a->record, HANDOVER_RECORD_SIZE);
	a->record = NULL;
}

// --- netvsp's questions, from the thread that polls ------------------------------------------

// A guest uses a page list once its hypervisor has told it that the list is complete, which is
// after we were sent it, not after we have read that.
static const struct gpadl *find_gpadl(void *arg, uint32_t id)
{
	struct attachment *a = arg;
	const struct gpadl *g = attachment_find_gpadl(a, id);
	bool may_come;
	uint8_t byte;

	if (g != NULL)
		return g;
	// In this order: what is no more in the socket is being taken, until we let go of the
	// table.
	may_come = recv(a->sock, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) > 0;
	if (!may_come)
		may_come = atomic_load(&a->taking);
	errno = may_come ? EAGAIN : ENOENT;
	return NULL;
}

static void want_subchannels(void *arg, uint32_t total)
{
	struct attachment *a = arg;

	atomic_store(&a->want_subchannels, total);
	a->ops->poke(a->arg);
}

static void changed(void *arg)
{
	struct attachment *a = arg;

	atomic_store(&a->changed, true);
	a->ops->poke(a->arg);
}

static int make_netvsp(struct attachment *a)
{
	const struct attachment_terms *terms = &a->terms;
	struct netvsp_options options = {
		.max_mtu = terms->max_mtu,
		.max_queues = terms->max_queues,
		.friendly_name = terms->friendly_name,
		.record = (uint8_t *)a->record + HANDOVER_RECORD_VSP,
		.record_size = HANDOVER_RECORD_SIZE - HANDOVER_RECORD_VSP,
		.resume = a->info.resumed,
		.find_gpadl = find_gpadl,
		.want_subchannels = want_subchannels,
		.changed = changed,
		.arg = a,
	};
	char reason[128] = "";

	memcpy(options.mac, terms->mac, sizeof(options.mac));
	a->vsp = netvsp_create(&options, reason, sizeof(reason));
	if (a->vsp == NULL)
		return errno == EILSEQ
		               ? attachment_refuse(a, HANDOVER_R_RECORD, "%s", reason)
		               : attachment_refuse(a, HANDOVER_R_LIMIT, "%s", strerror(errno));
	return 0;
}

int attachment_take_hello(struct attachment *a, const void *msg, size_t, int fd)
{
	struct handover_welcome welcome = {
		.hdr = {HANDOVER_WELCOME, sizeof(welcome)},
		.version = HANDOVER_VERSION,
	};
	struct handover_hello *hello = &a->info.hello;
	char reason[HANDOVER_REASON_SIZE] = "";
	enum handover_refusal refusal;
	int ret;

	memcpy(hello, msg, sizeof(*hello));
	ret = check(a, hello);
	if (ret < 0)
		return ret;
	// msg is gone when this returns: the owner may run other attachments.
	refusal = a->ops->hello(a->arg, hello, a->info.uid, &a->terms, reason, sizeof(reason));
	if (refusal != 0)
		return attachment_refuse(a, refusal, "%s", reason);
	if (a->terms.friendly_name != NULL) {
		// The owner's may change.
		snprintf(a->friendly_name, sizeof(a->friendly_name), "%s", a->terms.friendly_name);
		a->terms.friendly_name = a->friendly_name;
	}
	if (a->terms.max_queues > HANDOVER_MAX_CHANNELS)
		a->terms.max_queues = HANDOVER_MAX_CHANNELS;
	ret = map_record(a, hello->record_size, fd);
	if (ret < 0)
		return ret;
	a->info.resumed = hello->flags & HANDOVER_RESUME;
	ret = make_netvsp(a);
	if (ret < 0)
		return ret;
	a->state = ATTACHMENT_TELLING;
	welcome.flags = HANDOVER_TELLS_PORT | (a->terms.has_port ? HANDOVER_HAS_PORT : 0);
	welcome.max_subchannels = a->terms.max_queues - 1u;
	return attachment_reply(a, &welcome, sizeof(welcome), a->kick_fd);
}
