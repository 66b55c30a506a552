/* SPDX-License-Identifier: BSD-3-Clause */
// A provider that is the test: listens, answers as one does or as told, and may die at any step.
#pragma once

#include <dirent.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <hypervisor/vmbus/handover.h>
#include <hypervisor/vmbus/vsp_link.h>

#include "bus_fixture.h"

#define MAX_LISTS 64u

static struct vsp_link *link_of;
static char told[4096]; // by the link, a line each

static struct provider {
	char dir[64], path[96];
	int listener, sock;
	int lives;                    // messages it takes before it dies; negative: it lives on
	bool dies_answering;          // after the answer, else before
	bool silent;                  // takes messages and answers none but by hand
	bool holds_on;                // does not end when the link does
	enum handover_refusal refuse; // each hello
	uint16_t welcome_flags;
	int kick_fd;
	// Of this connection
	struct handover_hello hello;
	ino_t record;
	unsigned n_regions, n_lists, n_messages;
	uint32_t list[MAX_LISTS];
	bool ready, detached;
	bool hears_end; // the link has ended its half
	// Of each channel. `resumed`: OPEN said so.
	struct {
		bool open, resumed;
		uint32_t relid, ring, vp;
		int call_fd;
	} channel[HANDOVER_MAX_CHANNELS];
	// Over all connections
	bool was_open[HANDOVER_MAX_CHANNELS]; // and the guest has not closed it
	unsigned n_deaths, n_attached;
	uint32_t last; // type of the last message
} pr;

static inline unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static inline uint64_t read_fd(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static inline void provider_listen(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, pr.path);
	unlink(pr.path);
	pr.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(pr.listener >= 0);
	assert_int_equal(bind(pr.listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(pr.listener, 4), 0);
}

// Forgets all, as a process that ends. What it shared lives on at the other side.
static inline void provider_die(void)
{
	if (pr.sock < 0)
		return;
	close(pr.sock);
	pr.sock = -1;
	if (pr.kick_fd >= 0)
		close(pr.kick_fd);
	pr.kick_fd = -1;
	for (unsigned i = 0; i < HANDOVER_MAX_CHANNELS; i++) {
		if (pr.channel[i].open)
			close(pr.channel[i].call_fd);
		pr.channel[i].open = false;
	}
	pr.n_deaths++;
	pr.ready = false;
}

static inline void provider_stop(void)
{
	provider_die();
	if (pr.listener >= 0)
		close(pr.listener);
	pr.listener = -1;
	unlink(pr.path);
}

static inline void say(const void *msg, size_t len, int fd)
{
	assert_int_equal(handover_send(pr.sock, msg, len, fd), 0);
}

static inline void say_id(uint32_t type, uint32_t id)
{
	struct handover_id m = {.hdr = {type, sizeof(m)}, .id = id};

	say(&m, sizeof(m), -1);
}

static inline void say_plain(uint32_t type)
{
	struct handover_plain m = {.hdr = {type, sizeof(m)}};

	say(&m, sizeof(m), -1);
}

static inline void say_refused(uint32_t code, const char *reason)
{
	struct handover_refused m = {.hdr = {HANDOVER_REFUSED, sizeof(m)}, .code = code};

	snprintf(m.reason, sizeof(m.reason), "%s", reason);
	say(&m, sizeof(m), -1);
}

static inline void say_welcome(void)
{
	struct handover_welcome m = {
		.hdr = {HANDOVER_WELCOME, sizeof(m)},
		.version = HANDOVER_VERSION,
		.flags = pr.welcome_flags,
		.max_subchannels = 63,
	};

	pr.kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	say(&m, sizeof(m), pr.kick_fd);
}

static inline void say_subchannels(uint32_t total)
{
	struct handover_subchannels m = {.hdr = {HANDOVER_SUBCHANNELS, sizeof(m)}, .total = total};

	say(&m, sizeof(m), -1);
}

static inline void say_open_result(uint32_t index, int status)
{
	struct handover_open_result m = {
		.hdr = {HANDOVER_OPEN_RESULT, sizeof(m)}, .index = index, .status = status};

	snprintf(m.reason, sizeof(m.reason), "%s", status != 0 ? "it would not" : "");
	pr.channel[index].open = status == 0;
	if (status == 0) {
		pr.channel[index].call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		pr.was_open[index] = true;
	}
	say(&m, sizeof(m), status == 0 ? pr.channel[index].call_fd : -1);
}

static inline void close_channel(uint32_t index)
{
	if (pr.channel[index].open)
		close(pr.channel[index].call_fd);
	pr.channel[index].open = false;
}

// ---- what it is told: everything must make sense to one that knows nothing else

static inline void take_hello(const void *msg, int fd)
{
	struct stat st;

	memcpy(&pr.hello, msg, sizeof(pr.hello));
	pr.n_regions = pr.n_lists = 0;
	pr.detached = pr.hears_end = false;
	assert_int_equal(pr.hello.magic, HANDOVER_MAGIC);
	assert_int_equal(pr.hello.record_size, HANDOVER_RECORD_SIZE);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, HANDOVER_RECORD_SIZE);
	assert_true(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK);
	pr.record = st.st_ino;
	// Something to take up, if and only if the primary was open.
	assert_int_equal(pr.hello.flags == HANDOVER_RESUME, pr.was_open[0]);
}

