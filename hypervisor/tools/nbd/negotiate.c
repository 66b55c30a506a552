/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "negotiate.h"

// Numbers of the protocol, which are big endian on the wire.
#define MAGIC_SERVER UINT64_C(0x4e42444d41474943)
#define MAGIC_OPTION UINT64_C(0x49484156454f5054)
#define MAGIC_REPLY  UINT64_C(0x0003e889045565a9)

enum {
	FLAG_FIXED_NEWSTYLE = 1 << 0,
	FLAG_NO_ZEROES = 1 << 1,
	OPTION_GO = 7,
	REPLY_ACK = 1,
	REPLY_INFO = 3,
	INFO_EXPORT = 0,
	INFO_BLOCK_SIZE = 3,
	REPLIES_MAX = 64, // a server that never comes to its point is none
};

#define REPLY_ERROR UINT32_C(0x80000000)
enum reply_error {
	ERROR_UNSUPPORTED = 1,
	ERROR_POLICY = 2,
	ERROR_TLS_REQUIRED = 5,
	ERROR_UNKNOWN = 6,
	ERROR_SHUTDOWN = 7,
};

struct greeting {
	uint64_t magic;
	uint64_t option_magic;
	uint16_t flags;
} __attribute__((packed));
static_assert(sizeof(struct greeting) == 18);

// What we say: our flags and the one option.
struct request {
	uint32_t flags;
	uint64_t magic;
	uint32_t option;
	uint32_t len;
	uint32_t name_len;
} __attribute__((packed));
static_assert(sizeof(struct request) == 24);

struct wanted_infos {
	uint16_t count;
	uint16_t block_size;
} __attribute__((packed));
static_assert(sizeof(struct wanted_infos) == 4);

struct reply {
	uint64_t magic;
	uint32_t option;
	uint32_t type;
	uint32_t len;
} __attribute__((packed));
static_assert(sizeof(struct reply) == 20);

struct info_export {
	uint16_t type;
	uint64_t size;
	uint16_t flags;
} __attribute__((packed));
static_assert(sizeof(struct info_export) == 12);

struct info_block_size {
	uint16_t type;
	uint32_t minimum;
	uint32_t preferred;
	uint32_t maximum;
} __attribute__((packed));
static_assert(sizeof(struct info_block_size) == 14);

struct session {
	int fd;
	const char *name;
	char *why;
	size_t why_size;
};

__attribute__((format(printf, 3, 4))) static int fail(
	const struct session *s, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->why, s->why_size, format, args);
	va_end(args);
	return -err;
}

static int receive(const struct session *s, void *data, size_t len)
{
	ssize_t got = len > 0 ? recv(s->fd, data, len, MSG_WAITALL) : 0;

	if (got == (ssize_t)len)
		return 0;
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return fail(s, ETIMEDOUT, "the server does not answer");
	if (got < 0)
		return fail(s, errno, "reading from the server: %s", strerror(errno));
	return fail(s, ECONNRESET, "the server closed the connection");
}

