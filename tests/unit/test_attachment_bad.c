/* SPDX-License-Identifier: BSD-3-Clause */
// The provider's end of a handover: what a hypervisor may say wrongly, and what comes of it.
#include <netvsp/attachment_parts.h>

#include "attachment_peer.h"

static void bad_hellos_are_refused(void **state)
{
	static const struct {
		size_t at, len;
		const char *bytes;
		enum handover_refusal code;
	} cases[] = {
#define AT(field) offsetof(struct handover_hello, field)
		{AT(magic), 4, "abcd", HANDOVER_R_VERSION},
		{AT(version_min), 4, "\2\0\3", HANDOVER_R_VERSION}, // from the future
		{AT(version_max), 2, "\0", HANDOVER_R_VERSION},
		{AT(flags), 4, "\2\0\0", HANDOVER_R_PROTOCOL},
		{AT(n_regions), 4, "\0\0\0", HANDOVER_R_LIMIT},
		{AT(n_regions), 4, "\x11\0\0", HANDOVER_R_LIMIT},
		{AT(n_vps), 4, "\0\0\0", HANDOVER_R_LIMIT},
		{AT(n_vps), 4, "\xff\xff\xff\xff", HANDOVER_R_LIMIT},
		{AT(mac), 6, "\1\0\0\0\0\1", HANDOVER_R_PROTOCOL},
		{AT(mac), 6, "\0\0\0\0\0\0", HANDOVER_R_PROTOCOL},
		{AT(record_size), 8, "\0\x10\0\0\0\0\0", HANDOVER_R_RECORD},
		{AT(port), 1, "", HANDOVER_R_PROTOCOL},
		{AT(port), 3, "a/b", HANDOVER_R_PROTOCOL},
		{AT(nic), 3, "../", HANDOVER_R_PROTOCOL},
		{AT(partition), 3, "a\nb", HANDOVER_R_PROTOCOL},
		{AT(software), 2, "\x1b[", HANDOVER_R_PROTOCOL},
		// No NUL
		{AT(port), 64, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
			HANDOVER_R_PROTOCOL},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct handover_hello hello = good_hello();

		memcpy((uint8_t *)&hello + cases[i].at, cases[i].bytes, cases[i].len);
		say(&hello, sizeof(hello), t.record_fd);
		hear_refusal(cases[i].code, "");
		teardown(state);
		setup(state);
	}
}

static void owner_may_refuse(void **)
{
	t.refuse = HANDOVER_R_NAME;
	say_hello();
	hear_refusal(HANDOVER_R_NAME, "the owner says no");
}

static void record_must_be_sealed_and_good(void **state)
{
	struct handover_hello hello = good_hello();
	int fd = memfd_create("record", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, HANDOVER_RECORD_SIZE), 0);
	say(&hello, sizeof(hello), fd);
	hear_refusal(HANDOVER_R_RECORD, "sealed");
	close(fd);
	teardown(state);

	setup(state);
	fake_create_errno = EILSEQ;
	say_hello();
	hear_refusal(HANDOVER_R_RECORD, "made to fail");
}

static void memory_must_be_sealed_and_in_its_file(void **state)
{
	struct handover_region r = {
		.hdr = {HANDOVER_REGION, sizeof(r)},
		.size = PAGES * GUEST_PAGE_SIZE,
	};
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, r.size), 0);
	say_hello();
	hear(HANDOVER_WELCOME, &t.kick_fd);
	say(&r, sizeof(r), fd);
	hear_refusal(HANDOVER_R_MEMORY, "sealed");
	close(fd);
	teardown(state);

	setup(state);
	say_hello();
	hear(HANDOVER_WELCOME, &t.kick_fd);
	r.offset = GUEST_PAGE_SIZE;
	say(&r, sizeof(r), t.mem_fd);
	hear_refusal(HANDOVER_R_MEMORY, "whole pages");
	teardown(state);

	setup(state);
	begin();
	say_region();
	hear_refusal(HANDOVER_R_PROTOCOL, "more regions");
	teardown(state);

	setup(state);
	say_hello();
	hear(HANDOVER_WELCOME, &t.kick_fd);
	r.offset = 0;
	r.size = 2ull << 40;
	say(&r, sizeof(r), t.mem_fd);
	hear_refusal(HANDOVER_R_LIMIT, "1 TiB");
}

