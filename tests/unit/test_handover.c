/* SPDX-License-Identifier: BSD-3-Clause */
// Messages between the hypervisor and the provider: nothing malformed gets through, and no
// descriptor is lost or left over.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hypervisor/vmbus/handover.h>

static const uint32_t types[] = {
	1, 2, 3, 4, 5, 6, 7, 8, 9, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110};
#define N_TYPES (sizeof(types) / sizeof(*types))

static int ours, theirs;
static unsigned fds_before;
static _Alignas(8) uint8_t in[HANDOVER_MAX_MESSAGE], out[HANDOVER_MAX_MESSAGE + 64];

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 512; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int setup(void **)
{
	int pair[2];

	fds_before = open_fds();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ours = pair[0];
	theirs = pair[1];
	memset(out, 0, sizeof(out));
	return 0;
}

static int teardown(void **)
{
	close(ours);
	if (theirs >= 0)
		close(theirs);
	assert_int_equal(open_fds(), fds_before); // whatever happened to descriptors
	return 0;
}

static struct handover_header *message(uint32_t type, uint32_t len)
{
	struct handover_header *hdr = (struct handover_header *)out;

	hdr->type = type;
	hdr->len = len;
	return hdr;
}

// As a peer that is not us would: any bytes, any number of descriptors.
static void send_raw(size_t len, const int *fds, unsigned n_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {};
	struct iovec iov = {.iov_base = out, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds > 0) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(theirs, &m, 0), len);
}

static int receive(int *fd)
{
	*fd = 4711;
	return handover_receive(ours, in, sizeof(in), fd);
}

static void messages_cross_with_their_descriptor(void **)
{
	int event = eventfd(3, EFD_CLOEXEC), fd;
	uint64_t n = 0;

	for (unsigned i = 0; i < N_TYPES; i++) {
		size_t len = handover_min_len(types[i]);

		message(types[i], len);
		memset(out + sizeof(struct handover_header), i,
			len - sizeof(struct handover_header));
		assert_int_equal(handover_send(theirs, out, len, i % 2 ? event : -1), 0);
		assert_int_equal(receive(&fd), len);
		assert_memory_equal(in, out, len);
		if (i % 2 == 0) {
			assert_int_equal(fd, -1);
			continue;
		}
		assert_int_not_equal(fd, event);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		close(fd);
	}
	message(HANDOVER_WELCOME, sizeof(struct handover_welcome));
	assert_int_equal(handover_send(theirs, out, sizeof(struct handover_welcome), event), 0);
	close(event);
	assert_int_equal(receive(&fd), sizeof(struct handover_welcome));
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 3);
	close(fd);
}

static void largest_message_crosses(void **)
{
	size_t len = HANDOVER_MAX_MESSAGE;
	int fd;

	message(HANDOVER_GPADL, len);
	memset(out + sizeof(struct handover_gpadl), 0x5a, len - sizeof(struct handover_gpadl));
	assert_int_equal(handover_send(theirs, out, len, -1), 0);
	assert_int_equal(receive(&fd), len);
	assert_memory_equal(in, out, len);
}

static void nothing_there_is_eagain(void **)
{
	int fd;

	assert_int_equal(receive(&fd), -EAGAIN);
	assert_int_equal(fd, -1);
}

static void full_socket_is_eagain(void **)
{
	unsigned sent = 0, got = 0;
	int r, fd;

	message(HANDOVER_READY, sizeof(struct handover_plain));
	do {
		r = handover_send(theirs, out, sizeof(struct handover_plain), -1);
		sent += r == 0;
	} while (r == 0);
	assert_int_equal(r, -EAGAIN);
	while (receive(&fd) > 0)
		got++;
	assert_int_equal(got, sent);
	assert_int_equal(handover_send(theirs, out, sizeof(struct handover_plain), -1), 0);
}

static void unknown_type_is_refused(void **)
{
	static const uint32_t bad[] = {0, 10, 11, 99, 100, 111, 0x65000000, UINT32_MAX};
	int fd;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(handover_min_len(bad[i]), 0);
		message(bad[i], 64);
		send_raw(64, NULL, 0);
		assert_int_equal(receive(&fd), -EPROTO);
		assert_int_equal(handover_send(ours, out, 64, -1), -EINVAL);
	}
}

