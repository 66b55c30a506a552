/* SPDX-License-Identifier: BSD-3-Clause */
// The rules of the ring, one test each, with both ends of it in this process; once with a ring
// that is mapped, once with one so scattered that it is copied.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmbus_memory.h"

#define N_DATA    (VMBUS_RING_MAX_RUNS + 2) // pages
#define SIZE      (N_DATA * GUEST_PAGE_SIZE)
#define OVERHEAD  24u // of a record: descriptor and trailer
#define WHOLE_LEN (SIZE - 8 - OVERHEAD)

static struct guest_mem mem;
static struct gpadl list;
static struct vmbus_ring writer, reader;
static struct vmbus_ring_header *hdr;
static bool copied;

// Both ends, with the indices where a test wants them: records wrap when they start near the end.
static void begin_at(uint32_t index)
{
	hdr->write_index = hdr->read_index = index;
	vmbus_ring_be_writer(&writer);
	vmbus_ring_be_reader(&reader);
}

static int setup(void **)
{
	make_memory(&mem, 2 * (1 + N_DATA));
	make_gpadl(&list, &mem, 0, 1 + N_DATA, copied ? 2 : 1);
	assert_int_equal(vmbus_ring_map(&writer, &mem, &list, 0, 1 + N_DATA), 0);
	assert_int_equal(vmbus_ring_map(&reader, &mem, &list, 0, 1 + N_DATA), 0);
	assert_int_equal(writer.pages != NULL, copied);
	hdr = writer.hdr;
	begin_at(0);
	return 0;
}

static int teardown(void **)
{
	vmbus_ring_unmap(&writer);
	vmbus_ring_unmap(&reader);
	gpadl_fini(&list);
	guest_mem_clear(&mem);
	return 0;
}

// As the guest sees its ring, without our mappings and copies.
static uint8_t *guest(uint32_t at)
{
	return list.page[1 + at / GUEST_PAGE_SIZE] + at % GUEST_PAGE_SIZE;
}

// One record of `len` bytes, filled with `fill`; unpublished.
static void put(uint8_t fill, uint32_t len)
{
	uint8_t *to = vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, true, fill, 0, len);

	assert_non_null(to);
	memset(to, fill, len);
}

static bool publish(uint8_t fill, uint32_t len)
{
	put(fill, len);
	return vmbus_ring_publish_write(&writer);
}

static void take(uint8_t fill, uint32_t len)
{
	struct vmbus_packet p = {};

	assert_int_equal(vmbus_ring_peek(&reader, &p), 1);
	assert_int_equal(p.type, VMBUS_PACKET_IN_BAND);
	assert_true(p.wants_completion);
	assert_int_equal(p.transaction, fill);
	assert_int_equal(p.header_len, 0);
	assert_int_equal(p.len, (len + 7) & ~7u);
	assert_int_equal(p.total, vmbus_record_size(0, len));
	for (uint32_t i = 0; i < len; i++) {
		if (p.body[i] != fill)
			fail();
	}
	vmbus_ring_take(&reader, &p);
}

static bool give_back(uint8_t fill, uint32_t len)
{
	take(fill, len);
	return vmbus_ring_publish_read(&reader);
}

// What the header's words would be after putting a descriptor of the test's own at `at`.
static void forge(uint32_t at, uint16_t type, uint16_t offset8, uint16_t len8, uint16_t flags,
	uint32_t available)
{
	struct vmbus_descriptor d = {type, offset8, len8, flags, 7};

	memcpy(guest(at), &d, sizeof(d));
	hdr->write_index = vmbus_ring_after(&writer, at, available);
}

static int peek_forged(uint16_t type, uint16_t offset8, uint16_t len8, uint16_t flags)
{
	struct vmbus_packet p = {};

	begin_at(0);
	forge(0, type, offset8, len8, flags, 1024);
	return vmbus_ring_peek(&reader, &p);
}

