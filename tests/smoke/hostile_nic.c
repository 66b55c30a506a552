/* SPDX-License-Identifier: BSD-3-Clause */
#include "hostile_nic.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <hypervisor/vmbus/handover.h>
#include <ndis_compat/oid.h>

#define RECEIVE_PAGES 512u
#define SEND_PAGES    256u
#define RELID         1u

enum { LIST_RING = 1, LIST_RECEIVE, LIST_SEND };

struct hostile_nic t = {.sock = -1, .kick_fd = -1, .call_fd = -1};

uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

bool over(void)
{
	return now() >= t.end;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

// ---- the connection

static void say(const void *msg, size_t len, int fd)
{
	int ret;

	while ((ret = handover_send(t.sock, msg, len, fd)) == -EAGAIN && !over())
		usleep(1000);
	if (ret < 0)
		t.failed = true;
}

static void say_list(uint32_t id, uint64_t gpa, uint32_t n)
{
	static struct {
		struct handover_gpadl g;
		uint64_t pfn[RECEIVE_PAGES];
	} m;

	m.g = (struct handover_gpadl){
		.hdr = {HANDOVER_GPADL, sizeof(m.g) + n * 8},
		.id = id,
		.byte_count = n * GUEST_PAGE_SIZE,
		.n_pages = n,
		.count = n,
	};
	for (uint32_t i = 0; i < n; i++)
		m.pfn[i] = (gpa >> GUEST_PAGE_SHIFT) + i;
	say(&m, m.g.hdr.len, -1);
}

static void hear(const struct handover_header *msg, int fd)
{
	const struct handover_open_result *result = (const void *)msg;

	switch (msg->type) {
	case HANDOVER_WELCOME:
		close_fd(&t.kick_fd);
		t.kick_fd = fd;
		return;
	case HANDOVER_OPEN_RESULT:
		close_fd(&t.call_fd);
		t.call_fd = fd;
		t.is_open = result->status == 0;
		t.failed = t.failed || result->status != 0;
		return;
	case HANDOVER_CHANNEL_ERROR: t.errors++; break;
	case HANDOVER_REFUSED:
		t.thrown_out++;
		t.failed = true;
		break;
	default: break;
	}
	close_fd(&fd);
}

bool listen_to(int ms)
{
	static _Alignas(8) uint8_t buffer[HANDOVER_MAX_MESSAGE];
	struct pollfd p = {.fd = t.sock, .events = POLLIN};
	int fd, len = -EAGAIN;

	if (poll(&p, 1, ms) > 0)
		len = handover_receive(t.sock, buffer, sizeof(buffer), &fd);
	if (len > 0)
		hear((const struct handover_header *)buffer, fd);
	else if (len != -EAGAIN)
		t.failed = true;
	return len > 0;
}

static bool reach(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	close_fd(&t.sock);
	t.sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return t.sock >= 0 && connect(t.sock, (struct sockaddr *)&to, sizeof(to)) == 0;
}

static void introduce(const char *port)
{
	struct handover_hello hello = {
		.hdr = {HANDOVER_HELLO, sizeof(hello)},
		.magic = HANDOVER_MAGIC,
		.version_min = HANDOVER_VERSION,
		.version_max = HANDOVER_VERSION,
		.vmbus_version = 0x50003,
		.n_regions = t.pages.mem.n,
		.n_vps = 1,
		.mac = {0x02, 0x77, 0, 0, 9, 9},
		.record_size = HANDOVER_RECORD_SIZE,
		.partition = "hostile",
		.nic = "nic0",
		.software = "hostile_guest",
	};

	snprintf(hello.port, sizeof(hello.port), "%s", port);
	say(&hello, sizeof(hello), t.record_fd);
	for (unsigned i = 0; i < t.pages.mem.n; i++) {
		const struct guest_region *r = &t.pages.mem.region[i];
		struct handover_region m = {
			.hdr = {HANDOVER_REGION, sizeof(m)},
			.gpa = r->gpa,
			.size = r->size,
			.offset = r->offset,
		};

		say(&m, sizeof(m), r->fd);
	}
}

// ---- the rings

void kick(void)
{
	uint64_t one = 1;

	if (write(t.kick_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		t.failed = true;
}

bool put_in_band(const struct nvsp_message *m)
{
	uint8_t *at =
		vmbus_ring_put(&t.out, VMBUS_PACKET_IN_BAND, true, ++t.transaction, 0, sizeof(*m));

	if (at == NULL)
		return false;
	memcpy(at, m, sizeof(*m));
	t.sent++;
	return true;
}

bool put_direct(const struct direct *d, uint32_t channel)
{
	const struct nvsp_message m = {
		.type = NVSP_RNDIS_PACKET, .rndis = {channel, NVSP_NO_SECTION, 0}};
	uint8_t *at = vmbus_ring_put(
		&t.out, VMBUS_PACKET_GPA_DIRECT, true, ++t.transaction, sizeof(*d), sizeof(m));

	if (at == NULL)
		return false;
	memcpy(at, d, sizeof(*d));
	memcpy(at + sizeof(*d), &m, sizeof(m));
	t.sent++;
	return true;
}

static bool put_page(uint64_t gpa, uint32_t len, uint32_t channel)
{
	const struct direct d = {
		.head.n_ranges = 1,
		.range.len = len,
		.pfn = gpa >> GUEST_PAGE_SHIFT,
	};

	return put_direct(&d, channel);
}

bool put_control(const struct rndis_control *c)
{
	uint8_t *page = guest_pages_at(&t.pages, t.scratch);
	int len = rndis_control_build(page, GUEST_PAGE_SIZE, c);

	return len > 0 && put_page(t.scratch, len, NVSP_CHANNEL_CONTROL);
}

static void show(void)
{
	if (vmbus_ring_publish_write(&t.out))
		kick();
}

static void complete(const struct vmbus_packet *p)
{
	const struct nvsp_message m = {
		.type = NVSP_RNDIS_PACKET_COMPLETE, .rndis_complete.status = NVSP_STATUS_SUCCESS};
	uint8_t *at = vmbus_ring_put(
		&t.out, VMBUS_PACKET_COMPLETION, false, p->transaction, 0, sizeof(m));

	if (at != NULL)
		memcpy(at, &m, sizeof(m));
}

void take(void)
{
	struct vmbus_packet p;
	unsigned n = 0;

	while (n++ < 256 && vmbus_ring_peek(&t.in, &p) == 1) {
		if (p.type == VMBUS_PACKET_COMPLETION) {
			t.completed++;
		} else {
			t.received++;
			if (p.wants_completion && !t.keeps)
				complete(&p);
		}
		vmbus_ring_take(&t.in, &p);
	}
	if (vmbus_ring_publish_read(&t.in))
		kick();
	show();
}

void clear_flag(void)
{
	uint64_t *page = (uint64_t *)guest_pages_at(&t.pages, t.siefp);

	for (unsigned i = 0; i < GUEST_PAGE_SIZE / 8; i++)
		__atomic_store_n(&page[i], 0, __ATOMIC_RELEASE);
}

static bool settle(void)
{
	uint64_t until = now() + 2000000000ull;

	show();
	kick();
	while (t.completed < t.sent && now() < until && !t.failed) {
		take();
		usleep(200);
		listen_to(0);
	}
	return t.completed >= t.sent;
}

// ---- a NIC like any other

static void set_place(void)
{
	struct vmbus_event_place *place = (struct vmbus_event_place *)t.record;

	atomic_store(&place->gpa, t.siefp);
	atomic_store(&place->target_vp, 0);
	atomic_store(&place->flag, RELID);
	atomic_store(&place->enabled, 1);
}

static bool open_channel(void)
{
	const struct handover_open m = {
		.hdr = {HANDOVER_OPEN, sizeof(m)},
		.ring_gpadl = LIST_RING,
		.downstream_page = RING_PAGES,
		.relid = RELID,
	};
	uint64_t until = now() + 2000000000ull;

	vmbus_ring_unmap(&t.out);
	vmbus_ring_unmap(&t.in);
	memset(guest_pages_at(&t.pages, t.ring), 0, 2ul * RING_PAGES * GUEST_PAGE_SIZE);
	if (vmbus_ring_map(&t.out, &t.pages.mem, &t.ring_list, 0, RING_PAGES) < 0 ||
		vmbus_ring_map(&t.in, &t.pages.mem, &t.ring_list, RING_PAGES, RING_PAGES) < 0)
		return false;
	vmbus_ring_be_writer(&t.out);
	vmbus_ring_be_reader(&t.in);
	t.sent = t.completed = 0;
	t.is_open = false;
	say(&m, sizeof(m), -1);
	while (!t.is_open && !t.failed && now() < until)
		listen_to(100);
	return t.is_open;
}

static bool come_up(void)
{
	const struct nvsp_message init = {
		.type = NVSP_INIT, .init = {NVSP_VERSION_6_1, NVSP_VERSION_6_1}};
	const struct nvsp_message config = {.type = NVSP_SEND_NDIS_CONFIG, .ndis_config.mtu = 1514};
	const struct nvsp_message version = {
		.type = NVSP_SEND_NDIS_VERSION, .ndis_version = {6, 30}};
	const struct nvsp_message receive = {
		.type = NVSP_SEND_RECEIVE_BUFFER, .buffer = {LIST_RECEIVE, NVSP_RECEIVE_BUFFER_ID}};
	const struct nvsp_message send = {
		.type = NVSP_SEND_SEND_BUFFER, .buffer = {LIST_SEND, NVSP_SEND_BUFFER_ID}};
	const struct nvsp_message *const talk[] = {&init, &config, &version, &receive, &send};
	const uint32_t filter = 0x2f;
	const struct rndis_control start = {
		.type = RNDIS_MSG_INITIALIZE, .request_id = 1, .major = 1, .max_transfer = 0x4000};
	const struct rndis_control set = {
		.type = RNDIS_MSG_SET,
		.request_id = 2,
		.oid = OID_GEN_CURRENT_PACKET_FILTER,
		.data = (const uint8_t *)&filter,
		.data_len = sizeof(filter),
	};

	for (unsigned i = 0; i < sizeof(talk) / sizeof(talk[0]); i++)
		if (!put_in_band(talk[i]) || !settle())
			return false;
	return put_control(&start) && settle() && put_control(&set) && settle();
}

bool attach(const char *path, const char *port)
{
	const struct handover_plain ready = {.hdr = {HANDOVER_READY, sizeof(ready)}};

	t.failed = false;
	close_fd(&t.kick_fd);
	close_fd(&t.call_fd);
	memset(t.record, 0, HANDOVER_RECORD_SIZE);
	set_place();
	if (!reach(path))
		return false;
	introduce(port);
	say(&ready, sizeof(ready), -1);
	say_list(LIST_RING, t.ring, 2 * RING_PAGES);
	say_list(LIST_RECEIVE, t.receive, RECEIVE_PAGES);
	say_list(LIST_SEND, t.send, SEND_PAGES);
	if (t.failed || !open_channel() || !come_up())
		return false;
	t.attached++;
	return true;
}

bool reopen(void)
{
	const struct handover_id m = {.hdr = {HANDOVER_CLOSE, sizeof(m)}};

	say(&m, sizeof(m), -1);
	return !t.failed && open_channel() && come_up();
}

bool make_memory(void)
{
	uint64_t pfn[2 * RING_PAGES];

	if (guest_pages_create(&t.pages, 16u << 20) < 0)
		return false;
	t.ring = guest_pages_alloc(&t.pages, 2 * RING_PAGES, GUEST_PAGES_RING);
	t.receive = guest_pages_alloc(&t.pages, RECEIVE_PAGES, GUEST_PAGES_BUFFER);
	t.send = guest_pages_alloc(&t.pages, SEND_PAGES, GUEST_PAGES_BUFFER);
	t.scratch = guest_pages_alloc(&t.pages, 1, GUEST_PAGES_BUFFER);
	t.siefp = guest_pages_alloc(&t.pages, 1, GUEST_PAGES_BUFFER);
	if (t.ring == 0 || t.receive == 0 || t.send == 0 || t.scratch == 0 || t.siefp == 0)
		return false;
	for (uint32_t i = 0; i < 2 * RING_PAGES; i++)
		pfn[i] = (t.ring >> GUEST_PAGE_SHIFT) + i;
	t.record_fd = memfd_create("record", MFD_ALLOW_SEALING);
	if (t.record_fd < 0 || ftruncate(t.record_fd, HANDOVER_RECORD_SIZE) < 0 ||
		fcntl(t.record_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return false;
	t.record = mmap(
		NULL, HANDOVER_RECORD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, t.record_fd, 0);
	return t.record != MAP_FAILED &&
	       gpadl_init(&t.ring_list, &t.pages.mem, LIST_RING, 0,
		       sizeof(pfn) / 8 * GUEST_PAGE_SIZE, pfn, 2 * RING_PAGES) == 0;
}