static int transmit(const struct session *s, const void *data, size_t len)
{
	if (send(s->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len)
		return 0;
	return fail(s, ECONNRESET, "writing to the server: %s", strerror(errno));
}

static int greet(const struct session *s)
{
	struct greeting hello;
	int rc = receive(s, &hello, sizeof(hello));

	if (rc < 0)
		return rc;
	if (be64toh(hello.magic) != MAGIC_SERVER)
		return fail(s, EPROTO, "that is no NBD server");
	if (be64toh(hello.option_magic) != MAGIC_OPTION ||
		!(be16toh(hello.flags) & FLAG_FIXED_NEWSTYLE))
		return fail(s, EPROTO, "the server only speaks an old form of NBD");
	return 0;
}

static int ask(const struct session *s)
{
	const size_t name_len = strlen(s->name);
	struct wanted_infos infos = {.count = htobe16(1), .block_size = htobe16(INFO_BLOCK_SIZE)};
	struct request request = {
		.flags = htobe32(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES),
		.magic = htobe64(MAGIC_OPTION),
		.option = htobe32(OPTION_GO),
		.len = htobe32(sizeof(request.name_len) + name_len + sizeof(infos)),
		.name_len = htobe32(name_len),
	};
	uint8_t whole[sizeof(request) + NBD_NAME_MAX + sizeof(infos)];

	if (name_len > NBD_NAME_MAX)
		return fail(s, ENAMETOOLONG, "the export's name is too long");
	memcpy(whole, &request, sizeof(request));
	memcpy(whole + sizeof(request), s->name, name_len);
	memcpy(whole + sizeof(request) + name_len, &infos, sizeof(infos));
	return transmit(s, whole, sizeof(request) + name_len + sizeof(infos));
}

// The server's own words may follow; they end up on a console, so only printable ones do.
static int refuse(const struct session *s, enum reply_error error, char *text, size_t len)
{
	const char *colon = len > 0 ? ": " : "";

	for (size_t i = 0; i < len; i++)
		text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	text[len] = '\0';
	switch (error) {
	case ERROR_UNSUPPORTED:
		return fail(s, EPROTO, "the server is too old (it lacks NBD_OPT_GO)");
	case ERROR_UNKNOWN:
		return fail(s, ENOENT, "the server has no export '%s'%s%s", s->name, colon, text);
	case ERROR_POLICY:
		return fail(s, EACCES, "the server refuses '%s'%s%s", s->name, colon, text);
	case ERROR_TLS_REQUIRED:
		return fail(s, EACCES, "the server wants TLS for '%s'%s%s", s->name, colon, text);
	case ERROR_SHUTDOWN: return fail(s, EAGAIN, "the server is about to end");
	}
	return fail(s, EPROTO, "the server answers with error %u%s%s", error, colon, text);
}

static int take_info(const struct session *s, const uint8_t *data, size_t len,
	struct nbd_export *export, bool *known)
{
	struct info_block_size sizes;
	struct info_export info;
	uint16_t type;

	if (len < sizeof(type))
		return fail(s, EPROTO, "the server sent a short reply");
	memcpy(&type, data, sizeof(type));
	switch (be16toh(type)) {
	case INFO_EXPORT:
		if (len != sizeof(info))
			return fail(s, EPROTO, "the server sent a short reply");
		memcpy(&info, data, sizeof(info));
		export->size = be64toh(info.size);
		export->flags = be16toh(info.flags);
		*known = true;
		break;
	case INFO_BLOCK_SIZE:
		if (len != sizeof(sizes))
			return fail(s, EPROTO, "the server sent a short reply");
		memcpy(&sizes, data, sizeof(sizes));
		export->block_size = be32toh(sizes.minimum);
		break;
	}
	return 0;
}

static int check_export(const struct session *s, struct nbd_export *export, bool known)
{
	if (!known)
		return fail(s, EPROTO, "the server does not say how large '%s' is", s->name);
	if (export->block_size < 512)
		export->block_size = 512;
	if (export->block_size > 4096 || (export->block_size & (export->block_size - 1)) != 0)
		return fail(s, EPROTO,
			"the server wants blocks of %u bytes; the kernel takes 4096 at most",
			export->block_size);
	if (export->size < export->block_size || export->size > INT64_MAX)
		return fail(s, EPROTO, "'%s' is of no size that a disk may have", s->name);
	export->size -= export->size % export->block_size;
	return 0;
}

int nbd_negotiate(int fd, const char *name, struct nbd_export *export, char *why, size_t why_size)
{
	const struct session s = {.fd = fd, .name = name, .why = why, .why_size = why_size};
	bool known = false;
	uint8_t data[1025];
	struct reply reply;
	int rc;

	*export = (struct nbd_export){0};
	rc = greet(&s);
	if (rc == 0)
		rc = ask(&s);
	for (int n = 0; rc == 0 && n < REPLIES_MAX; n++) {
		uint32_t type, len;

		rc = receive(&s, &reply, sizeof(reply));
		if (rc < 0)
			break;
		type = be32toh(reply.type);
		len = be32toh(reply.len);
		if (be64toh(reply.magic) != MAGIC_REPLY || be32toh(reply.option) != OPTION_GO ||
			len >= sizeof(data))
			return fail(&s, EPROTO, "the server's reply makes no sense");
		rc = receive(&s, data, len);
		if (rc < 0)
			break;
		if (type & REPLY_ERROR)
			return refuse(&s, type & ~REPLY_ERROR, (char *)data, len);
		if (type == REPLY_ACK)
			return check_export(&s, export, known);
		if (type == REPLY_INFO)
			rc = take_info(&s, data, len, export, &known);
	}
	return rc < 0 ? rc : fail(&s, EPROTO, "the server does not come to an end");
}