// Sparse files of a terabyte cost nothing, but address space is 128 of them.
static void guests_share_the_address_space(void **state)
{
	struct attachment *other;
	int sv[2];

	for (int i = 0; i < 3; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
		other = attachment_create(sv[0], &ops, NULL);
		assert_non_null(other);
		say_hello();
		hear(HANDOVER_WELCOME, &t.kick_fd);
		t.a->info.uid = 4711;
		other->info.uid = i == 0 ? 4711 : 4712;
		other->info.memory = i == 2 ? ATTACHMENT_MEMORY_OF_ALL : ATTACHMENT_MEMORY_OF_USER;
		say_region();
		if (i == 1)
			assert_false(t.gone); // another user's is his own affair
		else
			hear_refusal(HANDOVER_R_LIMIT, "between them");
		attachment_destroy(other);
		close(sv[1]);
		teardown(state);
		setup(state);
	}
}

static void messages_out_of_turn_end_it(void **state)
{
	begin();
	say_hello();
	hear_refusal(HANDOVER_R_PROTOCOL, "HELLO came out of turn");
	teardown(state);

	setup(state);
	say_plain(HANDOVER_READY);
	hear_refusal(HANDOVER_R_PROTOCOL, "READY came out of turn");
	teardown(state);

	setup(state);
	say_hello();
	hear(HANDOVER_WELCOME, &t.kick_fd);
	say_plain(HANDOVER_READY);
	hear_refusal(HANDOVER_R_PROTOCOL, "before all of the memory");
	teardown(state);

	setup(state);
	begin_running();
	say_region();
	hear_refusal(HANDOVER_R_PROTOCOL, "REGION came out of turn");
	assert_int_equal(t.paused, 1);
	teardown(state);

	setup(state);
	begin_running();
	say_plain(HANDOVER_READY_DONE);
	hear_refusal(HANDOVER_R_PROTOCOL, "none of a hypervisor's");
}

static void messages_of_wrong_length_end_it(void **state)
{
	struct handover_hello hello = good_hello();

	assert_int_equal(send(t.peer, &hello, sizeof(hello) - 1, 0), sizeof(hello) - 1);
	attachment_run(t.a);
	hear_refusal(HANDOVER_R_PROTOCOL, "none");
	teardown(state);

	setup(state);
	hello.hdr.len--;
	assert_int_equal(send(t.peer, &hello, sizeof(hello), 0), sizeof(hello));
	attachment_run(t.a);
	hear_refusal(HANDOVER_R_PROTOCOL, "none");
	teardown(state);

	setup(state);
	assert_int_equal(send(t.peer, "x", 1, 0), 1);
	attachment_run(t.a);
	hear_refusal(HANDOVER_R_PROTOCOL, "none");
}

static void descriptors_come_where_they_belong(void **state)
{
	struct handover_hello hello = good_hello();
	struct handover_plain ready = {.hdr = {HANDOVER_READY, sizeof(ready)}};

	say(&hello, sizeof(hello), -1);
	hear_refusal(HANDOVER_R_PROTOCOL, "without a descriptor");
	teardown(state);

	setup(state);
	begin();
	say(&ready, sizeof(ready), t.mem_fd);
	hear_refusal(HANDOVER_R_PROTOCOL, "with a descriptor");
}

