/* SPDX-License-Identifier: BSD-3-Clause */
// A hypervisor that is the test: what it says to an attachment, and what it hears.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <hypervisor/vmbus/bus.h>
#include <netvsp/attachment.h>

#include "fake_netvsp.h"
#include "vmbus_memory.h"

#define PAGES 64u

static struct peer {
	struct attachment *a;
	int peer, mem_fd, record_fd;
	int kick_fd, call_fd; // as received
	unsigned n_fds_before;
	enum handover_refusal refuse;
	bool ready, gone;
	int paused;
	void (*hold)(bool on); // the polling thread, if there is one
	unsigned n_pokes, n_pauses;
	char reason[HANDOVER_REASON_SIZE];
	_Alignas(8) uint8_t reply[sizeof(struct handover_open_result)];
} t;

static inline enum handover_refusal on_hello(void *, const struct handover_hello *hello, uid_t uid,
	struct attachment_terms *terms, char *reason, size_t size)
{
	assert_int_equal(uid, getuid());
	assert_string_equal(hello->port, "web1");
	*terms = (struct attachment_terms){.max_mtu = 1500, .max_queues = 64};
	memcpy(terms->mac, hello->mac, 6);
	snprintf(reason, size, "the owner says no");
	return t.refuse;
}

static inline void on_ready(void *)
{
	assert_false(t.ready);
	t.ready = true;
	fake_netvsp_may_be_touched = false;
}

static inline void on_pause(void *)
{
	assert_int_equal(t.paused, 0);
	t.paused = 1;
	t.n_pauses++;
	if (t.hold != NULL)
		t.hold(true);
	fake_netvsp_may_be_touched = true;
}

static inline void on_resume(void *)
{
	assert_int_equal(t.paused, 1);
	t.paused = 0;
	fake_netvsp_may_be_touched = false;
	if (t.hold != NULL)
		t.hold(false);
}

static inline void on_poke(void *)
{
	t.n_pokes++;
}

static inline void on_tell(void *, bool, const char *)
{
}

