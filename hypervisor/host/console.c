/* SPDX-License-Identifier: BSD-3-Clause */
// The ring is all there is between the guest and its readers: what the guest says goes in, each
// end takes out what it can. What is typed goes through one queue to the serial line; when that
// is full, nothing more is read but from our own terminal, which must be able to end it all.
#include "console.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "console_end.h"

#define ENDS        (1 + CONSOLE_VIEWERS) // the first is the place
#define TYPED_SIZE  65536u
#define TYPED_AHEAD 4096u // more than this only from our terminal
#define LAST_MS     500   // for the last words

struct console {
	struct console_place place;
	struct console_end end[ENDS];
	struct console_ring ring;
	struct partition *partition;
	size_t (*input)(void *arg, const uint8_t *data, size_t len);
	void *input_arg;
	struct console_keys keys;
	int wake_fd;
	bool watching;          // wake_fd
	atomic_bool woken;      // wake_fd has been written
	atomic_bool wants_room; // the serial line was full
	uint64_t left_out;      // by viewers that are gone
	size_t n_typed;
	uint8_t typed[TYPED_SIZE];
};

static const char help[] = "\r\nhvhost: Ctrl-A x  cut the power: the machine ends at once\r\n"
			   "        Ctrl-A p  press the power button: the guest shuts down\r\n"
			   "        Ctrl-A a  send Ctrl-A to the guest\r\n";

static void wake(struct console *c)
{
	if (!atomic_exchange(&c->woken, true))
		eventfd_write(c->wake_fd, 1);
}

void console_output(struct console *c, const uint8_t *data, size_t len)
{
	console_ring_put(&c->ring, data, len);
	wake(c);
}

void console_room(struct console *c)
{
	if (atomic_exchange(&c->wants_room, false))
		wake(c);
}

// --- what the main loop waits for ------------------------------------------------------------

static void on_in(void *arg, uint32_t events);
static void on_out(void *arg, uint32_t events);
static void on_both(void *arg, uint32_t events);

// The main loop is to wait for `events` on fd; without any, only if `always`.
static void watch(struct console_end *end, unsigned i, int fd, uint32_t events, bool always,
	void (*ready)(void *arg, uint32_t events))
{
	struct partition *p = end->console->partition;

	if (end->watched[i] >= 0 && (fd != end->watched[i] || (events == 0 && !always))) {
		partition_unwatch(p, end->watched[i]);
		end->watched[i] = -1;
	}
	if (fd < 0 || (events == 0 && !always))
		return;
	if (end->watched[i] >= 0) {
		if (end->watched_events[i] != events)
			partition_rewatch(p, fd, events);
	} else if (partition_watch(p, fd, events, ready, end) == 0) {
		end->watched[i] = fd;
	} else if (end->viewer) {
		end->out = -1;
	} else if (ready == on_in) {
		end->plain_in = true; // a file
	} else {
		end->way = CONSOLE_WAY_FILE;
		end->blocked = false;
	}
	end->watched_events[i] = events;
}

static void settle(struct console_end *end)
{
	struct console *c = end->console;
	bool keys = end == &c->end[0] && c->place.keys;
	bool wants = end->in >= 0 && !end->plain_in && (keys || c->n_typed < TYPED_AHEAD);
	uint32_t in = wants ? EPOLLIN : 0, out = end->out >= 0 && end->blocked ? EPOLLOUT : 0;
	bool pty = end == &c->end[0] && c->place.keep >= 0;

	if (!c->watching)
		return;
	if (end->viewer || pty) {
		watch(end, 0, end->viewer ? end->sock : c->place.in, in | out, true, on_both);
		return;
	}
	watch(end, 0, end->in, in, false, on_in);
	watch(end, 1, end->out, out, false, on_out);
}

static void settle_all(struct console *c)
{
	for (unsigned i = 0; i < ENDS; i++)
		if (c->end[i].used)
			settle(&c->end[i]);
}

static void end_close(struct console_end *end)
{
	struct console *c = end->console;

	for (unsigned i = 0; i < 2; i++)
		if (end->watched[i] >= 0)
			partition_unwatch(c->partition, end->watched[i]);
	c->left_out += end->reader.left_out;
	if (end->sock >= 0)
		close(end->sock);
	*end = (struct console_end){};
}

