/* SPDX-License-Identifier: BSD-3-Clause */
// The console's places and viewers: each gets what it can take, none keeps another waiting.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <hypervisor/host/console.h>

#include "fake_partition.h"

struct fixture {
	char dir[64], file[96];
	struct options opt;
	struct partition partition;
	struct console *console;
	// The guest's serial line.
	char typed[65536];
	size_t n_typed, room;
};

static size_t serial_input(void *arg, const uint8_t *data, size_t len)
{
	struct fixture *fix = arg;
	size_t n = len < fix->room ? len : fix->room;

	assert_true(fix->n_typed + n < sizeof(fix->typed));
	memcpy(fix->typed + fix->n_typed, data, n);
	fix->n_typed += n;
	fix->typed[fix->n_typed] = '\0';
	fix->room -= n;
	return n;
}

static void start(struct fixture *fix, enum console_kind kind)
{
	char why[PARTITION_WHY_SIZE] = "";

	fix->opt.console = kind;
	fix->console = console_create(&fix->opt, why);
	if (fix->console == NULL)
		fail_msg("%s", why);
	assert_int_equal(console_start(fix->console, &fix->partition, serial_input, fix), 0);
	fake_partition_settle(&fix->partition);
}

static void stop(struct fixture *fix)
{
	console_destroy(fix->console);
	fix->console = NULL;
	assert_int_equal(fake_partition_watches(&fix->partition), 0);
}

static int setup(void **state)
{
	struct fixture *fix = calloc(1, sizeof(*fix));

	signal(SIGPIPE, SIG_IGN);
	snprintf(fix->dir, sizeof(fix->dir), "/tmp/vsw-console-XXXXXX");
	assert_non_null(mkdtemp(fix->dir));
	snprintf(fix->file, sizeof(fix->file), "%s/log", fix->dir);
	fix->opt = (struct options){.name = "m1", .run_dir = fix->dir, .console_path = fix->file};
	fix->room = SIZE_MAX;
	fake_partition_init(&fix->partition, "m1");
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fix = *state;

	if (fix->console != NULL)
		stop(fix);
	fake_partition_close(&fix->partition);
	unlink(fix->file);
	assert_int_equal(rmdir(fix->dir), 0); // nothing is left behind
	free(fix);
	return 0;
}

static void output(struct fixture *fix, const char *text)
{
	console_output(fix->console, (const uint8_t *)text, strlen(text));
}

static int add_viewer(struct fixture *fix, struct console_viewer viewer)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	viewer.sock = sv[0];
	assert_int_equal(console_add_viewer(fix->console, &viewer), 0);
	return sv[1];
}

static void expect(struct fixture *fix, int fd, const char *want)
{
	char got[256] = "";
	size_t n = 0;
	ssize_t ret;

	fake_partition_settle(&fix->partition);
	while (n < strlen(want)) {
		ret = read(fd, got + n, strlen(want) - n);
		if (ret <= 0)
			break;
		n += ret;
	}
	assert_string_equal(got, want);
}

