/* SPDX-License-Identifier: BSD-3-Clause */
// What a partition's main thread waits for, and what others have it look at.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <hypervisor/host/partition_state.h>

static struct partition p;

static struct watched {
	int fd;
	unsigned n;
	uint32_t events;
	struct watched *drops; // this one, when its own turn comes
	struct watched *adds;
} a, b, c;

static void on_ready(void *arg, uint32_t events)
{
	struct watched *w = arg;

	w->n++;
	w->events = events;
	if (w->drops != NULL)
		partition_unwatch(&p, w->drops->fd);
	if (w->adds != NULL)
		assert_int_equal(partition_watch(&p, w->adds->fd, EPOLLIN, on_ready, w->adds), 0);
}

static int set_up(void **)
{
	struct watched *all[] = {&a, &b, &c};

	memset(&p, 0, sizeof(p));
	assert_int_equal(loop_create(&p), 0);
	for (unsigned i = 0; i < 3; i++)
		*all[i] = (struct watched){.fd = eventfd(0, EFD_NONBLOCK)};
	return 0;
}

static int tear_down(void **)
{
	close(a.fd);
	close(b.fd);
	close(c.fd);
	loop_destroy(&p);
	return 0;
}

static void ready_descriptors_are_dealt_with(void **)
{
	assert_int_equal(partition_watch(&p, a.fd, EPOLLIN, on_ready, &a), 0);
	assert_int_equal(partition_watch(&p, b.fd, EPOLLIN, on_ready, &b), 0);
	assert_int_equal(loop_turn(&p, 0), 0);
	assert_int_equal(a.n + b.n, 0);
	eventfd_write(b.fd, 1);
	assert_int_equal(loop_turn(&p, 0), 0);
	assert_int_equal(a.n, 0);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.events, EPOLLIN);
	assert_int_equal(partition_rewatch(&p, b.fd, 0), 0);
	assert_int_equal(loop_turn(&p, 0), 0);
	assert_int_equal(b.n, 1);
	assert_int_equal(partition_rewatch(&p, b.fd, EPOLLIN), 0);
	assert_int_equal(loop_turn(&p, 0), 0);
	assert_int_equal(b.n, 2);
	partition_unwatch(&p, b.fd);
	assert_int_equal(loop_turn(&p, 0), 0);
	assert_int_equal(b.n, 2);
	assert_int_equal(partition_rewatch(&p, b.fd, EPOLLIN), -ENOENT);
	partition_unwatch(&p, b.fd);
	partition_unwatch(&p, -1);
}

// Both are ready in the same turn; whoever comes first takes the other away, whose place a third
// one gets.
static void event_of_one_taken_away_is_nobodys(void **)
{
	a.drops = &b;
	b.drops = &a;
	a.adds = b.adds = &c;
	assert_int_equal(partition_watch(&p, a.fd, EPOLLIN, on_ready, &a), 0);
	assert_int_equal(partition_watch(&p, b.fd, EPOLLIN, on_ready, &b), 0);
	eventfd_write(a.fd, 1);
	eventfd_write(b.fd, 1);
	assert_int_equal(loop_turn(&p, 0), 0);
	assert_int_equal(a.n + b.n, 1);
	assert_int_equal(c.n, 0);
	eventfd_write(c.fd, 1);
	a.drops = b.drops = a.adds = b.adds = NULL;
	assert_int_equal(loop_turn(&p, 0), 0);
	assert_int_equal(c.n, 1);
}

static void watches_are_so_many(void **)
{
	int fd[PARTITION_MAX_WATCHES];

	for (unsigned i = 0; i < PARTITION_MAX_WATCHES; i++) {
		fd[i] = eventfd(0, EFD_NONBLOCK);
		assert_int_equal(partition_watch(&p, fd[i], EPOLLIN, on_ready, &a), 0);
	}
	assert_int_equal(partition_watch(&p, a.fd, EPOLLIN, on_ready, &a), -ENOSPC);
	partition_unwatch(&p, fd[7]);
	assert_int_equal(partition_watch(&p, a.fd, EPOLLIN, on_ready, &a), 0);
	assert_int_equal(partition_watch(&p, fd[7], EPOLLIN, on_ready, &a), -ENOSPC);
	for (unsigned i = 0; i < PARTITION_MAX_WATCHES; i++)
		close(fd[i]);
}

static void closed_descriptor_is_refused(void **)
{
	assert_int_equal(partition_watch(&p, 9999, EPOLLIN, on_ready, &a), -EBADF);
	assert_int_equal(partition_watch(&p, a.fd, EPOLLIN, on_ready, &a), 0);
}

// Any thread may want something; the main one wakes up for it.
static void wants_wake_the_loop(void **)
{
	partition_want(&p, WANT_RESET);
	partition_want(&p, WANT_BUS);
	assert_int_equal(loop_turn(&p, 5000), 0);
	assert_int_equal(atomic_exchange(&p.wants, 0), WANT_RESET | WANT_BUS);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(ready_descriptors_are_dealt_with),
		T(event_of_one_taken_away_is_nobodys),
		T(watches_are_so_many),
		T(closed_descriptor_is_refused),
		T(wants_wake_the_loop),
	};

	return cmocka_run_group_tests_name("host_loop", tests, NULL, NULL);
}