// --- what is typed ---------------------------------------------------------------------------

// Room may come between the serial line's refusal and our asking to be told: hence once more.
static void feed(struct console *c)
{
	bool asked = false;

	while (c->n_typed > 0 && c->input != NULL) {
		size_t n = c->input(c->input_arg, c->typed, c->n_typed);

		if (n > c->n_typed)
			n = c->n_typed;
		c->n_typed -= n;
		memmove(c->typed, c->typed + n, c->n_typed);
		if (n > 0)
			asked = false;
		else if (asked)
			return;
		if (c->n_typed > 0) {
			asked = true;
			atomic_store(&c->wants_room, true);
		}
	}
}

static void obey(struct console *c, enum console_key key)
{
	switch (key) {
	case CONSOLE_KEY_CUT: partition_kill(c->partition); break;
	case CONSOLE_KEY_BUTTON: partition_stop(c->partition, 0); break;
	case CONSOLE_KEY_HELP: fputs(help, stderr); break;
	case CONSOLE_KEY_NONE: break;
	}
}

// Whether there may be more.
static bool take_typed(struct console_end *end)
{
	struct console *c = end->console;
	bool keys = end == &c->end[0] && c->place.keys;
	size_t room = TYPED_AHEAD - (c->n_typed < TYPED_AHEAD ? c->n_typed : TYPED_AHEAD), n;
	uint8_t buf[TYPED_AHEAD];

	n = console_end_read(end, buf, keys ? sizeof(buf) : room);
	if (n == 0)
		return false;
	if (keys)
		obey(c, console_keys_take(&c->keys, buf, &n));
	if (n > TYPED_SIZE - c->n_typed) {
		fputs("\a", stderr);
		n = TYPED_SIZE - c->n_typed;
	}
	memcpy(c->typed + c->n_typed, buf, n);
	c->n_typed += n;
	feed(c);
	return true;
}

static void take_files(struct console *c)
{
	while (c->end[0].plain_in && c->end[0].in >= 0 && take_typed(&c->end[0]))
		;
}

// --- what is shown ---------------------------------------------------------------------------

static void flush(struct console_end *end)
{
	struct console *c = end->console;
	enum console_flow flow;

	if (end->out < 0 || end->blocked)
		return;
	flow = console_end_flush(end, &c->ring);
	end->blocked = flow == CONSOLE_FLOW_BLOCKED;
	if (flow == CONSOLE_FLOW_MORE)
		wake(c);
}

// A viewer is gone when it hears nothing more; who types no more may still listen.
static bool is_over(const struct console_end *end)
{
	if (!end->viewer)
		return false;
	return end->out < 0 || (end->until_kept && end->reader.at >= end->until);
}

static void flush_all(struct console *c)
{
	for (unsigned i = 0; i < ENDS; i++) {
		struct console_end *end = &c->end[i];

		if (!end->used)
			continue;
		flush(end);
		if (is_over(end))
			end_close(end);
	}
}

static void on_wake(void *arg, uint32_t)
{
	struct console *c = arg;
	eventfd_t count;

	eventfd_read(c->wake_fd, &count);
	atomic_store(&c->woken, false);
	feed(c);
	take_files(c);
	flush_all(c);
	settle_all(c);
}

static void on_in(void *arg, uint32_t)
{
	struct console_end *end = arg;

	take_typed(end);
	settle_all(end->console);
}

static void on_out(void *arg, uint32_t)
{
	struct console_end *end = arg;

	end->blocked = false;
	flush(end);
	settle(end);
}

static bool has_hung_up(int fd)
{
	struct pollfd pfd = {.fd = fd};

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLHUP | POLLERR)) != 0;
}

static void on_both(void *arg, uint32_t events)
{
	struct console_end *end = arg;
	struct console *c = end->console;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		take_typed(end);
	if (events & EPOLLOUT) {
		end->blocked = false;
		flush(end);
	}
	if (is_over(end) ||
		(end->viewer && (events & (EPOLLHUP | EPOLLERR)) != 0 && has_hung_up(end->sock)))
		end_close(end);
	settle_all(c);
}

// --- viewers ---------------------------------------------------------------------------------

