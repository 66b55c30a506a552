/* SPDX-License-Identifier: BSD-3-Clause */
// A hypervisor that says anything, in any order, with any descriptor, and a guest's memory of any
// content, against the provider's end of the handover and the NIC behind it. Nothing may be
// touched while it is paused, each reply must be a message, the end must come once.
//
// Input: operations of a byte, a length in two bytes (little endian) and so many bytes.
//   1..9   that message; the bytes are xored into a good one of the kind
//   32+t   the same, without a descriptor; 64+t: with the wrong one
//   100    the bytes are sent as they are
//   101    guest memory: an offset in four bytes, then content
//   102    the NIC is polled, and sent a frame
//   103    the owner ends it
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netvsp/attachment.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAGES       64u
#define MAX_MESSAGE (sizeof(struct handover_gpadl) + 8 * PAGES)

static struct attachment *attachment;
static int memory_fd, record_fd, peer;
static uint8_t *memory;
static bool ready, paused, gone;

static void require(bool held)
{
	if (!held)
		abort();
}

static enum handover_refusal on_hello(void *, const struct handover_hello *hello, uid_t,
	struct attachment_terms *terms, char *, size_t)
{
	require(memchr(hello->port, '\0', sizeof(hello->port)) != NULL);
	*terms = (struct attachment_terms){.max_mtu = 1500, .max_queues = 4};
	memcpy(terms->mac, hello->mac, sizeof(terms->mac));
	return 0;
}

static void on_ready(void *)
{
	require(!ready && !gone);
	ready = true;
}

static void on_pause(void *)
{
	require(ready && !paused && !gone);
	paused = true;
}

static void on_resume(void *)
{
	require(paused && !gone);
	paused = false;
}

static void on_poke(void *)
{
}

static void on_tell(void *, bool, const char *)
{
}

static void on_gone(void *, const char *reason)
{
	require(!gone && reason[0] != '\0' && paused == ready);
	gone = true;
}

static const struct attachment_ops ops = {
	.hello = on_hello,
	.ready = on_ready,
	.pause = on_pause,
	.resume = on_resume,
	.poke = on_poke,
	.tell = on_tell,
	.gone = on_gone,
};

// --- what a good hypervisor would say --------------------------------------------------------

static size_t good_hello(void *to)
{
	const struct handover_hello hello = {
		.magic = HANDOVER_MAGIC,
		.version_min = 1,
		.version_max = 1,
		.n_regions = 1,
		.n_vps = 1,
		.mac = {2, 0, 0, 0, 0, 1},
		.record_size = HANDOVER_RECORD_SIZE,
		.partition = "p",
		.nic = "n",
		.port = "q",
	};

	memcpy(to, &hello, sizeof(hello));
	return sizeof(hello);
}

static size_t good_gpadl(void *to)
{
	struct handover_gpadl *g = to;

	*g = (struct handover_gpadl){
		.id = 1, .byte_count = 16 * GUEST_PAGE_SIZE, .n_pages = 16, .count = 16};
	for (uint32_t i = 0; i < 16; i++)
		g->pfn[i] = i;
	return sizeof(*g) + 16 * sizeof(g->pfn[0]);
}

static size_t good(uint32_t type, void *to)
{
	const struct handover_region region = {.size = PAGES * GUEST_PAGE_SIZE};
	const struct handover_open open = {.ring_gpadl = 1, .downstream_page = 8};

	if (type == HANDOVER_HELLO)
		return good_hello(to);
	if (type == HANDOVER_GPADL)
		return good_gpadl(to);
	memset(to, 0, 64);
	if (type == HANDOVER_REGION)
		memcpy(to, &region, sizeof(region));
	if (type == HANDOVER_OPEN)
		memcpy(to, &open, sizeof(open));
	return handover_min_len(type);
}

