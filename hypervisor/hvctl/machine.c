/* SPDX-License-Identifier: BSD-3-Clause */
#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RUN_DIR        "/run/hvhost"
#define SUFFIX         ".sock"
#define INVALID_PARAMS (-32602)
#define TIMEOUT_MS     5000
#define REPLY_MAX      (1u << 20)
#define CHUNK          65536

// --- names -----------------------------------------------------------------------------------

bool name_is_valid(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-:";
	size_t len = strlen(name);

	return len > 0 && len < NAME_SIZE && name[strspn(name, good)] == '\0' && name[0] != '-' &&
	       name[0] != '.';
}

// Where to look: the folder that was said, or those that hvhost chooses. NULL: no more.
static const char *folder(const char *run_dir, unsigned i)
{
	static char own[96];
	const char *dir = getenv("XDG_RUNTIME_DIR");
	bool has_own = geteuid() != 0 && dir != NULL && dir[0] != '\0' && strlen(dir) < 80;

	if (run_dir != NULL)
		return i == 0 ? run_dir : NULL;
	if (has_own && i == 0) {
		snprintf(own, sizeof(own), "%s/hvhost", dir);
		return own;
	}
	return i == (has_own ? 1 : 0) ? RUN_DIR : NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
		((const struct machine_name *)a)->name, ((const struct machine_name *)b)->name);
}

static size_t find_in(const char *dir, struct machine_name *list, size_t n, size_t room)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && n < room && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);
		struct machine_name *m = &list[n];

		if (len <= strlen(SUFFIX) || len - strlen(SUFFIX) >= NAME_SIZE ||
			strcmp(e->d_name + len - strlen(SUFFIX), SUFFIX) != 0 ||
			strlen(dir) + 1 + len >= sizeof(m->path) ||
			(e->d_type != DT_SOCK && e->d_type != DT_UNKNOWN))
			continue;
		snprintf(m->name, sizeof(m->name), "%.*s", (int)(len - strlen(SUFFIX)), e->d_name);
		snprintf(m->path, sizeof(m->path), "%s/%s", dir, e->d_name);
		n += name_is_valid(m->name);
	}
	if (d != NULL)
		closedir(d);
	return n;
}

size_t machines_find(const char *run_dir, struct machine_name *list, size_t room)
{
	const char *dir;
	size_t n = 0;

	for (unsigned i = 0; (dir = folder(run_dir, i)) != NULL; i++)
		n = find_in(dir, list, n, room);
	qsort(list, n, sizeof(*list), by_name);
	return n;
}

// --- connections -----------------------------------------------------------------------------

int machine_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(addr.sun_path)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	strcpy(addr.sun_path, path);
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static int fail_unknown(const struct args *args)
{
	struct machine_name *list = calloc(MACHINES_MAX, sizeof(*list));
	size_t n = list != NULL ? machines_find(args->run_dir, list, MACHINES_MAX) : 0, used = 0;
	char names[400] = "";

	for (size_t i = 0; i < n && used < sizeof(names) - NAME_SIZE - 8; i++)
		used += snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "",
			list[i].name);
	free(list);
	if (n == 0)
		return fail("hvhost --name NAME …, or --run-dir DIR, if it has a folder of its own",
			"there is no machine '%s', nor any other in %s", args->name,
			args->run_dir != NULL ? args->run_dir : RUN_DIR);
	return fail("hvctl list", "there is no machine '%s'; there %s: %s", args->name,
		n == 1 ? "is" : "are", names);
}

static int fail_connect(const struct args *args, const char *path, int ret)
{
	char remedy[256];

	switch (-ret) {
	case ENOENT: return fail_unknown(args);
	case ECONNREFUSED:
		snprintf(remedy, sizeof(remedy), "hvhost --name %s … starts it again", args->name);
		return fail(remedy, "machine '%s' does not run: it has left %s behind", args->name,
			path);
	case EACCES:
	case EPERM:
		return fail("sudo hvctl …, or the user that the machine runs as",
			"no permission to use %s", path);
	case EAGAIN:
		return fail("hvctl list", "machine '%s' takes no more connections now", args->name);
	default: return fail(NULL, "cannot connect to %s: %s", path, strerror(-ret));
	}
}

int machine_pid(int fd)
{
	struct ucred cred = {};
	socklen_t size = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0 ? cred.pid : 0;
}