static inline uint32_t *find_list(uint32_t id)
{
	for (unsigned i = 0; i < pr.n_lists; i++)
		if (pr.list[i] == id)
			return &pr.list[i];
	return NULL;
}

static inline void take_list(const void *msg)
{
	const struct handover_gpadl *g = msg;

	assert_int_equal(g->hdr.len, sizeof(*g) + 8 * g->count);
	if (g->first == 0) {
		assert_null(find_list(g->id));
		assert_true(pr.n_lists < MAX_LISTS);
		pr.list[pr.n_lists++] = g->id;
	}
	assert_true(g->first + g->count <= g->n_pages && g->count <= HANDOVER_GPADL_CHUNK);
}

static inline void take_open(const void *msg)
{
	const struct handover_open *o = msg;

	assert_true(o->index < HANDOVER_MAX_CHANNELS);
	assert_false(pr.channel[o->index].open);
	assert_non_null(find_list(o->ring_gpadl));
	pr.channel[o->index].resumed = o->flags & HANDOVER_RESUME;
	assert_int_equal(pr.channel[o->index].resumed, pr.was_open[o->index]);
	pr.channel[o->index].relid = o->relid;
	pr.channel[o->index].ring = o->ring_gpadl;
	pr.channel[o->index].vp = o->target_vp;
}

static inline void note_message(const struct handover_header *m, int fd)
{
	const struct handover_id *id = (const struct handover_id *)m;
	uint32_t *list;

	pr.last = m->type;
	pr.n_messages++;
	switch (m->type) {
	case HANDOVER_HELLO: take_hello(m, fd); break;
	case HANDOVER_REGION:
		assert_true(fd >= 0);
		pr.n_regions++;
		break;
	case HANDOVER_GPADL: take_list(m); break;
	case HANDOVER_GPADL_TEARDOWN:
		list = find_list(id->id);
		assert_non_null(list);
		for (unsigned i = 0; i < HANDOVER_MAX_CHANNELS; i++)
			assert_false(pr.channel[i].open && pr.channel[i].ring == id->id);
		*list = pr.list[--pr.n_lists];
		break;
	case HANDOVER_OPEN: take_open(m); break;
	case HANDOVER_MODIFY:
		pr.channel[id->id].vp = ((const struct handover_modify *)m)->target_vp;
		break;
	case HANDOVER_READY: pr.ready = true; break;
	case HANDOVER_DETACH: pr.detached = true; break;
	default: assert_int_equal(m->type, HANDOVER_CLOSE);
	}
}

static inline void answer_message(const struct handover_header *m)
{
	const struct handover_id *id = (const struct handover_id *)m;

	switch (m->type) {
	case HANDOVER_HELLO:
		if (pr.refuse == 0)
			say_welcome();
		else
			say_refused(pr.refuse, "not today");
		break;
	case HANDOVER_GPADL_TEARDOWN: say_id(HANDOVER_GPADL_GONE, id->id); break;
	case HANDOVER_OPEN: say_open_result(id->id, 0); break;
	case HANDOVER_CLOSE:
		close_channel(id->id);
		say_id(HANDOVER_CLOSE_DONE, id->id);
		break;
	case HANDOVER_MODIFY: say_id(HANDOVER_MODIFY_DONE, id->id); break;
	case HANDOVER_READY:
		pr.n_attached++;
		say_plain(HANDOVER_READY_DONE);
		break;
	case HANDOVER_DETACH: say_plain(HANDOVER_DETACH_DONE); break;
	default: break;
	}
}