static void bad_lists_end_it(void **state)
{
	static const struct {
		uint32_t id, page, n, first, count;
		const char *says;
	} cases[] = {
		{1, 0, 8, 0, 8, "there already"},
		{2, 0, 8, 1, 7, "8 pages from 1"},
		{2, 0, 0, 0, 1, "0 pages from 0"},
		{2, 0, GPADL_MAX_PAGES + 1, 0, 8, "8191 pages"},
		{2, 0, 4, 0, 8, "pieces do not fit"},
		{2, 0, 4, 0, 0, "0 page numbers"},
		{2, PAGES - 1, 2, 0, 2, "no memory of the guest"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		say_list(1, 0, 8);
		say_pages(cases[i].id, cases[i].page, cases[i].n, cases[i].first, cases[i].count);
		hear_refusal(HANDOVER_R_PROTOCOL, cases[i].says);
		teardown(state);
		setup(state);
	}
	begin();
	say_pages(2, 0, 8, 0, 4);
	say_pages(3, 0, 8, 4, 4);
	hear_refusal(HANDOVER_R_PROTOCOL, "pieces do not fit");
	teardown(state);

	setup(state);
	begin();
	say_pages(2, 0, 8, 0, 4);
	say_plain(HANDOVER_READY);
	hear_refusal(HANDOVER_R_PROTOCOL, "amid the pieces");
}

static void lists_are_limited(void **)
{
	begin();
	for (uint32_t i = 0; i < VMBUS_MAX_GPADLS; i++)
		say_list(i + 1, 0, 1);
	assert_false(t.gone);
	say_list(VMBUS_MAX_GPADLS + 1, 0, 1);
	hear_refusal(HANDOVER_R_LIMIT, "too many page lists");
}

static void opens_that_cannot_be_are_answered(void **)
{
	begin_running();
	say_list(2, 8, 8);
	say_open(HANDOVER_MAX_CHANNELS, 2, 4); // the 65th
	hear_opened(-ENOSPC);
	say_open(0, 2, 4);
	hear_opened(-EBUSY);
	say_open(1, 99, 4);
	hear_opened(-EINVAL);
	say_open(1, 1, 4); // the primary's ring
	hear_opened(-EINVAL);
	for (uint32_t split = 0; split < 2; split++) {
		say_open(1, 2, split);
		hear_opened(-EINVAL);
		say_open(1, 2, 7 + split);
		hear_opened(-EINVAL);
	}
	say_open(1, 2, UINT32_MAX);
	hear_opened(-EINVAL);
	fake_netvsp->open_result = -EPROTO;
	say_open(1, 2, 4);
	hear_opened(-EPROTO);
	assert_false(t.gone);
	assert_int_equal(t.paused, 0);
	fake_netvsp->open_result = 0;
	say_open(1, 2, 4);
	hear_opened(0);
}

static void interrupt_that_blocks_is_freed(void **)
{
	uint64_t most = UINT64_MAX - 1;
	uint64_t count;
	int flags;

	begin_running();
	assert_false(attachment_unblock(t.a));
	flags = fcntl(t.call_fd, F_GETFL);
	assert_int_equal(fcntl(t.call_fd, F_SETFL, flags & ~O_NONBLOCK), 0);
	assert_int_equal(write(t.call_fd, &most, sizeof(most)), sizeof(most));
	assert_true(attachment_unblock(t.a));
	assert_true(fcntl(t.call_fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(read(t.call_fd, &count, sizeof(count)), -1);
}

static void lost_memory_ends_it(void **)
{
	begin_running();
	*(_Atomic bool *)&fake_netvsp->channel[0]->mem->dead = true;
	attachment_run(t.a);
	hear_refusal(HANDOVER_R_MEMORY, "holes");
}

static void nothing_is_refused_yet(bool on)
{
	if (on)
		hear_nothing();
}

// Upon a refusal the guest may get its memory back.
static void refusal_comes_when_nobody_polls(void **state)
{
	for (int how = 0; how < 4; how++) {
		begin_running();
		t.hold = nothing_is_refused_yet;
		switch (how) {
		case 0: say_region(); break;
		case 1:
			assert_int_equal(send(t.peer, "x", 1, 0), 1);
			attachment_run(t.a);
			break;
		case 2:
			*(_Atomic bool *)&fake_netvsp->channel[0]->mem->dead = true;
			attachment_run(t.a);
			break;
		default: attachment_end(t.a, HANDOVER_R_LIMIT, "it has been enough");
		}
		assert_int_equal(t.n_pauses, 1);
		assert_int_equal(t.paused, 1);
		hear(HANDOVER_REFUSED, NULL);
		teardown(state);
		setup(state);
	}
}

// A hypervisor that has had enough: it closes when it has heard that we have.
static void ended_half_ends_all(void **)
{
	int fd;

	begin_running();
	assert_int_equal(shutdown(t.peer, SHUT_WR), 0);
	attachment_run(t.a);
	assert_int_equal(t.paused, 1);
	assert_true(t.gone);
	assert_string_equal(t.reason, ATTACHMENT_GONE);
	assert_int_equal(handover_receive(t.peer, t.reply, sizeof(t.reply), &fd), 0);
}

#define with_peer(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_peer(bad_hellos_are_refused),
		with_peer(owner_may_refuse),
		with_peer(record_must_be_sealed_and_good),
		with_peer(memory_must_be_sealed_and_in_its_file),
		with_peer(guests_share_the_address_space),
		with_peer(messages_out_of_turn_end_it),
		with_peer(messages_of_wrong_length_end_it),
		with_peer(descriptors_come_where_they_belong),
		with_peer(bad_lists_end_it),
		with_peer(lists_are_limited),
		with_peer(opens_that_cannot_be_are_answered),
		with_peer(interrupt_that_blocks_is_freed),
		with_peer(lost_memory_ends_it),
		with_peer(refusal_comes_when_nobody_polls),
		with_peer(ended_half_ends_all),
	};

	return cmocka_run_group_tests_name("attachment bad", tests, NULL, NULL);
}
