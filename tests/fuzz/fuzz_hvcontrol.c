/* SPDX-License-Identifier: BSD-3-Clause */
// Bytes of any content through a connection to hvhost's control socket. Every reply must be one
// line of JSON with either a result or an error of a known code; what reaches the partition must
// be what the table of methods allows; nothing may stay behind.
//
// Input: what a client sends, in pieces whose lengths its first byte chooses.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hypervisor/host/control_client.h>
#include <tests/unit/fake_partition.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct partition partition;
static struct control_subject subject;
static struct control_client client;
static size_t n_typed;

static void require(bool held)
{
	if (!held)
		abort();
}

static size_t input(void *, const uint8_t *, size_t len)
{
	n_typed += len;
	return len;
}

static void prepare(void)
{
	struct options opt = {.name = "m1", .console = CONSOLE_NONE, .stop_seconds = 30};
	char why[PARTITION_WHY_SIZE];

	signal(SIGPIPE, SIG_IGN);
	fake_partition_init(&partition, "m1");
	subject = (struct control_subject){
		.partition = &partition,
		.console = console_create(&opt, why),
		.stop_seconds = 30,
	};
	require(subject.console != NULL);
	require(console_start(subject.console, &partition, input, NULL) == 0);
	console_output(subject.console, (const uint8_t *)"login: ", 7);
}

static bool is_known(json_int_t code)
{
	return (code >= CONTROL_EXISTS && code <= CONTROL_INTERNAL) ||
	       code == CONTROL_PARSE_ERROR ||
	       (code >= CONTROL_INVALID_PARAMS && code <= CONTROL_INVALID_REQUEST);
}

// False: from here on it is the console.
static bool check_line(const char *line, size_t len)
{
	json_t *reply = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL), *error, *result;
	bool console;

	require(reply != NULL && json_object_size(reply) == 3);
	require(json_object_get(reply, "id") != NULL);
	error = json_object_get(reply, "error");
	result = json_object_get(reply, "result");
	require((error == NULL) != (result == NULL));
	if (error != NULL) {
		require(is_known(json_integer_value(json_object_get(error, "code"))));
		require(json_string_length(json_object_get(error, "message")) > 0);
	}
	console = json_object_size(result) == 1 && json_object_get(result, "console") != NULL;
	json_decref(reply);
	return !console;
}

static void check_replies(const char *text, size_t len)
{
	const char *end;

	while ((end = memchr(text, '\n', len)) != NULL) {
		if (!check_line(text, end - text))
			return;
		len -= end - text + 1;
		text = end + 1;
	}
	require(len == 0);
}

static void check_partition(void)
{
	const struct options_nic *nic = &partition.added;

	require(partition.stop_seconds <= 86400);
	require(nic->queues <= 64 && (nic->mac[0] & 1) == 0);
	require(nic->port[0] == '\0' || control_name_is_valid(nic->port));
	require(nic->name[0] == '\0' || control_name_is_valid(nic->name));
	require(partition.removed[0] == '\0' || control_name_is_valid(partition.removed));
	partition.info.state = PARTITION_RUNNING;
	partition.info.n_nics = 1;
	partition.added = (struct options_nic){};
	partition.removed[0] = '\0';
}

static void run(void)
{
	while (fake_partition_run(&partition, 0))
		;
}

static size_t hear(int sock, char *replies, size_t n, size_t size)
{
	ssize_t ret;

	run();
	ret = recv(sock, replies + n, size - n, MSG_DONTWAIT);
	return ret > 0 ? n + ret : n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char replies[4 << 20];
	size_t piece = size > 0 ? data[0] * 16 + 1 : 1, n = 0;
	int sv[2];

	if (subject.console == NULL)
		prepare();
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == 0);
	require(control_client_open(&client, &subject, sv[0]) == 0);
	for (size_t at = 1; at < size && n < sizeof(replies);) {
		ssize_t sent = send(sv[1], data + at, size - at < piece ? size - at : piece,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		n = hear(sv[1], replies, n, sizeof(replies));
		if (sent < 0)
			break; // it has had enough of us
		at += sent;
	}
	shutdown(sv[1], SHUT_WR);
	n = hear(sv[1], replies, n, sizeof(replies));
	if (n < sizeof(replies))
		check_replies(replies, n);
	check_partition();
	close(sv[1]);
	run();
	require(client.fd < 0 && console_viewers(subject.console) == 0);
	require(fake_partition_watches(&partition) == 1); // the console's own
	return 0;
}