// Takes one message. False: there is none.
static inline bool provider_step(void)
{
	static _Alignas(8) uint8_t buffer[HANDOVER_MAX_MESSAGE];
	const struct handover_header *m = (const struct handover_header *)buffer;
	int fd, len;

	if (pr.sock < 0 && pr.listener >= 0) {
		pr.sock = accept4(pr.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		return pr.sock >= 0;
	}
	if (pr.sock < 0)
		return false;
	len = handover_receive(pr.sock, buffer, sizeof(buffer), &fd);
	if (len == -EAGAIN)
		return false;
	if (len <= 0) {
		assert_int_equal(len, 0); // never nonsense
		pr.hears_end = true;
		if (pr.holds_on)
			return false;
		provider_die();
		return true;
	}
	note_message(m, fd);
	if (fd >= 0)
		close(fd);
	if (pr.lives > 0)
		pr.lives--;
	if (!pr.silent && (pr.lives != 0 || pr.dies_answering))
		answer_message(m);
	if (pr.lives == 0) {
		pr.lives = -1;
		provider_die();
	} else if (pr.refuse != 0 && m->type == HANDOVER_HELLO) {
		provider_die();
	}
	return true;
}

// Lets both sides do what they have to.
static inline void settle(void)
{
	struct pollfd p = {.fd = vsp_link_fd(link_of), .events = POLLIN};
	bool busy;

	do {
		busy = provider_step();
		if (poll(&p, 1, 0) > 0) {
			vsp_link_run(link_of);
			busy = true;
		}
	} while (busy);
}

// The same until `done`, for 5 s at most.
#define WORK_UNTIL(done) \
	do { \
		struct pollfd p_ = {.fd = vsp_link_fd(link_of), .events = POLLIN}; \
		time_t begin_ = time(NULL); \
		for (settle(); !(done); settle()) { \
			assert_true(time(NULL) - begin_ < 5); \
			poll(&p_, 1, 20); \
		} \
	} while (0)

// The guest has closed it: whatever the provider had of it is not to be taken up.
static inline void guest_close(uint32_t relid, uint32_t index)
{
	pr.was_open[index] = false;
	post_relid(VMBUS_CLOSECHANNEL, relid);
}

static inline enum vsp_link_state state_of(void)
{
	return vsp_link_state(link_of, NULL, 0);
}

static inline void on_tell(void *, bool, const char *text)
{
	size_t used = strlen(told);

	snprintf(told + used, sizeof(told) - used, "%s\n", text);
}

static inline void make_link(void)
{
	struct vsp_link_options o = {
		.bus = bus,
		.synic = &synic,
		.mem = &mem,
		.n_vps = N_VPS,
		.socket_path = pr.path,
		.partition = "vm1",
		.nic = "eth0",
		.port = "web1",
		.software = "test 1",
		.instance = instance,
		.mac = {2, 0x77, 0, 0, 0, 1},
		.max_queues = 3,
		.tell = on_tell,
	};

	link_of = vsp_link_create(&o);
	assert_non_null(link_of);
}

static unsigned n_fds_before;

static inline int setup_link(void **)
{
	n_fds_before = count_fds();
	setup_bus();
	told[0] = '\0';
	pr = (struct provider){.listener = -1, .sock = -1, .kick_fd = -1, .lives = -1};
	strcpy(pr.dir, "/tmp/vsp_link.XXXXXX");
	assert_non_null(mkdtemp(pr.dir));
	snprintf(pr.path, sizeof(pr.path), "%s/sock", pr.dir);
	provider_listen();
	make_link();
	return 0;
}

static inline int teardown_link(void **)
{
	provider_stop();
	vsp_link_destroy(link_of);
	assert_int_equal(n_calls, 0);
	for (unsigned i = 0; i <= VMBUS_MAX_RELID; i++)
		assert_int_equal(kick_of[i], -1);
	vmbus_bus_destroy(bus);
	guest_mem_clear(&mem);
	rmdir(pr.dir);
	assert_int_equal(count_fds(), n_fds_before);
	return 0;
}

// Attached, and the guest has the NIC.
static inline uint32_t attach_and_meet(void)
{
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	return meet(VMBUS_VERSION_5_3);
}

// And has opened it.
static inline uint32_t attach_and_open(void)
{
	uint32_t relid = attach_and_meet();

	make_list(relid, RING_GPADL, 8, 8);
	post_open(relid, RING_GPADL);
	WORK_UNTIL(n_sent > n_read);
	assert_int_equal(take_open_result(relid), 0);
	return relid;
}