static void send_one(const void *msg, size_t len, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)msg, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	if (sendmsg(peer, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return; // it is gone
}

static void say(uint32_t op, const uint8_t *bytes, size_t len)
{
	const uint32_t type = op % 32;
	const bool has_fd = type == HANDOVER_HELLO || type == HANDOVER_REGION;
	_Alignas(uint64_t) uint8_t msg[MAX_MESSAGE] = {};
	struct handover_header *hdr = (struct handover_header *)msg;
	int fd = type == HANDOVER_HELLO ? record_fd : memory_fd;
	size_t n = good(type, msg);

	*hdr = (struct handover_header){type, n};
	for (size_t i = 0; i < len && i < sizeof(msg); i++)
		msg[i] ^= bytes[i];
	if (op >= 64)
		fd = fd == record_fd ? memory_fd : record_fd;
	send_one(msg, n, op < 32 && has_fd ? fd : op >= 64 ? fd : -1);
}

static void hear(void)
{
	_Alignas(uint64_t) uint8_t msg[1024];
	int fd;

	while (handover_receive(peer, msg, sizeof(msg), &fd) > 0) {
		const struct handover_header *hdr = (const struct handover_header *)msg;

		require(hdr->type > 100);
		if (fd >= 0)
			close(fd);
	}
}

static void poll_nic(void)
{
	static uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
	static struct netvsp_frame frames[NETVSP_BURST];
	const struct iovec iov = {frame, sizeof(frame)};
	const struct ndis_packet_info info = {};
	struct netvsp *vsp = attachment_netvsp(attachment);

	if (!ready || paused || gone)
		return;
	for (uint32_t q = 0; q < 4; q++) {
		int n = netvsp_poll_from_guest(vsp, q, frames, NETVSP_BURST);

		if (n < 0)
			continue;
		for (int i = 0; i < n; i++)
			for (uint32_t s = 0; s < frames[i].n_segs; s++)
				for (size_t b = 0; b < frames[i].seg[s].iov_len; b++)
					(void)((const volatile uint8_t *)frames[i]
							.seg[s]
							.iov_base)[b];
		netvsp_complete(vsp, q);
		netvsp_send_to_guest(vsp, q, &iov, 1, sizeof(frame), &info);
		netvsp_flush_to_guest(vsp, q);
	}
	netvsp_arm(vsp);
	netvsp_disarm(vsp);
}

static void write_memory(const uint8_t *bytes, size_t len)
{
	uint32_t at;

	if (len < sizeof(at))
		return;
	memcpy(&at, bytes, sizeof(at));
	at %= PAGES * GUEST_PAGE_SIZE;
	len -= sizeof(at);
	if (len > PAGES * GUEST_PAGE_SIZE - at)
		len = PAGES * GUEST_PAGE_SIZE - at;
	memcpy(memory + at, bytes + sizeof(at), len);
}

static void act(uint8_t op, const uint8_t *bytes, size_t len)
{
	if (op == 100)
		send_one(bytes, len, -1);
	else if (op == 101)
		write_memory(bytes, len);
	else if (op == 102)
		poll_nic();
	else if (op == 103)
		attachment_end(attachment, HANDOVER_R_LIMIT, "enough");
	else if (op % 32 >= HANDOVER_HELLO && op % 32 <= HANDOVER_DETACH && op < 96)
		say(op, bytes, len);
}

static int sealed(size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	require(fd >= 0 && ftruncate(fd, size) == 0);
	require(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
	return fd;
}

static void begin(void)
{
	int sv[2];

	if (memory == NULL) {
		memory_fd = sealed(PAGES * GUEST_PAGE_SIZE);
		record_fd = sealed(HANDOVER_RECORD_SIZE);
		memory = mmap(NULL, PAGES * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			memory_fd, 0);
		require(memory != MAP_FAILED);
	}
	// Each input for itself; the record is written to by each NIC that is not resumed.
	memset(memory, 0, PAGES * GUEST_PAGE_SIZE);
	ready = paused = gone = false;
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == 0);
	peer = sv[1];
	attachment = attachment_create(sv[0], &ops, NULL);
	require(attachment != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;

	begin();
	while (end - data >= 3) {
		size_t len = data[1] | data[2] << 8;
		uint8_t op = data[0];

		data += 3;
		if (len > (size_t)(end - data))
			len = end - data;
		act(op, data, len);
		data += len;
		if (!gone)
			attachment_run(attachment);
		hear();
	}
	close(peer);
	if (!gone)
		attachment_run(attachment);
	require(gone);
	attachment_destroy(attachment);
	return 0;
}