static void equal_indices_are_empty(void **)
{
	struct vmbus_packet p = {};

	for (uint32_t at = 0; at < SIZE; at += 8) {
		begin_at(at);
		assert_int_equal(vmbus_ring_peek(&reader, &p), 0);
		assert_int_equal(vmbus_ring_room(&writer, SIZE), SIZE - 8);
	}
	publish(1, 13);
	assert_int_equal(give_back(1, 13), false);
	assert_int_equal(vmbus_ring_peek(&reader, &p), 0);
}

static void never_fills_completely(void **)
{
	// At any index, so that no comparison is right by chance.
	for (uint32_t at = 0; at < SIZE; at += 8) {
		begin_at(at);
		assert_null(
			vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, true, 1, 0, WHOLE_LEN + 1));
		publish(2, WHOLE_LEN);
		assert_int_equal(vmbus_ring_room(&writer, 8), 0);
		assert_null(vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, true, 1, 0, 0));
		assert_int_not_equal(hdr->write_index, hdr->read_index);
		give_back(2, WHOLE_LEN);
		assert_int_equal(vmbus_ring_room(&writer, SIZE), SIZE - 8);
	}
}

static void room_is_strictly_more_than_the_record(void **)
{
	publish(1, WHOLE_LEN - 40); // 40 bytes left, 48 free
	assert_int_equal(vmbus_ring_room(&writer, 0), 40);
	assert_null(vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, true, 1, 0, 17));
	assert_non_null(vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, true, 1, 0, 16));
	assert_int_equal(vmbus_ring_room(&writer, 0), 0);
}

static void record_has_a_trailer_with_its_start(void **)
{
	static const uint32_t starts[] = {0, 8, 4096, SIZE - 8, SIZE - 16, SIZE - 24, SIZE - 32};
	uint64_t trailer;

	for (unsigned i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		begin_at(starts[i]);
		publish(1, 13);
		assert_int_equal(hdr->write_index, (starts[i] + 16 + 16 + 8) % SIZE);
		memcpy(&trailer, guest((starts[i] + 32) % SIZE), sizeof(trailer));
		assert_int_equal(trailer, (uint64_t)starts[i] << 32);
	}
}

static void record_straddles_the_end(void **)
{
	// Every place for the end: in the descriptor, the body, the trailer, and just behind it.
	for (uint32_t before = 0; before <= 16 + 104 + 8; before += 8) {
		begin_at(SIZE - before == SIZE ? 0 : SIZE - before);
		publish(before, 100);
		publish(before + 1, 100);
		give_back(before, 100);
		give_back(before + 1, 100);
		assert_int_equal(hdr->read_index, hdr->write_index);
	}
}

static void descriptor_straddles_the_end(void **)
{
	struct vmbus_descriptor d = {.type = VMBUS_PACKET_COMPLETION,
		.offset8 = 2,
		.len8 = 3,
		.transaction = 0x1122334455667788};
	struct vmbus_packet p = {};

	begin_at(SIZE - 8);
	// As a guest without a second mapping writes it.
	memcpy(guest(SIZE - 8), &d, 8);
	memcpy(guest(0), (char *)&d + 8, 8);
	memcpy(guest(8), "straddle", 8);
	hdr->write_index = 24;
	assert_int_equal(vmbus_ring_peek(&reader, &p), 1);
	assert_int_equal(p.transaction, 0x1122334455667788);
	assert_memory_equal(p.body, "straddle", 8);
	assert_int_equal(p.total, 32);
	assert_false(p.wants_completion);
	vmbus_ring_take(&reader, &p);
	assert_int_equal(vmbus_ring_peek(&reader, &p), 0);
}

static void header_and_payload_are_told_apart(void **)
{
	uint8_t *to = vmbus_ring_put(&writer, VMBUS_PACKET_XFER_PAGES, true, 9, 24, 40);
	struct vmbus_packet p = {};

	assert_non_null(to);
	memset(to, 1, 24);
	memset(to + 24, 2, 40);
	vmbus_ring_publish_write(&writer);
	assert_int_equal(vmbus_ring_peek(&reader, &p), 1);
	assert_int_equal(p.type, VMBUS_PACKET_XFER_PAGES);
	assert_int_equal(p.header_len, 24);
	assert_int_equal(p.len, 40);
	assert_int_equal(p.header[0] + p.header[23], 2);
	assert_ptr_equal(p.body, p.header + 24);
	assert_int_equal(p.body[0] + p.body[39], 4);
}

