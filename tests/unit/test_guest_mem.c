/* SPDX-License-Identifier: BSD-3-Clause */
// Guest memory: what may be mapped, what addresses mean, and what happens when it goes away.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <hypervisor/vmbus/guest_fault.h>

#include "vmbus_memory.h"

#define PAGE GUEST_PAGE_SIZE

static struct guest_mem mem;

static int teardown(void **)
{
	guest_mem_clear(&mem);
	mem.dead = false;
	return 0;
}

static int add(uint64_t gpa, uint64_t size, int fd, uint64_t offset)
{
	return guest_mem_add(&mem, gpa, size, fd, offset);
}

static void memory_is_shared_with_its_file(void **)
{
	int fd = sealed_memfd(4 * PAGE);
	char back[5] = "";

	assert_int_equal(add(16 * PAGE, 2 * PAGE, fd, PAGE), 0);
	assert_int_equal(pwrite(fd, "guest", 5, 2 * PAGE), 5);
	assert_memory_equal(guest_mem_at(&mem, 17 * PAGE, 5), "guest", 5);
	memcpy(guest_mem_at(&mem, 16 * PAGE, 4), "host", 4);
	// The descriptor is our own.
	assert_int_equal(pread(mem.region[0].fd, back, 4, PAGE), 4);
	assert_string_equal(back, "host");
	close(fd);
	assert_int_equal(fcntl(mem.region[0].fd, F_GETFD), FD_CLOEXEC);
}

static void address_lies_in_one_region(void **)
{
	int fd = sealed_memfd(4 * PAGE);

	assert_int_equal(add(0, PAGE, fd, 0), 0);
	assert_int_equal(add(PAGE, PAGE, fd, PAGE), 0);
	assert_int_equal(add(1ull << 40, PAGE, fd, 2 * PAGE), 0);
	close(fd);
	assert_ptr_equal(guest_mem_at(&mem, 0, PAGE), mem.region[0].host);
	assert_ptr_equal(guest_mem_at(&mem, PAGE - 1, 1), mem.region[0].host + PAGE - 1);
	assert_null(guest_mem_at(&mem, PAGE - 1, 2)); // crosses over
	assert_null(guest_mem_at(&mem, 0, PAGE + 1));
	assert_null(guest_mem_at(&mem, 2 * PAGE, 1));
	assert_null(guest_mem_at(&mem, (1ull << 40) - 1, 1));
	assert_non_null(guest_mem_at(&mem, (1ull << 40) + 8, PAGE - 8));
	assert_null(guest_mem_at(&mem, (1ull << 40) + 8, UINT64_MAX));
	assert_null(guest_mem_at(&mem, UINT64_MAX, 2));
	assert_null(guest_mem_at(&mem, UINT64_MAX - PAGE + 1, PAGE));
}

static void file_that_may_shrink_is_refused(void **)
{
	char path[] = "/tmp/test_guest_mem.XXXXXX";
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING), other;

	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(add(0, PAGE, fd, 0), -EPERM);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(add(0, PAGE, fd, 0), -EPERM);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(add(0, PAGE, fd, 0), 0);
	close(fd);
	fd = memfd_create("guest", MFD_CLOEXEC); // cannot be sealed
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(add(PAGE, PAGE, fd, 0), -EPERM);
	close(fd);
	fd = mkstemp(path);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(add(PAGE, PAGE, fd, 0), -EPERM);
	unlink(path);
	close(fd);
	other = open("/dev/zero", O_RDWR | O_CLOEXEC);
	assert_int_equal(add(PAGE, PAGE, other, 0), -EPERM);
	close(other);
	assert_int_equal(add(PAGE, PAGE, -1, 0), -EPERM);
	assert_int_equal(mem.n, 1);
}

static void memory_we_cannot_write_is_refused(void **)
{
	int fd = sealed_memfd(PAGE), readable;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readable = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(readable >= 0);
	assert_int_equal(add(0, PAGE, readable, 0), -EPERM);
	close(readable);
	close(fd);
	fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE), 0);
	assert_int_equal(add(0, PAGE, fd, 0), -EPERM);
	close(fd);
}

