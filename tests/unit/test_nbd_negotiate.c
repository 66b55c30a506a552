/* SPDX-License-Identifier: BSD-3-Clause */
// What an NBD server may answer, and what becomes of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <hypervisor/tools/nbd/negotiate.h>

// What the server says is written before it is asked: it never depends on the request.
struct script {
	uint8_t bytes[4096];
	size_t len;
};

static int ends[2];
static char why[256];
static struct nbd_export export;

static void put(struct script *s, uint64_t value, size_t size)
{
	const uint64_t big = htobe64(value << (64 - size * 8));

	memcpy(s->bytes + s->len, &big, size);
	s->len += size;
}

static void put_greeting(struct script *s)
{
	put(s, 0x4e42444d41474943, 8); // "NBDMAGIC"
	put(s, 0x49484156454f5054, 8); // "IHAVEOPT"
	put(s, 3, 2);
}

static void put_reply(struct script *s, uint32_t type, uint32_t len)
{
	put(s, 0x0003e889045565a9, 8);
	put(s, 7, 4);
	put(s, type, 4);
	put(s, len, 4);
}

static void put_export(struct script *s, uint64_t size, uint16_t flags)
{
	put_reply(s, 3, 12);
	put(s, 0, 2);
	put(s, size, 8);
	put(s, flags, 2);
}

static void put_block_size(struct script *s, uint32_t minimum)
{
	put_reply(s, 3, 14);
	put(s, 3, 2);
	put(s, minimum, 4);
	put(s, 4096, 4);
	put(s, 1 << 25, 4);
}

static int setup(void **)
{
	const struct timeval second = {.tv_sec = 1};

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return -1;
	why[0] = '\0';
	return setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
}

static int teardown(void **)
{
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static int negotiate(const struct script *s)
{
	assert_int_equal(write(ends[1], s->bytes, s->len), s->len);
	shutdown(ends[1], SHUT_WR);
	return nbd_negotiate(ends[0], "disk", &export, why, sizeof(why));
}

static void export_is_taken_as_the_server_says(void **)
{
	struct script s = {0};
	uint8_t asked[64];

	put_greeting(&s);
	put_export(&s, 1 << 20, 0x0d);
	put_block_size(&s, 4096);
	put_reply(&s, 1, 0);
	assert_int_equal(negotiate(&s), 0);
	assert_int_equal(export.size, 1 << 20);
	assert_int_equal(export.flags, 0x0d);
	assert_int_equal(export.block_size, 4096);
	// Flags, the option's head, and then the name and one kind of information.
	assert_int_equal(read(ends[1], asked, sizeof(asked)), 4 + 8 + 4 + 4 + 4 + 4 + 2 + 2);
	assert_memory_equal(asked, "\0\0\0\3IHAVEOPT\0\0\0\7\0\0\0\xc\0\0\0\4disk\0\1\0\3", 32);
}

static void size_is_cut_to_whole_blocks(void **)
{
	struct script s = {0};

	put_greeting(&s);
	put_export(&s, 1000000, 1);
	put_reply(&s, 1, 0);
	assert_int_equal(negotiate(&s), 0);
	assert_int_equal(export.size, 1000000 / 512 * 512);
	assert_int_equal(export.block_size, 512);
}

static void unknown_export_is_told_in_the_servers_words(void **)
{
	struct script s = {0};

	put_greeting(&s);
	put_reply(&s, 0x80000006, 4);
	memcpy(s.bytes + s.len, "no\033!", 4);
	s.len += 4;
	assert_int_equal(negotiate(&s), -ENOENT);
	assert_string_equal(why, "the server has no export 'disk': no?!");
}

static void refusals_have_reasons(void **)
{
	static const struct {
		uint32_t error;
		int rc;
	} cases[] = {{1, -EPROTO}, {2, -EACCES}, {5, -EACCES}, {7, -EAGAIN}, {99, -EPROTO}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script s = {0};

		put_greeting(&s);
		put_reply(&s, 0x80000000 | cases[i].error, 0);
		assert_int_equal(negotiate(&s), cases[i].rc);
		assert_true(why[0] != '\0');
		teardown(NULL);
		setup(NULL);
	}
}

static void other_servers_are_not_mistaken_for_one(void **)
{
	struct script s = {.bytes = "SSH-2.0-OpenSSH_9.2p1 Debian", .len = 28};

	assert_int_equal(negotiate(&s), -EPROTO);
	assert_string_equal(why, "that is no NBD server");
}

static void server_that_hangs_up_or_is_silent_does_not_hold_us(void **)
{
	struct script s = {0};

	put_greeting(&s);
	put_export(&s, 1 << 20, 1);
	assert_int_equal(negotiate(&s), -ECONNRESET);
	teardown(NULL);
	setup(NULL);
	assert_int_equal(nbd_negotiate(ends[0], "disk", &export, why, sizeof(why)), -ETIMEDOUT);
}

static void endless_and_oversized_replies_are_refused(void **)
{
	struct script s = {0};

	put_greeting(&s);
	for (int i = 0; i < 100; i++)
		put_reply(&s, 2, 0);
	assert_int_equal(negotiate(&s), -EPROTO);
	teardown(NULL);
	setup(NULL);
	s.len = 0;
	put_greeting(&s);
	put_reply(&s, 3, 1 << 30);
	assert_int_equal(negotiate(&s), -EPROTO);
}

static void export_that_no_disk_can_be_is_refused(void **)
{
	static const struct {
		uint64_t size;
		uint32_t block;
	} cases[] = {{0, 512}, {100, 512}, {UINT64_MAX, 512}, {1 << 20, 65536}, {1 << 20, 1000}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script s = {0};

		put_greeting(&s);
		put_export(&s, cases[i].size, 1);
		put_block_size(&s, cases[i].block);
		put_reply(&s, 1, 0);
		assert_int_equal(negotiate(&s), -EPROTO);
		teardown(NULL);
		setup(NULL);
	}
}

static void yes_without_a_size_is_no_export(void **)
{
	struct script s = {0};

	put_greeting(&s);
	put_reply(&s, 1, 0);
	assert_int_equal(negotiate(&s), -EPROTO);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(export_is_taken_as_the_server_says),
		T(size_is_cut_to_whole_blocks),
		T(unknown_export_is_told_in_the_servers_words),
		T(refusals_have_reasons),
		T(other_servers_are_not_mistaken_for_one),
		T(server_that_hangs_up_or_is_silent_does_not_hold_us),
		T(endless_and_oversized_replies_are_refused),
		T(export_that_no_disk_can_be_is_refused),
		T(yes_without_a_size_is_no_export),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