static void index_not_8_aligned_is_refused(void **)
{
	struct vmbus_packet p = {};

	for (uint32_t low = 1; low < 8; low++) {
		begin_at(0);
		hdr->write_index = 64 + low;
		assert_int_equal(vmbus_ring_peek(&reader, &p), -EPROTO);
		assert_int_equal(vmbus_ring_peek(&reader, &p), -EPROTO);
	}
}

static void index_beyond_the_end_is_refused(void **)
{
	static const uint32_t bad[] = {SIZE, SIZE + 8, 0x80000000u, UINT32_MAX - 7, UINT32_MAX};
	struct vmbus_packet p = {};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		begin_at(0);
		hdr->write_index = bad[i];
		assert_int_equal(vmbus_ring_peek(&reader, &p), -EPROTO);
	}
}

static void bad_read_index_gives_no_room(void **)
{
	static const uint32_t bad[] = {4, SIZE, UINT32_MAX, SIZE - 8, 1024 + 8};

	publish(1, 1000); // to 1024
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		hdr->read_index = bad[i]; // no index, or one that is not between us and the reader
		assert_int_equal(vmbus_ring_room(&writer, SIZE), SIZE - 8 - 1024);
	}
	hdr->read_index = 512;
	assert_int_equal(vmbus_ring_room(&writer, SIZE), SIZE - 8 - 512);
	hdr->read_index = 0; // back again
	assert_int_equal(vmbus_ring_room(&writer, SIZE), SIZE - 8 - 512);
}

static void write_index_moved_backwards_is_not_followed(void **)
{
	struct vmbus_packet p = {};

	put(1, 100);
	publish(2, 100);
	take(1, 100);
	hdr->write_index = 8; // behind the reader, who still has one to read
	take(2, 100);
	assert_int_equal(vmbus_ring_peek(&reader, &p), -EPROTO); // into what it did not give back
	vmbus_ring_publish_read(&reader);
	// Now it looks like nearly a full ring of old bytes: read, but nothing outside of it.
	for (uint32_t i = 0; i < SIZE / 8 && vmbus_ring_peek(&reader, &p) == 1; i++) {
		assert_true(p.body + p.len <= reader.data + 2 * SIZE);
		vmbus_ring_take(&reader, &p);
	}
	assert_true(vmbus_ring_index_is_good(&reader, reader.at));
}

static void more_than_was_given_back_is_refused(void **)
{
	struct vmbus_packet p = {};

	// As if the writer had filled the ring twice.
	begin_at(SIZE - 512);
	publish(1, WHOLE_LEN - 512);
	take(1, WHOLE_LEN - 512);
	forge(reader.at, VMBUS_PACKET_IN_BAND, 2, 8, 0, 504);
	assert_int_equal(vmbus_ring_peek(&reader, &p), 1);
	begin_at(SIZE - 512);
	publish(1, WHOLE_LEN - 512);
	take(1, WHOLE_LEN - 512);
	forge(reader.at, VMBUS_PACKET_IN_BAND, 2, 8, 0, 528);
	assert_int_equal(vmbus_ring_peek(&reader, &p), -EPROTO);
}

