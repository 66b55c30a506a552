/* SPDX-License-Identifier: BSD-3-Clause */
// All machines at once: who does not answer keeps nobody waiting.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "text.h"

#define TIMEOUT_MS 2000
#define REPLY_MAX  65536

struct asked {
	const struct machine_name *machine;
	int fd, error;
	char *reply;
	size_t len;
	json_t *result; // NULL: none, see error
};

static int now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec % 1000000 * 1000 + ts.tv_nsec / 1000000;
}

static void hang_up(struct asked *a, int error)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	a->error = error;
}

// The request is small enough for an empty socket's buffer.
static void ask(struct asked *a, const char *request)
{
	a->fd = machine_connect(a->machine->path);
	if (a->fd < 0) {
		a->error = a->fd;
		return;
	}
	a->reply = malloc(REPLY_MAX);
	if (a->reply == NULL)
		hang_up(a, -ENOMEM);
	else if (send(a->fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		hang_up(a, -errno);
}

static void hear(struct asked *a)
{
	ssize_t n = recv(a->fd, a->reply + a->len, REPLY_MAX - a->len, MSG_DONTWAIT);
	json_t *reply;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(a, -ECONNRESET);
		return;
	}
	a->len += n;
	if (memchr(a->reply, '\n', a->len) == NULL) {
		if (a->len == REPLY_MAX)
			hang_up(a, -EPROTO);
		return;
	}
	reply = json_loadb(a->reply, a->len, JSON_DISABLE_EOF_CHECK, NULL);
	a->result = json_incref(json_object_get(reply, "result"));
	if (json_integer_value(json_object_get(json_object_get(reply, "error"), "code")) == 1006)
		hang_up(a, -EACCES);
	else
		hang_up(a, json_is_object(a->result) ? 0 : -EPROTO);
	json_decref(reply);
}

static void hear_all(struct asked *list, size_t n, struct pollfd *pfd)
{
	int end_ms = now_ms() + TIMEOUT_MS, left;
	size_t waiting;

	while ((left = end_ms - now_ms()) > 0) {
		waiting = 0;
		for (size_t i = 0; i < n; i++) {
			pfd[i] = (struct pollfd){.fd = list[i].fd, .events = POLLIN};
			waiting += list[i].fd >= 0;
		}
		if (waiting == 0)
			return;
		if (poll(pfd, n, left) <= 0)
			continue;
		for (size_t i = 0; i < n; i++)
			if (list[i].fd >= 0 && pfd[i].revents != 0)
				hear(&list[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (list[i].fd >= 0)
			hang_up(&list[i], -ETIMEDOUT);
}

// --- what is shown ---------------------------------------------------------------------------

static const char *state_of(const struct asked *a)
{
	switch (-a->error) {
	case ECONNREFUSED: return "gone";
	case EACCES:
	case EPERM: return "hidden";
	case EAGAIN:
	case ETIMEDOUT: return "silent";
	default: return "broken";
	}
}

static void note(struct table *t, const struct asked *a)
{
	char text[512];

	switch (-a->error) {
	case ECONNREFUSED:
		snprintf(text, sizeof(text),
			"has died and left %s behind; hvhost --name %s ... "
			"replaces it",
			a->machine->path, a->machine->name);
		break;
	case EACCES:
	case EPERM:
		snprintf(text, sizeof(text), "of another user: sudo hvctl show %s",
			a->machine->name);
		break;
	case EAGAIN:
	case ETIMEDOUT: snprintf(text, sizeof(text), "does not answer within 2 s"); break;
	default:
		snprintf(text, sizeof(text), "%s does not speak hvhost's protocol",
			a->machine->path);
	}
	table_note(t, text);
}

static void add_row(struct table *t, const struct asked *a)
{
	char state[TEXT_SIZE], age[TEXT_SIZE], memory[TEXT_SIZE], console[TEXT_SIZE], cpus[24],
		count[64], pid[24];
	const json_t *nics = json_object_get(a->result, "nics");
	size_t up = 0, i;
	json_t *nic;

	if (a->result == NULL || a->error != 0) {
		table_row(t, (const char *const[]){
				     a->machine->name, state_of(a), "-", "-", "-", "-", "-", "-"});
		note(t, a);
		return;
	}
	json_array_foreach ((json_t *)nics, i, nic)
		up += strcmp(text_of(nic, "state", state), "attached") == 0;
	snprintf(cpus, sizeof(cpus), "%llu", (unsigned long long)number_of(a->result, "vcpus"));
	snprintf(count, sizeof(count), "%zu/%zu", up, json_array_size(nics));
	snprintf(pid, sizeof(pid), "%llu", (unsigned long long)number_of(a->result, "pid"));
	table_row(t, (const char *const[]){a->machine->name, text_of(a->result, "state", state),
			     text_age(number_of(a->result, "uptime"), age),
			     text_bytes(number_of(a->result, "memory"), memory), cpus, count, pid,
			     text_of(a->result, "console", console)});
}

static void show_table(const struct asked *list, size_t n, const char *run_dir)
{
	static const char *const titles[] = {
		"NAME", "STATE", "UPTIME", "MEMORY", "CPUS", "NICS", "PID", "CONSOLE", NULL};
	struct table *t;

	if (n == 0) {
		printf("no machine%s%s; one is started with hvhost --name NAME --kernel FILE ...\n",
			run_dir != NULL ? " in " : "", run_dir != NULL ? run_dir : "");
		return;
	}
	t = table_create(titles);
	for (size_t i = 0; i < n; i++)
		add_row(t, &list[i]);
	table_print_and_free(t);
}

static void show_json(const struct asked *list, size_t n)
{
	json_t *machines = json_array(), *result;

	for (size_t i = 0; i < n; i++) {
		const struct asked *a = &list[i];
		json_t *machine = a->error == 0 && a->result != NULL
		                          ? json_incref(a->result)
		                          : json_pack("{s:s, s:s}", "name", a->machine->name,
						    "state", state_of(a));

		json_object_set_new(machine, "socket", json_string(a->machine->path));
		json_array_append_new(machines, machine);
	}
	result = json_pack("{s:o}", "machines", machines);
	print_json(result);
	json_decref(result);
}

int cmd_list(const struct args *args)
{
	struct machine_name *names = calloc(MACHINES_MAX, sizeof(*names));
	struct asked *list = calloc(MACHINES_MAX, sizeof(*list));
	struct pollfd *pfd = calloc(MACHINES_MAX, sizeof(*pfd));
	char *request = machine_request("show", NULL);
	size_t n;

	if (names == NULL || list == NULL || pfd == NULL || request == NULL)
		return fail(NULL, "out of memory");
	n = machines_find(args->run_dir, names, MACHINES_MAX);
	for (size_t i = 0; i < n; i++) {
		list[i].machine = &names[i];
		ask(&list[i], request);
	}
	hear_all(list, n, pfd);
	if (args->json)
		show_json(list, n);
	else
		show_table(list, n, args->run_dir);
	for (size_t i = 0; i < n; i++) {
		json_decref(list[i].result);
		free(list[i].reply);
	}
	free(request);
	free(pfd);
	free(list);
	free(names);
	return HVCTL_DONE;
}