static void sizes_must_fit(void **)
{
	int fd = sealed_memfd(4 * PAGE);

	assert_int_equal(add(0, 0, fd, 0), -EINVAL);
	assert_int_equal(add(0, PAGE + 512, fd, 0), -EINVAL);
	assert_int_equal(add(512, PAGE, fd, 0), -EINVAL);
	assert_int_equal(add(0, PAGE, fd, 512), -EINVAL);
	assert_int_equal(add(0, 5 * PAGE, fd, 0), -EINVAL);
	assert_int_equal(add(0, PAGE, fd, 4 * PAGE), -EINVAL);
	assert_int_equal(add(0, 2 * PAGE, fd, 3 * PAGE), -EINVAL);
	assert_int_equal(add(0, PAGE, fd, UINT64_MAX - PAGE + 1), -EINVAL);
	assert_int_equal(add(0, UINT64_MAX - PAGE + 1, fd, 2 * PAGE), -EINVAL);
	assert_int_equal(add(1ull << 52, PAGE, fd, 0), -EINVAL);
	assert_int_equal(add((1ull << 52) - PAGE, 2 * PAGE, fd, 0), -EINVAL);
	assert_int_equal(add(UINT64_MAX - PAGE + 1, PAGE, fd, 0), -EINVAL);
	assert_int_equal(mem.n, 0);
	assert_int_equal(add((1ull << 52) - PAGE, PAGE, fd, 3 * PAGE), 0);
	close(fd);
}

static void regions_must_not_overlap(void **)
{
	int fd = sealed_memfd(16 * PAGE);

	assert_int_equal(add(4 * PAGE, 4 * PAGE, fd, 0), 0);
	assert_int_equal(add(4 * PAGE, 4 * PAGE, fd, 0), -EEXIST);
	assert_int_equal(add(3 * PAGE, 2 * PAGE, fd, 0), -EEXIST);
	assert_int_equal(add(7 * PAGE, 2 * PAGE, fd, 0), -EEXIST);
	assert_int_equal(add(5 * PAGE, PAGE, fd, 0), -EEXIST);
	assert_int_equal(add(0, 16 * PAGE, fd, 0), -EEXIST);
	assert_int_equal(add(8 * PAGE, PAGE, fd, 0), 0);
	assert_int_equal(add(3 * PAGE, PAGE, fd, 0), 0);
	close(fd);
}

static void too_many_regions_are_refused(void **)
{
	int fd = sealed_memfd(PAGE);

	for (uint64_t i = 0; i < GUEST_MEM_MAX_REGIONS; i++)
		assert_int_equal(add(i * PAGE, PAGE, fd, 0), 0);
	assert_int_equal(add(99 * PAGE, PAGE, fd, 0), -ENOSPC);
	close(fd);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void clearing_leaves_nothing(void **)
{
	unsigned before = open_fds();
	int fd = sealed_memfd(4 * PAGE);
	unsigned char present;
	uint8_t *host;

	assert_int_equal(add(0, 2 * PAGE, fd, 0), 0);
	assert_int_equal(add(4 * PAGE, 2 * PAGE, fd, 2 * PAGE), 0);
	assert_int_equal(add(8 * PAGE, 9 * PAGE, fd, 0), -EINVAL);
	host = mem.region[0].host;
	close(fd);
	guest_mem_clear(&mem);
	assert_int_equal(mem.n, 0);
	assert_null(guest_mem_at(&mem, 0, 1));
	assert_int_equal(open_fds(), before);
	assert_int_equal(mincore(host, PAGE, &present), -1);
	assert_int_equal(errno, ENOMEM);
}

static void memory_is_not_in_core_dumps(void **)
{
	int fd = sealed_memfd(PAGE);
	char line[256], start[32] = "", flags[256] = "";
	FILE *f;

	assert_int_equal(add(0, PAGE, fd, 0), 0);
	close(fd);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)mem.region[0].host);
	f = fopen("/proc/self/smaps", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, start, strlen(start)) != 0)
			continue;
		while (fgets(line, sizeof(line), f) != NULL && strncmp(line, "VmFlags:", 8) != 0)
			;
		strcpy(flags, line);
	}
	fclose(f);
	assert_non_null(strstr(flags, " dd"));
	assert_non_null(strstr(flags, " dc"));
}