static inline void on_gone(void *, const char *reason)
{
	assert_false(t.gone);
	t.gone = true;
	// An epoll can still forget them.
	assert_true(fcntl(attachment_fd(t.a), F_GETFD) >= 0);
	assert_true(fcntl(attachment_kick_fd(t.a), F_GETFD) >= 0);
	snprintf(t.reason, sizeof(t.reason), "%s", reason);
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

static inline int setup(void **)
{
	int sv[2];

	memset(&t, 0, sizeof(t));
	fake_create_errno = 0;
	fake_netvsp_may_be_touched = true;
	t.n_fds_before = count_fds();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	t.peer = sv[1];
	t.a = attachment_create(sv[0], &ops, NULL);
	assert_non_null(t.a);
	t.mem_fd = sealed_memfd(PAGES * GUEST_PAGE_SIZE);
	t.record_fd = sealed_memfd(HANDOVER_RECORD_SIZE);
	t.kick_fd = t.call_fd = -1;
	return 0;
}

static inline int teardown(void **)
{
	const int fds[] = {t.peer, t.mem_fd, t.record_fd, t.kick_fd, t.call_fd};

	attachment_destroy(t.a);
	assert_null(fake_netvsp);
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	assert_int_equal(count_fds(), t.n_fds_before);
	return 0;
}

// --- what the hypervisor says ----------------------------------------------------------------

static inline void say(const void *msg, size_t len, int fd)
{
	assert_int_equal(handover_send(t.peer, msg, len, fd), 0);
	attachment_run(t.a);
}

static inline struct handover_hello good_hello(void)
{
	struct handover_hello hello = {
		.hdr = {HANDOVER_HELLO, sizeof(hello)},
		.magic = HANDOVER_MAGIC,
		.version_min = 1,
		.version_max = 1,
		.n_regions = 1,
		.n_vps = 2,
		.mac = {0x02, 0, 0, 0, 0, 9},
		.record_size = HANDOVER_RECORD_SIZE,
		.partition = "vm1",
		.nic = "eth0",
		.port = "web1",
		.software = "test 1.0",
	};

	return hello;
}

static inline void say_hello(void)
{
	struct handover_hello hello = good_hello();

	say(&hello, sizeof(hello), t.record_fd);
}

static inline void say_region(void)
{
	struct handover_region r = {
		.hdr = {HANDOVER_REGION, sizeof(r)},
		.size = PAGES * GUEST_PAGE_SIZE,
	};

	say(&r, sizeof(r), t.mem_fd);
}

// A part of a list of n pages, which follow each other from guest page `page` on.
static inline void say_pages(uint32_t id, uint32_t page, uint32_t n, uint32_t first, uint32_t count)
{
	union {
		struct handover_gpadl g;
		uint8_t bytes[sizeof(struct handover_gpadl) + 8 * PAGES];
	} m = {
		.g =
			{
				.hdr = {HANDOVER_GPADL, sizeof(struct handover_gpadl) + 8 * count},
				.id = id,
				.byte_count = n * GUEST_PAGE_SIZE,
				.n_pages = n,
				.first = first,
				.count = count,
			},
	};

	assert_true(count <= PAGES);
	for (uint32_t i = 0; i < count; i++)
		m.g.pfn[i] = page + first + i;
	say(&m, m.g.hdr.len, -1);
}

static inline void say_list(uint32_t id, uint32_t page, uint32_t n)
{
	say_pages(id, page, n, 0, n);
}

static inline void say_open(uint32_t index, uint32_t gpadl, uint32_t downstream)
{
	struct handover_open o = {
		.hdr = {HANDOVER_OPEN, sizeof(o)},
		.index = index,
		.ring_gpadl = gpadl,
		.downstream_page = downstream,
	};

	say(&o, sizeof(o), -1);
}

static inline void say_plain(uint32_t type)
{
	struct handover_plain p = {.hdr = {type, sizeof(p)}};

	say(&p, sizeof(p), -1);
}

static inline void say_id(uint32_t type, uint32_t id)
{
	struct handover_id m = {.hdr = {type, sizeof(m)}, .id = id};

	say(&m, sizeof(m), -1);
}

// --- what it hears ---------------------------------------------------------------------------

static inline const void *hear(uint32_t type, int *fd)
{
	int got = -1;
	int len = handover_receive(t.peer, t.reply, sizeof(t.reply), &got);

	if (len <= 0)
		fail_msg("no message, but %d, instead of type %u", len, type);
	assert_int_equal(((const struct handover_header *)t.reply)->type, type);
	if (fd != NULL)
		*fd = got;
	else
		assert_int_equal(got, -1);
	return t.reply;
}

static inline void hear_nothing(void)
{
	int fd;

	assert_int_equal(handover_receive(t.peer, t.reply, sizeof(t.reply), &fd), -EAGAIN);
}

static inline void hear_refusal(enum handover_refusal code, const char *says)
{
	const struct handover_refused *r = hear(HANDOVER_REFUSED, NULL);
	int fd;

	assert_int_equal(r->code, code);
	if (strstr(r->reason, says) == NULL)
		fail_msg("'%s' does not say '%s'", r->reason, says);
	assert_true(t.gone);
	assert_int_equal(handover_receive(t.peer, t.reply, sizeof(t.reply), &fd), 0);
}

static inline int hear_opened(int status)
{
	const struct handover_open_result *r;
	int fd = -1;

	r = hear(HANDOVER_OPEN_RESULT, &fd);
	assert_int_equal(r->status, status);
	assert_int_equal(fd >= 0, status == 0);
	if (t.call_fd < 0)
		t.call_fd = fd;
	else if (fd >= 0)
		close(fd);
	return r->status;
}

static inline void begin(void)
{
	say_hello();
	hear(HANDOVER_WELCOME, &t.kick_fd);
	say_region();
}

// With the primary open on a ring of pages 0 to 7.
static inline void begin_running(void)
{
	begin();
	say_list(1, 0, 8);
	say_open(0, 1, 4);
	hear_opened(0);
	say_plain(HANDOVER_READY);
	hear(HANDOVER_READY_DONE, NULL);
	assert_true(t.ready);
}
