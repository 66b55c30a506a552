/* SPDX-License-Identifier: BSD-3-Clause */
// A provider that says anything at any time, dies and comes back, under a guest that opens and
// closes its NIC. The guest must never be left waiting once the provider is gone, nor be given
// anything back while one that is dropped has not let go, no place of an event flag may vanish
// while it is bound, and no descriptor may be left over.
//
// Input: bytes of steps: what to do, then its parameters; missing ones are 0.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <hypervisor/vmbus/vsp_link_state.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_VPS    4u
#define N_PAGES  32u
#define MAX_FDS  256
#define N_PLACES 64u

static struct vmbus_bus *bus;
static struct vsp_link *nic;
static struct guest_mem mem;
static char path[64];
static int listener, sock;
static bool got_version;
static bool never_lent; // the guest wants back what it has not lent
static uint32_t offered[4], n_offered;
static struct {
	struct vmbus_event_place *place;
	int fd;
} bound[N_PLACES];
static unsigned n_bound;

static void require(bool held)
{
	if (!held)
		abort();
}

static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < MAX_FDS; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

// ---- the interrupt controller

static int post_message(void *, uint32_t, const void *msg, size_t)
{
	struct vmbus_offer_channel offer;
	struct vmbus_header hdr;

	memcpy(&hdr, msg, sizeof(hdr));
	require(!nic->dropping || hdr.type != VMBUS_GPADL_TORNDOWN || never_lent);
	if (hdr.type == VMBUS_OFFERCHANNEL) {
		memcpy(&offer, msg, sizeof(offer));
		offered[n_offered++ % 4] = offer.relid;
	}
	got_version |= hdr.type == VMBUS_VERSION_RESPONSE;
	return 0;
}

static int bind_connection(void *, uint32_t, int kick_fd)
{
	require(kick_fd == -1 || fcntl(kick_fd, F_GETFD) >= 0);
	return 0;
}

static void unbind(unsigned i)
{
	atomic_store(&bound[i].place->enabled, 0);
	bound[i] = bound[--n_bound];
}

static int bind_interrupt(void *, uint32_t vp, int call_fd, struct vmbus_event_place *place)
{
	for (unsigned i = n_bound; i-- > 0;)
		if (bound[i].place == place || bound[i].fd == call_fd)
			unbind(i);
	if (vp == UINT32_MAX)
		return 0;
	require(vp < N_VPS && n_bound < N_PLACES && fcntl(call_fd, F_GETFD) >= 0);
	atomic_store(&place->enabled, 1);
	bound[n_bound].place = place;
	bound[n_bound++].fd = call_fd;
	return 0;
}

static const struct synic_ops synic = {post_message, bind_connection, bind_interrupt};

// ---- the provider

struct input {
	const uint8_t *at, *end;
};

