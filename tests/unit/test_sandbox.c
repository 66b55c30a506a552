/* SPDX-License-Identifier: BSD-3-Clause */
// What a virtual machine's process may still do once it is set up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hypervisor/host/sandbox.h>

#define NOBODY      "nobody"
#define NOBODYS_UID 65534

static int fd; // a memfd

// Runs it in a process of its own. Its exit code, or -signal.
static int run(void (*what)(void), bool closed)
{
	char why[SANDBOX_WHY_SIZE] = "";
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (closed && sandbox_close(why) < 0) {
			fprintf(stderr, "%s\n", why);
			_exit(99);
		}
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void need(bool good)
{
	if (!good)
		_exit(1);
}

#define N_THREADS 64

static pthread_barrier_t all_there;

static void *thread_main(void *arg)
{
	void *mine;

	pthread_setname_np(pthread_self(), "vcpu0");
	pthread_barrier_wait(&all_there);
	*(void *volatile *)&mine = malloc(1000);
	pthread_barrier_wait(&all_there);
	return mine != NULL ? arg : NULL;
}

static void make_threads(void)
{
	pthread_t thread[N_THREADS];
	void *ret = NULL;

	need(pthread_barrier_init(&all_there, NULL, N_THREADS) == 0);
	for (unsigned i = 0; i < N_THREADS; i++)
		need(pthread_create(&thread[i], NULL, thread_main, &fd) == 0);
	for (unsigned i = 0; i < N_THREADS; i++)
		need(pthread_join(thread[i], &ret) == 0 && ret == &fd);
}

#define N_LISTS  512
#define LIST_LEN 65520 // of a guest's longest page list

static void *much_memory(void *)
{
	static void *volatile list[N_LISTS];

	for (unsigned i = 0; i < N_LISTS; i++)
		list[i] = malloc(LIST_LEN);
	for (unsigned i = N_LISTS; i-- > 0;)
		free(list[i]);
	return NULL;
}

// A guest lends and takes back on a processor's thread.
static void take_back_much(void)
{
	pthread_t thread;

	need(pthread_create(&thread, NULL, much_memory, NULL) == 0);
	need(pthread_join(thread, NULL) == 0);
}

// A NIC that is added, or connects again.
static void connect_again(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	int record = memfd_create("record", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct epoll_event ev = {.events = EPOLLIN};

	need(sock >= 0 && epoll >= 0 && timer >= 0 && record >= 0);
	need(connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno == ENOENT);
	need(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &ev) == 0);
	need(epoll_wait(epoll, &ev, 1, 0) == 0);
	need(ftruncate(record, 4096) == 0);
	need(fcntl(record, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	need(fcntl(record, F_DUPFD_CLOEXEC, 0) >= 0);
	need(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, record, 0) != MAP_FAILED);
	close(sock);
}

static void say_something(void)
{
	need(dprintf(fd, "%s\n", strerror(EINVAL)) > 0);
}

static void abort_itself(void)
{
	abort();
}

static void open_a_file(void)
{
	open("/etc/passwd", O_RDONLY);
}

static void run_a_program(void)
{
	execl("/bin/true", "true", NULL);
}

static void make_a_process(void)
{
	if (fork() == 0)
		_exit(0);
}

static void make_a_descriptor_block(void)
{
	fcntl(fd, F_SETFL, 0);
}

static void use_the_internet(void)
{
	socket(AF_INET, SOCK_DGRAM, 0);
}

static void map_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(page != MAP_FAILED);
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void type_into_the_terminal(void)
{
	ioctl(0, TIOCSTI, "x");
}

static void signal_another_process(void)
{
	kill(getppid(), 0);
}

static void look_into_another_process(void)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {&byte, 1};

	process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

// Sanitizers make calls that nobody foresees: there is no filter then.
static void skip_if_sanitized(void)
{
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
}

static void what_a_machine_needs_is_allowed(void **)
{
	skip_if_sanitized();
	assert_int_equal(run(make_threads, true), 0);
	assert_int_equal(run(take_back_much, true), 0);
	assert_int_equal(run(connect_again, true), 0);
	assert_int_equal(run(say_something, true), 0);
	assert_int_equal(run(abort_itself, true), -SIGABRT);
}

static void what_it_does_not_need_ends_it(void **)
{
	static const struct {
		const char *name;
		void (*what)(void);
	} forbidden[] = {
		{"open", open_a_file},
		{"execve", run_a_program},
		{"fork", make_a_process},
		{"F_SETFL", make_a_descriptor_block},
		{"AF_INET", use_the_internet},
		{"PROT_EXEC by mmap", map_code},
		{"PROT_EXEC by mprotect", make_code},
		{"TIOCSTI", type_into_the_terminal},
		{"kill", signal_another_process},
		{"process_vm_readv", look_into_another_process},
	};

	skip_if_sanitized();
	for (unsigned i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		int ret = run(forbidden[i].what, true);

		if (ret != -SIGSYS)
			fail_msg("%s: ended with %d", forbidden[i].name, ret);
		// The test itself is one that works.
		ret = run(forbidden[i].what, false);
		if (ret != 0)
			fail_msg("%s, allowed: ended with %d", forbidden[i].name, ret);
	}
}

static void calls_are_few(void **)
{
	assert_in_range(sandbox_n_calls(), 20, 70);
}

static void drop_all(void)
{
	char why[SANDBOX_WHY_SIZE];
	gid_t groups[64];

	need(sandbox_drop(NOBODY, why) == 0);
	need(getuid() == NOBODYS_UID && geteuid() == NOBODYS_UID);
	need(setuid(0) < 0 && setgid(0) < 0);
	for (int i = getgroups(64, groups); i-- > 0;)
		need(groups[i] != 0);
	need(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	need(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	need(open("/proc/1/mem", O_RDONLY) < 0);
}

static void stay_root(void)
{
	char why[SANDBOX_WHY_SIZE];

	need(sandbox_drop("root", why) == 0);
	need(geteuid() == 0);
	// But without root's power.
	need(setuid(NOBODYS_UID) < 0 && errno == EPERM);
	need(prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0);
}

static void no_such_user(void)
{
	char why[SANDBOX_WHY_SIZE];

	need(sandbox_drop("no-such-user", why) == -ENOENT);
	need(strstr(why, "no-such-user") != NULL && strstr(why, "--user") != NULL);
}

static void privileges_are_given_up(void **)
{
	assert_int_equal(run(no_such_user, false), 0);
	if (geteuid() != 0)
		skip();
	assert_int_equal(run(drop_all, false), 0);
	assert_int_equal(run(stay_root, false), 0);
}

static void only_root_becomes_another(void **)
{
	char why[SANDBOX_WHY_SIZE];

	if (geteuid() == 0) {
		assert_non_null(sandbox_default_user());
		skip();
	}
	assert_null(sandbox_default_user());
	assert_int_equal(sandbox_drop("root", why), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_machine_needs_is_allowed),
		cmocka_unit_test(what_it_does_not_need_ends_it),
		cmocka_unit_test(calls_are_few),
		cmocka_unit_test(privileges_are_given_up),
		cmocka_unit_test(only_root_becomes_another),
	};

	signal(SIGPIPE, SIG_IGN);
	fd = memfd_create("output", MFD_CLOEXEC);
	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
