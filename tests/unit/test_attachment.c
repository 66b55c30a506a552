/* SPDX-License-Identifier: BSD-3-Clause */
// The provider's end of a handover: the course of one, and its end at any point.
#include "attachment_peer.h"

#include <pthread.h>

static void hello_is_answered_by_welcome_and_the_kick(void **)
{
	const struct handover_welcome *w;

	say_hello();
	w = hear(HANDOVER_WELCOME, &t.kick_fd);
	assert_int_equal(w->version, 1);
	assert_int_equal(w->max_subchannels, 63);
	assert_true(t.kick_fd >= 0);
	assert_true(fcntl(t.kick_fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fake_netvsp->options.max_mtu, 1500);
	assert_false(fake_netvsp->options.resume);
}

static void nic_is_polled_after_ready_only(void **)
{
	struct attachment_info info;

	begin();
	say_list(1, 0, 8);
	say_open(0, 1, 4);
	hear_opened(0);
	assert_false(t.ready);
	assert_int_equal(t.n_pauses, 0);
	say_plain(HANDOVER_READY);
	hear(HANDOVER_READY_DONE, NULL);
	assert_true(t.ready);
	attachment_get_info(t.a, &info);
	assert_int_equal(info.n_channels_open, 1);
	assert_int_equal(info.memory, PAGES * GUEST_PAGE_SIZE);
	assert_ptr_equal(attachment_netvsp(t.a), fake_netvsp);
}

static void lists_come_in_pieces(void **)
{
	begin();
	say_pages(7, 8, 6, 0, 2);
	say_pages(7, 8, 6, 2, 3);
	say_pages(7, 8, 6, 5, 1);
	assert_false(t.gone);
	say_open(0, 7, 3);
	hear_opened(0);
}

static void channels_open_and_close_while_running(void **)
{
	const struct handover_id *done;

	begin_running();
	say_list(2, 8, 8);
	say_open(1, 2, 4);
	hear_opened(0);
	assert_non_null(fake_netvsp->channel[1]);
	assert_int_equal(fake_netvsp->channel[1]->from_guest.size, 3 * GUEST_PAGE_SIZE);
	assert_int_equal(fake_netvsp->channel[1]->to_guest.size, 3 * GUEST_PAGE_SIZE);
	assert_int_equal(t.paused, 0);

	say_id(HANDOVER_CLOSE, 1);
	done = hear(HANDOVER_CLOSE_DONE, NULL);
	assert_int_equal(done->id, 1);
	assert_null(fake_netvsp->channel[1]);
	assert_non_null(fake_netvsp->channel[0]);
	// Even if there is nothing to close.
	say_id(HANDOVER_CLOSE, 1);
	hear(HANDOVER_CLOSE_DONE, NULL);
	say_id(HANDOVER_CLOSE, 4000000000);
	hear(HANDOVER_CLOSE_DONE, NULL);
	// And opens again on the same ring.
	say_open(1, 2, 2);
	hear_opened(0);
	assert_int_equal(t.paused, 0);
}

static void sub_channels_close_with_the_primary(void **)
{
	begin_running();
	say_list(2, 8, 8);
	say_open(1, 2, 4);
	hear_opened(0);
	say_id(HANDOVER_CLOSE, 0);
	hear(HANDOVER_CLOSE_DONE, NULL);
	assert_int_equal(fake_netvsp->n_closed, 2);
}

// A provider that ends in order must leave as much behind as one that is killed.
static void channels_stay_open_for_the_successor(void **)
{
	begin_running();
	attachment_end(t.a, HANDOVER_R_LIMIT, "enough");
	assert_int_equal(fake_left_open, 1);
}

static void list_goes_when_nobody_uses_it(void **)
{
	const struct handover_id *gone;

	begin_running();
	say_list(2, 8, 8);
	say_id(HANDOVER_GPADL_TEARDOWN, 2);
	gone = hear(HANDOVER_GPADL_GONE, NULL);
	assert_int_equal(gone->id, 2);
	assert_int_equal(fake_netvsp->n_closed, 0);
	say_open(1, 2, 4);
	hear_opened(-EINVAL);
	// The guest's own affair if it takes away what is in use.
	say_id(HANDOVER_GPADL_TEARDOWN, 1);
	hear(HANDOVER_GPADL_GONE, NULL);
	assert_int_equal(fake_netvsp->n_closed, 1);
	say_id(HANDOVER_GPADL_TEARDOWN, 1);
	hear(HANDOVER_GPADL_GONE, NULL);
}

// The guest's word that it has taken a buffer back may still be in the ring.
static void buffer_is_forgotten_with_its_list(void **)
{
	begin_running();
	say_list(2, 8, 8);
	fake_netvsp->buffer = fake_netvsp->options.find_gpadl(fake_netvsp->options.arg, 2);
	assert_non_null(fake_netvsp->buffer);
	say_id(HANDOVER_GPADL_TEARDOWN, 2);
	hear(HANDOVER_GPADL_GONE, NULL);
	assert_null(fake_netvsp->buffer);
	assert_int_equal(fake_netvsp->n_closed, 0);
}

static void late_list_is_told_from_none(void **)
{
	struct handover_plain p = {.hdr = {HANDOVER_READY, sizeof(p)}};
	struct netvsp_options *o;

	begin();
	o = &fake_netvsp->options;
	assert_null(o->find_gpadl(o->arg, 5));
	assert_int_equal(errno, ENOENT);
	assert_int_equal(handover_send(t.peer, &p, sizeof(p), -1), 0);
	assert_null(o->find_gpadl(o->arg, 5));
	assert_int_equal(errno, EAGAIN);
	attachment_run(t.a);
	assert_null(o->find_gpadl(o->arg, 5));
	assert_int_equal(errno, ENOENT);
	say_list(5, 0, 1);
	assert_non_null(o->find_gpadl(o->arg, 5));
}

#define RACED_LISTS 400u
#define FIRST_RACED 1000u

static pthread_mutex_t polls = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t n_told, n_found;
#define RACE_LOST UINT32_MAX

static void hold_polls(bool on)
{
	if (on)
		pthread_mutex_lock(&polls);
	else
		pthread_mutex_unlock(&polls);
}

// Looks for each list from the moment on that the guest may have heard of it. NULL, or which one
// was said not to be there.
static void *look_for_lists(void *)
{
	struct netvsp_options *o = &fake_netvsp->options;
	uint32_t i = 1;

	while (i <= RACED_LISTS) {
		bool there, may_come;

		if (atomic_load(&n_told) < i)
			continue;
		pthread_mutex_lock(&polls);
		there = o->find_gpadl(o->arg, FIRST_RACED + i) != NULL;
		may_come = there || errno == EAGAIN;
		pthread_mutex_unlock(&polls);
		if (!may_come)
			atomic_store(&n_found, RACE_LOST);
		if (!may_come)
			return (void *)(uintptr_t)i;
		if (there)
			atomic_store(&n_found, i++);
	}
	return NULL;
}

static void list_that_is_being_taken_is_not_missed(void **)
{
	struct {
		struct handover_gpadl g;
		uint64_t pfn;
	} m = {.g = {.hdr = {HANDOVER_GPADL, sizeof(m)},
		       .byte_count = GUEST_PAGE_SIZE,
		       .n_pages = 1,
		       .count = 1}};
	pthread_t thread;
	void *missed;

	begin_running();
	t.hold = hold_polls;
	atomic_store(&n_told, 0);
	atomic_store(&n_found, 0);
	assert_int_equal(pthread_create(&thread, NULL, look_for_lists, NULL), 0);
	for (uint32_t i = 1; i <= RACED_LISTS; i++) {
		m.g.id = FIRST_RACED + i;
		assert_int_equal(handover_send(t.peer, &m, sizeof(m), -1), 0);
		atomic_store(&n_told, i);
		for (volatile uint32_t moment = i * 7919 % 512; moment > 0; moment--)
			;
		attachment_run(t.a);
		while (atomic_load(&n_found) < i && atomic_load(&n_found) != RACE_LOST)
			;
		if (atomic_load(&n_found) == RACE_LOST)
			break;
		// So that there are few to look through.
		say_id(HANDOVER_GPADL_TEARDOWN, FIRST_RACED + i);
		hear(HANDOVER_GPADL_GONE, NULL);
	}
	pthread_join(thread, &missed);
	assert_int_equal((uintptr_t)missed, 0);
}

static void what_the_polling_thread_says_is_passed_on(void **)
{
	const struct handover_subchannels *s;
	const struct handover_open_result *e;

	begin_running();
	fake_netvsp->options.want_subchannels(fake_netvsp->options.arg, 3);
	assert_int_equal(t.n_pokes, 1);
	hear_nothing();
	attachment_run(t.a);
	s = hear(HANDOVER_SUBCHANNELS, NULL);
	assert_int_equal(s->total, 3);

	fake_netvsp->failed = true;
	for (int i = 0; i < 2; i++) {
		fake_netvsp->options.changed(fake_netvsp->options.arg);
		attachment_run(t.a);
	}
	e = hear(HANDOVER_CHANNEL_ERROR, NULL);
	assert_string_equal(e->reason, "a bad ring");
	hear_nothing(); // once
}

static void modify_waits_for_the_polling_thread(void **)
{
	struct handover_modify m = {.hdr = {HANDOVER_MODIFY, sizeof(m)}, .target_vp = 1};
	const struct handover_id *done;
	unsigned pauses;

	begin_running();
	pauses = t.n_pauses;
	say(&m, sizeof(m), -1);
	done = hear(HANDOVER_MODIFY_DONE, NULL);
	assert_int_equal(done->id, 0);
	assert_int_equal(t.n_pauses, pauses + 1);
}

static void detach_is_answered_when_nothing_is_touched(void **)
{
	begin_running();
	say_plain(HANDOVER_DETACH);
	hear(HANDOVER_DETACH_DONE, NULL);
	assert_true(t.gone);
	assert_string_equal(t.reason, "detached");
	assert_null(fake_netvsp);
}

// The hypervisor may die after any of its messages.
static void death_at_each_step_frees_all(void **state)
{
	for (int step = 0; step <= 7; step++) {
		if (step > 0)
			say_hello();
		if (step > 1)
			say_region();
		if (step > 2)
			say_pages(1, 0, 8, 0, 3);
		if (step > 3)
			say_pages(1, 0, 8, 3, 5);
		if (step > 4)
			say_open(0, 1, 4);
		if (step > 5)
			say_plain(HANDOVER_READY);
		if (step > 6)
			say_id(HANDOVER_CLOSE, 0);
		close(t.peer);
		t.peer = -1;
		attachment_run(t.a);
		assert_true(t.gone);
		assert_string_equal(t.reason, "the hypervisor is gone");
		assert_int_equal(t.paused, step > 5);
		assert_null(fake_netvsp);
		attachment_run(t.a);
		teardown(state);
		setup(state);
	}
}

static void owner_may_end_it(void **)
{
	begin_running();
	attachment_end(t.a, HANDOVER_R_PERMISSION, "not yours");
	hear_refusal(HANDOVER_R_PERMISSION, "not yours");
	assert_int_equal(t.paused, 1);
}

static unsigned run_all(void)
{
	struct pollfd p = {.fd = attachment_fd(t.a), .events = POLLIN};
	unsigned n = 0;

	while (poll(&p, 1, 0) == 1 && n++ < 10000)
		attachment_run(t.a);
	return n;
}

// Who does not read is not read from: what waits for him stays bounded, and comes in order.
static void full_socket_stops_the_requests(void **)
{
	unsigned sent = 0, heard = 0;
	int fd;

	begin_running();
	for (;;) {
		struct handover_id m = {.hdr = {HANDOVER_CLOSE, sizeof(m)}, .id = 100 + sent};

		if (handover_send(t.peer, &m, sizeof(m), -1) != 0)
			break;
		sent++;
		assert_true(run_all() < 10000);
	}
	assert_true(sent > 10);
	assert_false(t.gone);
	while (heard < sent) {
		const struct handover_id *id;
		int len = handover_receive(t.peer, t.reply, sizeof(t.reply), &fd);

		if (len == -EAGAIN) {
			assert_true(run_all() > 0);
			continue;
		}
		assert_true(len > 0);
		id = (const struct handover_id *)t.reply;
		assert_int_equal(id->hdr.type, HANDOVER_CLOSE_DONE);
		assert_int_equal(id->id, 100 + heard++);
	}
	assert_false(t.gone);
	assert_int_equal(run_all(), 0);
}

#define with_peer(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_peer(hello_is_answered_by_welcome_and_the_kick),
		with_peer(nic_is_polled_after_ready_only),
		with_peer(lists_come_in_pieces),
		with_peer(channels_open_and_close_while_running),
		with_peer(sub_channels_close_with_the_primary),
		with_peer(channels_stay_open_for_the_successor),
		with_peer(list_goes_when_nobody_uses_it),
		with_peer(buffer_is_forgotten_with_its_list),
		with_peer(late_list_is_told_from_none),
		with_peer(list_that_is_being_taken_is_not_missed),
		with_peer(what_the_polling_thread_says_is_passed_on),
		with_peer(modify_waits_for_the_polling_thread),
		with_peer(detach_is_answered_when_nothing_is_touched),
		with_peer(death_at_each_step_frees_all),
		with_peer(owner_may_end_it),
		with_peer(full_socket_stops_the_requests),
	};

	return cmocka_run_group_tests_name("attachment", tests, NULL, NULL);
}