int console_add_viewer(struct console *c, const struct console_viewer *viewer)
{
	size_t n = viewer->n_said;
	struct console_end *end;
	unsigned i = 1;

	while (i < ENDS && c->end[i].used)
		i++;
	if (i == ENDS)
		return -EBUSY;
	end = &c->end[i];
	*end = (struct console_end){
		.used = true,
		.viewer = true,
		.console = c,
		.sock = viewer->sock,
		.in = viewer->leave ? -1 : viewer->sock,
		.out = viewer->sock,
		.way = CONSOLE_WAY_SEND,
		.most = TYPED_AHEAD,
		.watched = {-1, -1},
		.until_kept = viewer->leave,
		.until = console_ring_head(&c->ring),
	};
	console_reader_init(&end->reader, &c->ring, viewer->skip_kept);
	if (n > TYPED_SIZE - c->n_typed)
		n = TYPED_SIZE - c->n_typed;
	if (n > 0)
		memcpy(c->typed + c->n_typed, viewer->said, n);
	c->n_typed += n;
	feed(c);
	wake(c);
	settle_all(c);
	return 0;
}

unsigned console_viewers(const struct console *c)
{
	unsigned n = 0;

	for (unsigned i = 1; i < ENDS; i++)
		n += c->end[i].used;
	return n;
}

uint64_t console_left_out(const struct console *c)
{
	uint64_t n = c->left_out;

	for (unsigned i = 0; i < ENDS; i++)
		n += c->end[i].reader.left_out;
	return n;
}

// --- life ------------------------------------------------------------------------------------

const char *console_place(const struct console *c)
{
	return c->place.name;
}

struct console *console_create(const struct options *opt, char why[PARTITION_WHY_SIZE])
{
	struct console *c = calloc(1, sizeof(*c));
	int ret;

	if (c == NULL)
		return NULL;
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = c->wake_fd < 0 ? -errno : console_place_open(&c->place, opt, why);
	if (ret < 0) {
		if (c->wake_fd >= 0)
			close(c->wake_fd);
		free(c);
		errno = -ret;
		return NULL;
	}
	console_ring_init(&c->ring);
	c->end[0] = (struct console_end){
		.used = true,
		.console = c,
		.sock = -1,
		.in = c->place.in,
		.out = c->place.out,
		.way = c->place.way,
		.most = c->place.most,
		.blocked = c->place.way == CONSOLE_WAY_CAREFUL,
		.watched = {-1, -1},
	};
	return c;
}

int console_start(struct console *c, struct partition *p,
	size_t (*input)(void *arg, const uint8_t *data, size_t len), void *arg)
{
	int ret;

	c->partition = p;
	c->input = input;
	c->input_arg = arg;
	ret = partition_watch(p, c->wake_fd, EPOLLIN, on_wake, c);
	if (ret < 0)
		return ret;
	c->watching = true;
	if (c->place.keys) {
		fputs("hvhost: this terminal is the guest's now; Ctrl-A x cuts the power, Ctrl-A h "
		      "tells more\n",
			stderr);
		ret = console_terminal_raw(c->place.in);
	}
	settle_all(c);
	wake(c);
	return ret;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

// What the guest said last is often what one wants to know.
static void say_last_words(struct console *c)
{
	int64_t end_ms = now_ms() + LAST_MS, left = LAST_MS;

	for (unsigned i = 0; i < ENDS; i++) {
		struct console_end *end = &c->end[i];

		while (end->used && end->out >= 0 && left > 0) {
			struct pollfd pfd = {.fd = end->out, .events = POLLOUT};

			if (console_reader_behind(&end->reader, &c->ring) == 0 ||
				poll(&pfd, 1, (int)left) <= 0 ||
				console_end_flush(end, &c->ring) == CONSOLE_FLOW_DONE)
				break;
			left = end_ms - now_ms();
		}
	}
}

void console_destroy(struct console *c)
{
	if (c == NULL)
		return;
	say_last_words(c);
	for (unsigned i = 0; i < ENDS; i++)
		if (c->end[i].used)
			end_close(&c->end[i]);
	if (c->watching)
		partition_unwatch(c->partition, c->wake_fd);
	if (c->place.keys)
		console_terminal_restore();
	console_place_close(&c->place);
	close(c->wake_fd);
	free(c);
}