static void descriptor_is_checked(void **)
{
	assert_int_equal(peek_forged(6, 2, 2, 0), 1);
	assert_int_equal(peek_forged(11, 2, 8, 1), 1);
	assert_int_equal(peek_forged(6, 2, 127, 0), 1); // all there is, with its trailer
	assert_int_equal(peek_forged(6, 2, 128, 0), -EPROTO);
	assert_int_equal(peek_forged(6, 2, 0xffff, 0), -EPROTO);
	assert_int_equal(peek_forged(6, 1, 8, 0), -EPROTO);
	assert_int_equal(peek_forged(6, 0, 8, 0), -EPROTO);
	assert_int_equal(peek_forged(6, 9, 8, 0), -EPROTO);
	assert_int_equal(peek_forged(6, 0xffff, 8, 0), -EPROTO);
	assert_int_equal(peek_forged(6, 2, 0, 0), -EPROTO);
	assert_int_equal(peek_forged(6, 2, 8, 2), -EPROTO);
	assert_int_equal(peek_forged(6, 2, 8, 0x8001), -EPROTO);
	assert_int_equal(peek_forged(0, 0, 0, 0), -EPROTO); // what a reader ahead would see
}

static void header_of_ranges_takes_24_bytes(void **)
{
	assert_int_equal(peek_forged(7, 2, 8, 0), -EPROTO);
	assert_int_equal(peek_forged(7, 3, 8, 0), 1);
	assert_int_equal(peek_forged(9, 2, 8, 0), -EPROTO);
	assert_int_equal(peek_forged(9, 3, 3, 0), 1);
}

static void unknown_type_is_refused(void **)
{
	for (uint32_t type = 0; type <= 0xffff; type++) {
		bool known = type == 6 || type == 7 || type == 9 || type == 11;

		assert_int_equal(peek_forged(type, 3, 8, 0), known ? 1 : -EPROTO);
	}
}

static void descriptor_changed_after_the_look_is_not_seen(void **)
{
	struct vmbus_packet p = {};

	publish(1, 100);
	assert_int_equal(vmbus_ring_peek(&reader, &p), 1);
	memset(guest(0), 0xff, 16);
	assert_int_equal(p.len, 104);
	vmbus_ring_take(&reader, &p);
	assert_int_equal(reader.at, 16 + 104 + 8);
}

static void host_signals_when_empty_and_unmasked(void **)
{
	assert_true(publish(1, 8));
	assert_false(publish(2, 8)); // not empty: the reader knows
	give_back(1, 8);
	assert_false(publish(3, 8)); // still one before
	give_back(2, 8);
	give_back(3, 8);
	assert_true(publish(4, 8));
	give_back(4, 8);
	vmbus_ring_mask(&reader);
	assert_false(publish(5, 8));
	give_back(5, 8);
	assert_true(vmbus_ring_unmask(&reader));
	assert_true(publish(6, 8));
}

static void one_signal_for_a_batch(void **)
{
	for (int i = 0; i < 10; i++)
		put(i, 8);
	assert_true(vmbus_ring_publish_write(&writer));
	assert_false(vmbus_ring_publish_write(&writer)); // nothing new
	for (int i = 0; i < 10; i++)
		take(i, 8);
}

static void unpublished_is_unseen(void **)
{
	struct vmbus_packet p = {};

	put(1, 8);
	assert_int_equal(vmbus_ring_peek(&reader, &p), 0);
	vmbus_ring_flush(&writer); // there, but not yet to be seen
	assert_int_equal(*guest(16), 1);
	assert_int_equal(vmbus_ring_peek(&reader, &p), 0);
	assert_int_equal(vmbus_ring_publish_write(&writer), true);
	take(1, 8);
	assert_int_equal(hdr->read_index, 0); // taken, but not given back
	assert_int_equal(vmbus_ring_room(&writer, SIZE), SIZE - 8 - 32);
	vmbus_ring_publish_read(&reader);
	assert_int_equal(vmbus_ring_room(&writer, SIZE), SIZE - 8);
}

static void unmasking_looks_once_more(void **)
{
	struct vmbus_packet p = {};

	vmbus_ring_mask(&reader);
	assert_int_equal(vmbus_ring_peek(&reader, &p), 0);
	// Between the last look and unmasking: no signal comes for it.
	assert_false(publish(1, 8));
	assert_false(vmbus_ring_unmask(&reader));
	take(1, 8);
	assert_true(vmbus_ring_unmask(&reader));
}