// ---- memory that goes away

// In each test: cmocka sets a handler of its own before it.
static void catch_faults(void)
{
	signal(SIGBUS, SIG_DFL);
	assert_int_equal(guest_mem_catch_faults(), 0);
	assert_int_equal(guest_mem_catch_faults(), 0);
}

// A file that is not sealed, watched as if it were guest memory, and cut.
static uint8_t *cut_memory(uint32_t n_pages, uint32_t kept)
{
	int fd = memfd_create("cut", MFD_CLOEXEC);
	uint8_t *at;

	assert_int_equal(ftruncate(fd, n_pages * PAGE), 0);
	at = mmap(NULL, n_pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(at != MAP_FAILED);
	assert_int_equal(guest_fault_watch(at, n_pages * PAGE, PAGE, &mem.dead), 0);
	memset(at, 1, n_pages * PAGE);
	assert_int_equal(ftruncate(fd, kept * PAGE), 0);
	close(fd);
	return at;
}

static void lost_memory_becomes_zeros(void **)
{
	volatile uint8_t *at = cut_memory(8, 2);
	uint8_t *other;

	catch_faults();
	assert_int_equal(at[PAGE], 1);
	assert_false(mem.dead);
	assert_int_equal(at[5 * PAGE + 7], 0);
	assert_true(mem.dead);
	at[6 * PAGE] = 2; // memory like any other
	assert_int_equal(at[6 * PAGE], 2);
	mem.dead = false;
	assert_int_equal(at[7 * PAGE] + at[0], 0); // the rest too, without another fault
	assert_false(mem.dead);
	guest_fault_unwatch((void *)at);
	munmap((void *)at, 8 * PAGE);
	// Again, and by writing.
	other = cut_memory(2, 0);
	memset(other, 3, 2 * PAGE);
	assert_true(mem.dead);
	assert_int_equal(other[2 * PAGE - 1], 3);
	guest_fault_unwatch(other);
	munmap(other, 2 * PAGE);
}

static void only_the_guest_concerned_is_dead(void **)
{
	// Whichever was told first, the one above or the one below.
	for (int order = 0; order < 2; order++) {
		uint8_t *map[2] = {cut_memory(1, 0), cut_memory(1, 0)};
		uint8_t *lost = map[order], *kept = map[1 - order];
		static _Atomic bool dead;

		dead = mem.dead = false;
		guest_fault_unwatch(lost);
		guest_fault_unwatch(kept);
		assert_int_equal(guest_fault_watch(kept, PAGE, PAGE, &mem.dead), 0);
		assert_int_equal(guest_fault_watch(lost, PAGE, PAGE, &dead), 0);
		catch_faults();
		lost[0] = 1;
		assert_true(dead);
		assert_false(mem.dead);
		guest_fault_unwatch(lost);
		guest_fault_unwatch(kept);
		munmap(lost, PAGE);
		munmap(kept, PAGE);
	}
}

// Runs in a child, whose status is returned.
static int in_child(void (*run)(void))
{
	struct rlimit no_core = {};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		catch_faults();
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void touch_unwatched(void)
{
	volatile uint8_t *at = cut_memory(1, 0);

	guest_fault_unwatch((void *)at);
	at[0] = 1;
}

static void send_bus_error(void)
{
	raise(SIGBUS);
}

static void on_alternate_stack(void)
{
	stack_t stack = {.ss_sp = calloc(1, 1 << 16), .ss_size = 1 << 16};
	volatile uint8_t *at = cut_memory(1, 0);
	bool used = false;

	sigaltstack(&stack, NULL);
	at[0] = 1;
	for (size_t i = 0; i < stack.ss_size; i++)
		used |= ((uint8_t *)stack.ss_sp)[i] != 0;
	if (!used)
		_exit(1);
}

static void leave_with_7(int)
{
	_exit(7);
}

static void with_a_handler_before(void)
{
	volatile uint8_t *at;

	signal(SIGBUS, leave_with_7);
	if (guest_mem_catch_faults() != 0)
		_exit(1);
	at = cut_memory(1, 0);
	at[0] = 1; // ours
	guest_fault_unwatch((void *)at);
	at = cut_memory(1, 0);
	guest_fault_unwatch((void *)at);
	at[0] = 1; // the other's
}

static void other_bus_errors_kill(void **)
{
	int status = in_child(touch_unwatched);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
	status = in_child(send_bus_error);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

static void handler_runs_on_the_alternate_stack(void **)
{
	assert_int_equal(in_child(on_alternate_stack), 0);
}

static void handler_of_before_gets_the_others(void **)
{
	int status = in_child(with_a_handler_before);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void ring_of_lost_memory_reads_zeros(void **)
{
	struct vmbus_packet p = {};
	struct vmbus_ring ring;
	struct gpadl list;

	catch_faults();
	make_memory(&mem, 8);
	make_gpadl(&list, &mem, 0, 8, 1);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 8), 0);
	vmbus_ring_be_reader(&ring);
	atomic_store(&ring.hdr->write_index, 1024);
	// What truncation would do, were the file not sealed: the second mapping has no pages.
	{
		int fd = memfd_create("none", MFD_CLOEXEC);

		assert_true(mmap(ring.data, ring.mapping_len, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
		close(fd);
	}
	assert_int_equal(vmbus_ring_peek(&ring, &p), -EPROTO);
	assert_true(mem.dead);
	vmbus_ring_unmap(&ring);
	gpadl_fini(&list);
}

static unsigned long free_pages_of_1g(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "r");
	unsigned long n = 1;

	if (f == NULL || fscanf(f, "%lu", &n) != 1)
		n = 1;
	if (f != NULL)
		fclose(f);
	return n;
}

// Of a size that nobody keeps ready: no file can be sealed against this.
static void huge_page_from_an_empty_pool_becomes_zeros(void **)
{
	const uint64_t huge = 1u << 30;
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | 30u << 26);
	volatile uint8_t *at;

	if (fd < 0 || ftruncate(fd, 2 * huge) != 0 || free_pages_of_1g() > 0) {
		print_message("no pages of 1 GiB, or some are free that others may need\n");
		if (fd >= 0)
			close(fd);
		skip();
	}
	catch_faults();
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(add(0, PAGE, fd, 0), -EINVAL); // not a whole one
	assert_int_equal(add(0, huge, fd, PAGE), -EINVAL);
	assert_int_equal(add(0, 2 * huge, fd, 0), 0);
	close(fd);
	at = guest_mem_at(&mem, 0, 2 * huge);
	assert_int_equal(at[huge - 1], 0);
	assert_true(mem.dead);
	at[huge - 1] = 1;
	at[2 * huge - 1] = 2;
	assert_int_equal(at[huge - 1] + at[2 * huge - 1], 3);
}

#define rule(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(memory_is_shared_with_its_file),
		rule(address_lies_in_one_region),
		rule(file_that_may_shrink_is_refused),
		rule(memory_we_cannot_write_is_refused),
		rule(sizes_must_fit),
		rule(regions_must_not_overlap),
		rule(too_many_regions_are_refused),
		rule(clearing_leaves_nothing),
		rule(memory_is_not_in_core_dumps),
		rule(lost_memory_becomes_zeros),
		rule(only_the_guest_concerned_is_dead),
		rule(other_bus_errors_kill),
		rule(handler_runs_on_the_alternate_stack),
		rule(handler_of_before_gets_the_others),
		rule(ring_of_lost_memory_reads_zeros),
		rule(huge_page_from_an_empty_pool_becomes_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