int machine_open(struct machine *m, const struct args *args)
{
	char path[256], last[256] = "";
	const char *dir;
	int ret = -ENOENT;

	*m = (struct machine){.fd = -1};
	if (!name_is_valid(args->name))
		return fail("hvctl list",
			"'%.80s' is no name of a machine: those have 1 to 63 letters, digits, '.', "
			"'_', '-' and ':'",
			args->name);
	for (unsigned i = 0; (dir = folder(args->run_dir, i)) != NULL && m->fd < 0; i++) {
		snprintf(path, sizeof(path), "%s/%s%s", dir, args->name, SUFFIX);
		m->fd = machine_connect(path);
		if (m->fd < 0 && m->fd != -ENOENT) {
			ret = m->fd;
			memcpy(last, path, sizeof(last));
		}
	}
	if (m->fd < 0)
		return fail_connect(args, last, ret);
	snprintf(m->name, sizeof(m->name), "%s", args->name);
	m->pid = machine_pid(m->fd);
	m->buf = malloc(REPLY_MAX);
	if (m->buf != NULL)
		return 0;
	machine_close(m);
	return fail(NULL, "out of memory");
}

void machine_close(struct machine *m)
{
	if (m->fd >= 0)
		close(m->fd);
	free(m->buf);
	m->fd = -1;
	m->buf = NULL;
}

// --- requests --------------------------------------------------------------------------------

char *machine_request(const char *method, json_t *params)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o*}", "jsonrpc", "2.0", "id", 1, "method",
		method, "params", params);
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL, *line = NULL;

	json_decref(request);
	if (text != NULL && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

static int now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec % 1000000 * 1000 + ts.tv_nsec / 1000000;
}

static bool wait_for(const struct machine *m, short events, int end_ms)
{
	struct pollfd pfd = {.fd = m->fd, .events = events};
	int left, ret;

	do {
		left = end_ms - now_ms();
		ret = left > 0 ? poll(&pfd, 1, left) : 0;
	} while (ret < 0 && errno == EINTR);
	return ret > 0;
}

static int fail_silent(const struct machine *m)
{
	char remedy[64];

	snprintf(remedy, sizeof(remedy), "kill -9 %d ends its hvhost, and the guest with it",
		m->pid);
	return fail(m->pid > 0 ? remedy : NULL, "machine '%s' does not answer within %d s", m->name,
		TIMEOUT_MS / 1000);
}

static int send_line(struct machine *m, const char *line, int end_ms)
{
	while (*line != '\0') {
		ssize_t n = send(m->fd, line, strlen(line), MSG_NOSIGNAL);

		if (n > 0)
			line += n;
		else if (errno == EPIPE || errno == ECONNRESET)
			return 0; // who refuses early has said why
		else if (errno != EINTR && errno != EAGAIN)
			return fail(
				NULL, "cannot write to machine '%s': %s", m->name, strerror(errno));
		else if (!wait_for(m, POLLOUT, end_ms))
			return fail_silent(m);
	}
	return 0;
}

// The next line stands at the front of buf, m->used bytes with its newline.
static int receive_line(struct machine *m, int end_ms)
{
	const char *end;

	m->len -= m->used;
	memmove(m->buf, m->buf + m->used, m->len);
	m->used = 0;
	while ((end = memchr(m->buf, '\n', m->len)) == NULL) {
		size_t room = REPLY_MAX - m->len;
		ssize_t n;

		if (room == 0)
			return fail(NULL, "the reply of machine '%s' is too long", m->name);
		n = recv(m->fd, m->buf + m->len, room < CHUNK ? room : CHUNK, 0);
		if (n > 0)
			m->len += n;
		else if (n == 0 || errno == ECONNRESET)
			return fail("hvctl list", "machine '%s' has ended", m->name);
		else if (errno != EAGAIN && errno != EINTR)
			return fail(NULL, "cannot read from machine '%s': %s", m->name,
				strerror(errno));
		else if (!wait_for(m, POLLIN, end_ms))
			return fail_silent(m);
	}
	m->used = end - m->buf + 1;
	return 0;
}

static int fail_reply(const struct machine *m, const json_t *reply)
{
	const json_t *error = json_object_get(reply, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *remedy =
		json_string_value(json_object_get(json_object_get(error, "data"), "remedy"));

	if (message == NULL)
		return fail(NULL, "machine '%s' does not speak hvhost's protocol", m->name);
	fail(remedy, "%s", message);
	return json_integer_value(json_object_get(error, "code")) == INVALID_PARAMS ? HVCTL_USAGE
	                                                                            : HVCTL_FAILED;
}

json_t *machine_call(struct machine *m, const char *method, json_t *params)
{
	char *line = machine_request(method, params);
	json_t *reply, *result = NULL;
	int end_ms = now_ms() + TIMEOUT_MS, ret;

	m->failure = HVCTL_FAILED;
	if (line == NULL) {
		fail(NULL, "what was given is no UTF-8");
		return NULL;
	}
	ret = send_line(m, line, end_ms);
	free(line);
	if (ret == 0)
		ret = receive_line(m, end_ms);
	if (ret != 0)
		return NULL;
	reply = json_loadb(m->buf, m->used, 0, NULL);
	result = json_incref(json_object_get(reply, "result"));
	if (!json_is_object(result)) {
		m->failure = fail_reply(m, reply);
		json_decref(result);
		result = NULL;
	}
	json_decref(reply);
	return result;
}