static void pending_send_size_signals_when_it_is_crossed(void **)
{
	for (int i = 0; i < 4; i++)
		publish(i, 1000);
	vmbus_ring_want_room(&writer, SIZE - 2 * 1024);
	assert_false(give_back(0, 1000));
	assert_false(give_back(1, 1000)); // as much is free, not more
	assert_true(give_back(2, 1000));
	assert_false(give_back(3, 1000)); // was more before
	for (int i = 0; i < 4; i++)
		publish(i, 1000);
	take(0, 1000);
	take(1, 1000);
	assert_true(give_back(2, 1000)); // across it in one step
	vmbus_ring_want_room(&writer, 0);
	assert_false(give_back(3, 1000));
}

static void pending_send_size_is_the_room_wanted(void **)
{
	const uint32_t most = SIZE / 8 - OVERHEAD;

	// When the signal comes there is the room, and not before.
	for (uint32_t want = 8; want < SIZE; want += 8) {
		bool signalled = false;

		begin_at(want);
		for (int i = 0; i < 8; i++)
			publish(i, i < 7 ? most : most - 8);
		assert_true(vmbus_ring_room(&writer, want) < want);
		vmbus_ring_want_room(&writer, want);
		for (int i = 0; i < 8; i++) {
			bool now = give_back(i, i < 7 ? most : most - 8);

			assert_false(signalled && now);
			signalled |= now;
			assert_int_equal(signalled, vmbus_ring_room(&writer, want) >= want);
		}
		assert_true(signalled);
	}
}

static void pending_send_size_ignores_the_mask(void **)
{
	publish(1, WHOLE_LEN);
	vmbus_ring_mask(&reader);
	vmbus_ring_want_room(&writer, 1024);
	assert_true(give_back(1, WHOLE_LEN));
}

static void pending_send_size_needs_the_feature_bit(void **)
{
	assert_int_equal(hdr->feature_bits, VMBUS_RING_FEATURE_PENDING_SEND);
	publish(1, WHOLE_LEN);
	vmbus_ring_want_room(&writer, 1024);
	hdr->feature_bits = 0;
	assert_false(give_back(1, WHOLE_LEN));
}

static void bad_write_index_is_no_room(void **)
{
	static const uint32_t bad[] = {SIZE, SIZE + 8, 1024 + 12, 0x80000000u, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		begin_at(0);
		publish(1, 1000);
		vmbus_ring_want_room(&writer, 16);
		take(1, 1000);
		hdr->write_index = bad[i];
		assert_false(vmbus_ring_publish_read(&reader));
		assert_int_equal(hdr->read_index, 1024);
	}
}

#define rule(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(equal_indices_are_empty),
		rule(never_fills_completely),
		rule(room_is_strictly_more_than_the_record),
		rule(record_has_a_trailer_with_its_start),
		rule(record_straddles_the_end),
		rule(descriptor_straddles_the_end),
		rule(header_and_payload_are_told_apart),
		rule(index_not_8_aligned_is_refused),
		rule(index_beyond_the_end_is_refused),
		rule(bad_read_index_gives_no_room),
		rule(write_index_moved_backwards_is_not_followed),
		rule(more_than_was_given_back_is_refused),
		rule(descriptor_is_checked),
		rule(header_of_ranges_takes_24_bytes),
		rule(unknown_type_is_refused),
		rule(descriptor_changed_after_the_look_is_not_seen),
		rule(host_signals_when_empty_and_unmasked),
		rule(one_signal_for_a_batch),
		rule(unpublished_is_unseen),
		rule(unmasking_looks_once_more),
		rule(pending_send_size_signals_when_it_is_crossed),
		rule(pending_send_size_is_the_room_wanted),
		rule(pending_send_size_ignores_the_mask),
		rule(pending_send_size_needs_the_feature_bit),
		rule(bad_write_index_is_no_room),
	};

	int failed = cmocka_run_group_tests_name("mapped", tests, NULL, NULL);

	copied = true;
	return failed + cmocka_run_group_tests_name("copied", tests, NULL, NULL);
}