static void expect_nothing(struct fixture *fix, int fd)
{
	char byte;

	fake_partition_settle(&fix->partition);
	assert_int_equal(read(fd, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

static void expect_end(struct fixture *fix, int fd)
{
	char byte;

	fake_partition_settle(&fix->partition);
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
}

// --- viewers ---------------------------------------------------------------------------------

static void a_viewer_sees_what_was_and_what_comes(void **state)
{
	struct fixture *fix = *state;
	int a, b, c;

	start(fix, CONSOLE_NONE);
	assert_string_equal(console_place(fix->console), "none");
	output(fix, "boot ");
	a = add_viewer(fix, (struct console_viewer){});
	b = add_viewer(fix, (struct console_viewer){.skip_kept = true});
	c = add_viewer(fix, (struct console_viewer){.leave = true});
	output(fix, "login:");
	expect(fix, a, "boot login:");
	expect(fix, b, "login:");
	expect(fix, c, "boot ");
	expect_end(fix, c);
	assert_int_equal(console_viewers(fix->console), 2);
	close(a);
	fake_partition_settle(&fix->partition);
	assert_int_equal(console_viewers(fix->console), 1);
	output(fix, "!");
	expect(fix, b, "!");
	close(b);
	stop(fix);
}

static void nothing_kept_is_the_end_at_once(void **state)
{
	struct fixture *fix = *state;

	start(fix, CONSOLE_NONE);
	expect_end(fix, add_viewer(fix, (struct console_viewer){.leave = true}));
}

static void who_types_no_more_may_still_listen(void **state)
{
	struct fixture *fix = *state;
	int a;

	start(fix, CONSOLE_NONE);
	a = add_viewer(fix, (struct console_viewer){.said = "ls\r", .n_said = 3});
	assert_int_equal(write(a, "pwd\r", 4), 4);
	shutdown(a, SHUT_WR);
	fake_partition_settle(&fix->partition);
	assert_string_equal(fix->typed, "ls\rpwd\r");
	output(fix, "/root");
	expect(fix, a, "/root");
	close(a);
	fake_partition_settle(&fix->partition);
	assert_int_equal(console_viewers(fix->console), 0);
}

static void there_are_no_more_than_so_many(void **state)
{
	struct console_viewer one;
	struct fixture *fix = *state;
	int fd[CONSOLE_VIEWERS], sv[2];

	start(fix, CONSOLE_NONE);
	for (unsigned i = 0; i < CONSOLE_VIEWERS; i++)
		fd[i] = add_viewer(fix, (struct console_viewer){});
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	one = (struct console_viewer){.sock = sv[0]};
	assert_int_equal(console_add_viewer(fix->console, &one), -EBUSY);
	close(fd[3]);
	fake_partition_settle(&fix->partition);
	assert_int_equal(console_add_viewer(fix->console, &one), 0);
	for (unsigned i = 0; i < CONSOLE_VIEWERS; i++)
		if (i != 3)
			close(fd[i]);
	close(sv[1]);
}

static void a_slow_viewer_keeps_nobody_waiting(void **state)
{
	struct fixture *fix = *state;
	static char chunk[8192], got[1 << 16];
	size_t total = 0, fast_total = 0;
	bool told = false;
	int slow, fast;
	ssize_t n;

	start(fix, CONSOLE_NONE);
	slow = add_viewer(fix, (struct console_viewer){});
	fast = add_viewer(fix, (struct console_viewer){});
	memset(chunk, 'x', sizeof(chunk));
	for (unsigned i = 0; i < 256; i++) { // 2 MiB: more than a socket takes
		console_output(fix->console, (uint8_t *)chunk, sizeof(chunk));
		fake_partition_run(&fix->partition, 0);
		fake_partition_run(&fix->partition, 0);
		while ((n = read(fast, got, sizeof(got))) > 0)
			fast_total += n;
	}
	fake_partition_settle(&fix->partition);
	while ((n = read(fast, got, sizeof(got))) > 0)
		fast_total += n;
	assert_int_equal(fast_total, 256 * sizeof(chunk));
	for (;;) {
		fake_partition_settle(&fix->partition);
		n = read(slow, got, sizeof(got) - 1);
		if (n <= 0)
			break;
		got[n] = '\0';
		told |= strstr(got, "bytes left out here]") != NULL;
		total += n;
	}
	assert_true(told);
	assert_true(total < 256 * sizeof(chunk));
	assert_in_range(console_left_out(fix->console), 256 * sizeof(chunk) - total,
		256 * sizeof(chunk) - total + 80);
	close(slow);
	close(fast);
	fake_partition_settle(&fix->partition);
	assert_true(console_left_out(fix->console) > 0); // of those that are gone as well
}

static void typing_waits_for_the_guest(void **state)
{
	struct fixture *fix = *state;
	static char paste[30000];
	size_t sent = 0;
	int a, b;

	start(fix, CONSOLE_NONE);
	a = add_viewer(fix, (struct console_viewer){});
	b = add_viewer(fix, (struct console_viewer){});
	fix->room = 16;
	for (size_t i = 0; i < sizeof(paste); i++)
		paste[i] = 'a' + i % 26;
	assert_int_equal(write(a, paste, sizeof(paste)), sizeof(paste));
	fake_partition_settle(&fix->partition);
	assert_int_equal(fix->n_typed, 16);
	output(fix, "still heard");
	expect(fix, b, "still heard");
	for (unsigned i = 0; fix->n_typed < sizeof(paste) && i < 10000; i++) {
		fix->room = 16;
		console_room(fix->console);
		fake_partition_settle(&fix->partition);
	}
	sent = fix->n_typed;
	assert_int_equal(sent, sizeof(paste));
	assert_memory_equal(fix->typed, paste, sizeof(paste));
	close(a);
	close(b);
}

static void who_leaves_a_guest_that_does_not_read_is_let_go(void **state)
{
	struct fixture *fix = *state;
	static char paste[30000];
	int a;

	start(fix, CONSOLE_NONE);
	fix->room = 0;
	a = add_viewer(fix, (struct console_viewer){});
	assert_int_equal(write(a, paste, sizeof(paste)), sizeof(paste));
	fake_partition_settle(&fix->partition);
	close(a);
	fake_partition_settle(&fix->partition);
	assert_int_equal(console_viewers(fix->console), 0);
}

// --- threads ---------------------------------------------------------------------------------

static void *talk(void *arg)
{
	for (unsigned i = 0; i < 20000; i++) {
		console_output(arg, (const uint8_t *)"tick ", 5);
		console_room(arg);
	}
	return NULL;
}

static void guests_processors_talk_at_any_time(void **state)
{
	struct fixture *fix = *state;
	static char buf[65536];
	pthread_t thread[2];
	size_t total = 0;
	ssize_t n;
	int a;

	start(fix, CONSOLE_NONE);
	a = add_viewer(fix, (struct console_viewer){});
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, talk, fix->console);
	for (unsigned i = 0; i < 200; i++) {
		fake_partition_run(&fix->partition, 1);
		while ((n = read(a, buf, sizeof(buf))) > 0)
			total += n;
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	fake_partition_settle(&fix->partition);
	while ((n = read(a, buf, sizeof(buf))) > 0)
		total += n;
	assert_in_range(total + console_left_out(fix->console), 200000, 210000);
	close(a);
}

// --- places ----------------------------------------------------------------------------------

static size_t slurp(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	fclose(f);
	return n;
}

static void a_file_is_appended_to(void **state)
{
	struct fixture *fix = *state;
	struct stat st;
	char buf[256];

	start(fix, CONSOLE_FILE);
	assert_string_equal(console_place(fix->console), fix->file);
	output(fix, "one\n");
	fake_partition_settle(&fix->partition);
	slurp(fix->file, buf, sizeof(buf));
	assert_string_equal(buf, "one\n");
	output(fix, "last words\n"); // nobody runs the loop any more
	stop(fix);
	start(fix, CONSOLE_FILE);
	output(fix, "again\n");
	stop(fix);
	slurp(fix->file, buf, sizeof(buf));
	assert_string_equal(buf, "one\nlast words\nagain\n");
	assert_int_equal(stat(fix->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_file_that_cannot_be_is_told(void **state)
{
	struct fixture *fix = *state;
	char why[PARTITION_WHY_SIZE] = "", path[128];

	snprintf(path, sizeof(path), "%s/none/log", fix->dir);
	fix->opt.console = CONSOLE_FILE;
	fix->opt.console_path = path;
	assert_null(console_create(&fix->opt, why));
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(why, path));
	assert_non_null(strstr(why, "--console"));
}

static void a_full_disk_ends_nothing(void **state)
{
	struct fixture *fix = *state;

	fix->opt.console_path = "/dev/full";
	start(fix, CONSOLE_FILE);
	output(fix, "lost");
	fake_partition_settle(&fix->partition);
	stop(fix);
}

static void a_pty_has_a_link(void **state)
{
	struct fixture *fix = *state;
	char link[128], path[64] = "";
	struct stat st;
	int fd;

	snprintf(link, sizeof(link), "%s/m1.console", fix->dir);
	assert_int_equal(symlink("/nowhere", link), 0); // of one that has died
	start(fix, CONSOLE_PTY);
	assert_string_equal(console_place(fix->console), link);
	assert_true(readlink(link, path, sizeof(path) - 1) > 0);
	assert_memory_equal(path, "/dev/pts/", 9);
	output(fix, "before");
	fd = open(link, O_RDWR | O_NOCTTY | O_NONBLOCK);
	expect(fix, fd, "before");
	output(fix, " after\r\n");
	expect(fix, fd, " after\r\n");
	assert_int_equal(write(fd, "hi\r", 3), 3);
	fake_partition_settle(&fix->partition);
	assert_string_equal(fix->typed, "hi\r");
	expect_nothing(fix, fd); // no echo
	close(fd);
	fake_partition_settle(&fix->partition);
	output(fix, "on");
	fd = open(link, O_RDWR | O_NOCTTY | O_NONBLOCK);
	expect(fix, fd, "on");
	close(fd);
	stop(fix);
	assert_int_equal(lstat(link, &st), -1);
}

static void a_pty_nobody_reads_harms_nobody(void **state)
{
	struct fixture *fix = *state;
	static char chunk[4096];
	int a;

	start(fix, CONSOLE_PTY);
	memset(chunk, 'y', sizeof(chunk));
	for (unsigned i = 0; i < 64; i++) {
		console_output(fix->console, (uint8_t *)chunk, sizeof(chunk));
		fake_partition_run(&fix->partition, 0);
	}
	fake_partition_settle(&fix->partition);
	output(fix, "tail");
	a = add_viewer(fix, (struct console_viewer){.skip_kept = true});
	output(fix, "!");
	expect(fix, a, "!");
	close(a);
	stop(fix);
}

// Runs in a child whose terminal is a pty of ours.
static void be_on_a_terminal(struct fixture *fix, int report)
{
	char result = 'n';

	start(fix, CONSOLE_STDIO);
	output(fix, "login: ");
	for (unsigned i = 0; i < 200 && !fix->partition.killed; i++)
		fake_partition_run(&fix->partition, 50);
	if (fix->partition.killed && strcmp(fix->typed, "root\r\003\001") == 0)
		result = 'y';
	if (write(report, &result, 1) != 1)
		_exit(3);
	if (fix->opt.no_reboot)
		abort();
	stop(fix);
	_exit(0);
}

static void read_until(int fd, const char *want)
{
	static char buf[4096];
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	size_t n = 0;
	ssize_t ret;

	buf[0] = '\0';
	while (strstr(buf, want) == NULL) {
		if (poll(&pfd, 1, 10000) != 1)
			fail_msg("'%s' where '%s' was expected", buf, want);
		ret = read(fd, buf + n, sizeof(buf) - 1 - n);
		assert_true(ret > 0);
		n += ret;
		buf[n] = '\0';
	}
}

static void on_terminal(struct fixture *fix)
{
	struct termios before, during, after;
	struct rlimit no_core = {};
	int fd, keep, report[2];
	char result = 0;
	pid_t pid;

	assert_int_equal(pipe(report), 0);
	assert_int_equal(openpty(&fd, &keep, NULL, NULL, NULL), 0);
	tcgetattr(keep, &before);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(fd);
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL);
		login_tty(dup(keep));
		be_on_a_terminal(fix, report[1]);
	}
	read_until(fd, "Ctrl-A x");
	read_until(fd, "login: ");
	tcgetattr(keep, &during);
	assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG), 0);
	assert_int_equal(write(fd, "root\r\003\001a\001x", 10), 10);
	assert_int_equal(read(report[0], &result, 1), 1);
	assert_int_equal(result, 'y');
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	tcgetattr(keep, &after);
	assert_memory_equal(&before.c_lflag, &after.c_lflag, sizeof(after.c_lflag));
	assert_memory_equal(&before.c_iflag, &after.c_iflag, sizeof(after.c_iflag));
	close(fd);
	close(keep);
	close(report[0]);
	close(report[1]);
}

static void a_terminal_is_raw_and_given_back(void **state)
{
	on_terminal(*state);
}

static void a_terminal_is_given_back_after_a_crash(void **state)
{
	struct fixture *fix = *state;

	fix->opt.no_reboot = true; // the child's word for it
	on_terminal(fix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_viewer_sees_what_was_and_what_comes),
		T(nothing_kept_is_the_end_at_once),
		T(who_types_no_more_may_still_listen),
		T(there_are_no_more_than_so_many),
		T(a_slow_viewer_keeps_nobody_waiting),
		T(typing_waits_for_the_guest),
		T(who_leaves_a_guest_that_does_not_read_is_let_go),
		T(guests_processors_talk_at_any_time),
		T(a_file_is_appended_to),
		T(a_file_that_cannot_be_is_told),
		T(a_full_disk_ends_nothing),
		T(a_pty_has_a_link),
		T(a_pty_nobody_reads_harms_nobody),
		T(a_terminal_is_raw_and_given_back),
		T(a_terminal_is_given_back_after_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