static void short_message_is_refused(void **)
{
	int fd;

	for (unsigned i = 0; i < N_TYPES; i++) {
		size_t least = handover_min_len(types[i]);

		assert_true(least >= sizeof(struct handover_header));
		for (size_t len = 1; len < least; len++) {
			message(types[i], len);
			send_raw(len, NULL, 0);
			assert_int_equal(receive(&fd), -EPROTO);
			assert_int_equal(handover_send(ours, out, len, -1), -EINVAL);
		}
	}
}

static void length_must_be_the_header_s(void **)
{
	static const uint32_t bad[] = {0, 8, 15, 17, 32, UINT32_MAX};
	int fd;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		message(HANDOVER_CLOSE, bad[i]);
		send_raw(16, NULL, 0);
		assert_int_equal(receive(&fd), -EPROTO);
		assert_int_equal(handover_send(ours, out, 16, -1), -EINVAL);
	}
}

static void message_longer_than_the_buffer_is_refused(void **)
{
	int event = eventfd(0, EFD_CLOEXEC), fd;

	message(HANDOVER_GPADL, HANDOVER_MAX_MESSAGE + 8);
	send_raw(HANDOVER_MAX_MESSAGE + 8, &event, 1);
	assert_int_equal(receive(&fd), -EPROTO);
	assert_int_equal(fd, -1);
	// Cut so that header and length would agree.
	message(HANDOVER_CLOSE, 16);
	send_raw(24, NULL, 0);
	assert_int_equal(handover_receive(ours, in, 16, &fd), -EPROTO);
	close(event);
}

static void two_descriptors_are_refused_and_closed(void **)
{
	int events[8], fd;

	for (int i = 0; i < 8; i++)
		events[i] = eventfd(0, EFD_CLOEXEC);
	for (unsigned n = 2; n <= 8; n++) {
		unsigned before = open_fds();

		message(HANDOVER_CLOSE, sizeof(struct handover_id));
		send_raw(sizeof(struct handover_id), events, n);
		assert_int_equal(receive(&fd), -EPROTO);
		assert_int_equal(fd, -1);
		assert_int_equal(open_fds(), before);
	}
	for (int i = 0; i < 8; i++)
		close(events[i]);
}

static void descriptor_of_a_bad_message_is_closed(void **)
{
	int event = eventfd(0, EFD_CLOEXEC), fd;
	unsigned before = open_fds();

	message(99, 64);
	send_raw(64, &event, 1);
	assert_int_equal(receive(&fd), -EPROTO);
	assert_int_equal(fd, -1);
	send_raw(0, &event, 1); // no message at all: taken for the end
	assert_int_equal(receive(&fd), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(open_fds(), before);
	close(event);
}

static void peer_gone_is_told(void **)
{
	int fd;

	message(HANDOVER_READY, sizeof(struct handover_plain));
	assert_int_equal(handover_send(theirs, out, sizeof(struct handover_plain), -1), 0);
	close(theirs);
	theirs = -1;
	// What it had said is still there.
	assert_int_equal(receive(&fd), sizeof(struct handover_plain));
	assert_int_equal(receive(&fd), 0);
	assert_int_equal(fd, -1);
	// Must not kill us by SIGPIPE.
	assert_int_equal(handover_send(ours, out, sizeof(struct handover_plain), -1), -EPIPE);
}

static void peer_gone_with_our_words_unread_is_told(void **)
{
	int fd;

	message(HANDOVER_READY, sizeof(struct handover_plain));
	assert_int_equal(handover_send(ours, out, sizeof(struct handover_plain), -1), 0);
	message(HANDOVER_REFUSED, sizeof(struct handover_refused));
	assert_int_equal(handover_send(theirs, out, sizeof(struct handover_refused), -1), 0);
	close(theirs);
	theirs = -1;
	// It says why.
	assert_int_equal(receive(&fd), sizeof(struct handover_refused));
	assert_int_equal(receive(&fd), 0);
}

#define rule(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(messages_cross_with_their_descriptor),
		rule(largest_message_crosses),
		rule(nothing_there_is_eagain),
		rule(full_socket_is_eagain),
		rule(unknown_type_is_refused),
		rule(short_message_is_refused),
		rule(length_must_be_the_header_s),
		rule(message_longer_than_the_buffer_is_refused),
		rule(two_descriptors_are_refused_and_closed),
		rule(descriptor_of_a_bad_message_is_closed),
		rule(peer_gone_is_told),
		rule(peer_gone_with_our_words_unread_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