static uint32_t next(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static void provider_listen(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, path);
	unlink(path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	require(bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	require(listen(listener, 4) == 0);
}

static void provider_die(void)
{
	if (sock >= 0)
		close(sock);
	sock = -1;
}

// What it hears must always be a message.
static void provider_listen_up(void)
{
	static _Alignas(8) uint8_t buffer[HANDOVER_MAX_MESSAGE];
	int fd, len;

	while ((len = handover_receive(sock, buffer, sizeof(buffer), &fd)) > 0)
		if (fd >= 0)
			close(fd);
	require(len == 0 || len == -EAGAIN);
}

static void provider_send(const void *msg, size_t len, bool with_fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = {.iov_base = (void *)msg, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	int fd = -1;

	if (with_fd) {
		fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	if (sendmsg(sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		provider_die();
	if (fd >= 0)
		close(fd);
}

// Any type, as long as it should be, with two numbers.
static void provider_say(struct input *in)
{
	uint8_t raw[sizeof(struct handover_open_result)] = {};
	struct handover_id m = {};
	size_t len;

	m.hdr.type = 100 + next(in) % 12;
	m.id = next(in);
	m.reserved = (int8_t)next(in);
	len = handover_min_len(m.hdr.type);
	if (len == 0)
		len = sizeof(m);
	m.hdr.len = len;
	if (m.hdr.type == HANDOVER_WELCOME)
		m.id = HANDOVER_VERSION;
	memset(raw, m.id, sizeof(raw));
	memcpy(raw, &m, len < sizeof(m) ? len : sizeof(m));
	provider_send(raw, len, next(in) & 1);
}

static void provider_say_raw(struct input *in)
{
	uint8_t raw[600];
	size_t len = next(in) * 2, left = in->end - in->at;
	bool with_fd = next(in) & 1;

	left = in->end - in->at;
	if (len > left)
		len = left;
	memcpy(raw, in->at, len);
	in->at += len;
	if (len > 0)
		provider_send(raw, len, with_fd);
}

// As it should: welcome, all opens well, ready.
static void provider_serve(void)
{
	static _Alignas(8) uint8_t buffer[HANDOVER_MAX_MESSAGE];
	struct handover_open_result result = {.hdr = {HANDOVER_OPEN_RESULT, sizeof(result)}};
	struct handover_welcome welcome = {
		.hdr = {HANDOVER_WELCOME, sizeof(welcome)}, .version = HANDOVER_VERSION};
	struct handover_plain ready = {.hdr = {HANDOVER_READY_DONE, sizeof(ready)}};
	struct handover_id id;
	int fd;

	while (sock >= 0 && handover_receive(sock, buffer, sizeof(buffer), &fd) > 0) {
		if (fd >= 0)
			close(fd);
		memcpy(&id, buffer, sizeof(id.hdr));
		if (id.hdr.len >= sizeof(id))
			memcpy(&id, buffer, sizeof(id));
		result.index = id.id;
		switch (id.hdr.type) {
		case HANDOVER_HELLO: provider_send(&welcome, sizeof(welcome), true); break;
		case HANDOVER_OPEN: provider_send(&result, sizeof(result), true); break;
		case HANDOVER_READY: provider_send(&ready, sizeof(ready), false); break;
		case HANDOVER_CLOSE:
		case HANDOVER_GPADL_TEARDOWN:
		case HANDOVER_MODIFY:
			id.hdr.type = id.hdr.type == HANDOVER_CLOSE    ? HANDOVER_CLOSE_DONE
			              : id.hdr.type == HANDOVER_MODIFY ? HANDOVER_MODIFY_DONE
			                                               : HANDOVER_GPADL_GONE;
			id.hdr.len = sizeof(id);
			provider_send(&id, sizeof(id), false);
		}
	}
}

// ---- the guest

static void post(const void *msg, size_t len)
{
	require(vmbus_bus_message(bus, VMBUS_CONNECTION_NEW, msg, len) == 0);
}

static void guest_meets(void)
{
	struct vmbus_initiate_contact m = {
		.hdr.type = VMBUS_INITIATE_CONTACT, .version = VMBUS_VERSION_5_3};
	struct vmbus_header r = {.type = VMBUS_REQUESTOFFERS};

	post(&m, sizeof(m));
	post(&r, sizeof(r));
}

static void guest_makes_list(uint32_t relid, uint32_t id)
{
	struct {
		struct vmbus_gpadl_header m;
		uint32_t byte_count, byte_offset;
		uint64_t pfn[8];
	} __attribute__((packed)) g = {
		.m = {{VMBUS_GPADL_HEADER, 0}, relid, id, 8 + 8 * 8, 1},
		.byte_count = 8 * GUEST_PAGE_SIZE,
	};

	for (uint32_t i = 0; i < 8; i++)
		g.pfn[i] = i + 8 * (id % 4);
	post(&g, sizeof(g));
}

static void guest_opens(uint32_t relid, uint32_t id, uint32_t vp)
{
	struct vmbus_open_channel m = {
		.hdr.type = VMBUS_OPENCHANNEL,
		.relid = relid,
		.ring_gpadl = id,
		.target_vp = vp,
		.downstream_page = 4,
	};

	post(&m, sizeof(m));
}

static bool has_lent(uint32_t id)
{
	const struct gpadl *g = NULL;

	while (nic->device != NULL && (g = vmbus_next_gpadl(nic->device, g)) != NULL)
		if (g->id == id)
			return true;
	return false;
}

static void guest_does(struct input *in)
{
	static const uint32_t types[] = {VMBUS_CLOSECHANNEL, VMBUS_GPADL_TEARDOWN,
		VMBUS_MODIFYCHANNEL, VMBUS_RELID_RELEASED};
	uint32_t what = next(in) % 8, relid = offered[next(in) % 4], id = next(in) % 4;
	struct vmbus_gpadl_teardown m = {.relid = relid, .gpadl = id};

	switch (what) {
	case 0: guest_meets(); break;
	case 1: guest_makes_list(relid, id); break;
	case 2: guest_opens(relid, id, id == 3 ? UINT32_MAX : id); break;
	case 3: vmbus_bus_reset(bus); break;
	default:
		m.hdr.type = types[what - 4];
		never_lent = !has_lent(id);
		post(&m, sizeof(m));
		never_lent = false;
	}
}

// ---- steps

static void step(struct input *in)
{
	switch (next(in) % 12) {
	case 0:
	case 1: vsp_link_run(nic); break;
	case 2:
		if (sock < 0)
			sock = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		break;
	case 3:
		if (sock >= 0)
			provider_listen_up();
		break;
	case 4:
		if (sock >= 0)
			provider_say(in);
		break;
	case 5:
		if (sock >= 0)
			provider_say_raw(in);
		break;
	case 6: provider_die(); break;
	case 7: vsp_link_arm(nic, 0); break;
	case 8:
	case 9: guest_does(in); break;
	case 10: provider_serve(); break;
	default:
		if (next(in) % 8 == 0)
			vsp_link_remove(nic);
	}
	for (unsigned i = 0; i < n_bound; i++)
		require(atomic_load(&bound[i].place->enabled) == 1);
}

static void start(void)
{
	struct vsp_link_options o = {
		.mem = &mem,
		.synic = &synic,
		.n_vps = N_VPS,
		.socket_path = path,
		.partition = "vm",
		.nic = "eth0",
		.port = "web1",
		.software = "fuzz",
		.instance = {{1}},
	};

	n_bound = n_offered = 0;
	memset(offered, 0, sizeof(offered));
	sock = -1;
	provider_listen();
	bus = vmbus_bus_create(&synic, NULL, &mem, N_VPS);
	require(bus != NULL);
	o.bus = bus;
	nic = vsp_link_create(&o);
	require(nic != NULL);
}

// Without a provider, the guest waits for nothing.
static void finish(void)
{
	provider_die();
	close(listener);
	unlink(path);
	// What it had said last comes first.
	for (int i = 0; i < 16; i++)
		vsp_link_run(nic);
	got_version = false;
	guest_meets();
	require(got_version && n_bound == 0);
	vsp_link_destroy(nic);
	vmbus_bus_destroy(bus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	unsigned before;
	int fd;

	if (mem.n == 0) {
		snprintf(path, sizeof(path), "/tmp/fuzz_vsp_link.%d", (int)getpid());
		fd = memfd_create("guest", MFD_ALLOW_SEALING);
		require(fd >= 0 && ftruncate(fd, N_PAGES * GUEST_PAGE_SIZE) == 0);
		require(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
		require(guest_mem_add(&mem, 0, N_PAGES * GUEST_PAGE_SIZE, fd, 0) == 0);
		close(fd);
	}
	before = count_fds();
	start();
	while (in.at < in.end)
		step(&in);
	finish();
	require(count_fds() == before);
	return 0;
}
