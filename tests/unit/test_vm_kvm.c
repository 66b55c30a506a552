/* SPDX-License-Identifier: BSD-3-Clause */
// Guests of a few instructions on KVM. Where KVM has nothing of Hyper-V, only refusals are seen.
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kvm_guest.h"

DECLARE_CODE(ports);
DECLARE_CODE(mmio);
DECLARE_CODE(pic);
DECLARE_CODE(pit);
DECLARE_CODE(sint);
DECLARE_CODE(unmask);
DECLARE_CODE(synic);
DECLARE_CODE(hypercalls);
DECLARE_CODE(crash);
DECLARE_CODE(cpuid);
DECLARE_CODE(unknown_msr);
DECLARE_CODE(reset);
DECLARE_CODE(fault);
DECLARE_CODE(hole);
DECLARE_CODE(spin);
DECLARE_CODE(smp);
DECLARE_CODE(second);
DECLARE_CODE(long);
extern const uint8_t code_pic_handler[], code_pic_all[], code_pit_handler[], code_pit_all[],
	code_sint_handler[], code_sint_all[], code_unmask_handler[], code_unmask_fault[],
	code_unmask_all[];

static int kvm_fd;

// ---- refusals

static void refused(const char *path, int err, const char *says)
{
	char why[VM_WHY_SIZE] = "";
	int fd = vm_open(path, why);

	assert_int_equal(fd, err);
	if (strstr(why, says) == NULL)
		fail_msg("no \"%s\" in \"%s\"", says, why);
	assert_true(strlen(why) < VM_WHY_SIZE - 1);
	assert_null(strchr(why, '\n'));
}

static void says_how_to_get_a_kvm(void **)
{
	refused("/nonexistent/kvm", -ENOENT, "load kvm_intel or kvm_amd");
}

static void says_how_to_get_permission(void **)
{
	char path[] = "/tmp/test-vm-kvm-XXXXXX";
	int fd = mkstemp(path);
	bool root = geteuid() == 0;

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, root ? 0600 : 0), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	refused(path, -EACCES, "usermod -aG kvm");
	if (root)
		assert_int_equal(seteuid(0), 0);
	unlink(path);
	close(fd);
}

// A socket's place opens as a device without hardware does: ENXIO.
static void says_how_to_get_hardware(void **)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/test-vm-kvm-%d", (int)getpid());
	assert_int_equal(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	refused(addr.sun_path, -ENXIO, "VT-x or AMD-V in the firmware");
	unlink(addr.sun_path);
	close(sock);
}

static void says_that_it_is_not_kvm(void **)
{
	refused("/dev/null", -ENOTSUP, "is not KVM");
}

static void says_that_kvm_is_without_hyperv(void **)
{
	if (kvm_fd >= 0 || access("/dev/kvm", R_OK | W_OK) != 0)
		skip();
	refused("/dev/kvm", -ENOTSUP, "Hyper-V");
}

static void says_how_many_processors_there_may_be(void **)
{
	struct vm_options options = {.kvm_fd = -1, .n_vcpus = VM_MAX_VCPUS + 1};
	char why[VM_WHY_SIZE];

	assert_null(vm_create(&options, why));
	assert_non_null(strstr(why, "1 to 64"));
	options.n_vcpus = 1;
	options.mem = &(struct guest_mem){};
	assert_null(vm_create(&options, why));
	assert_non_null(strstr(why, "does not make a virtual machine"));
}

// ---- guests

#define GUEST(g, n) \
	struct kvm_guest g; \
	if (kvm_fd < 0) \
		skip(); \
	kvm_guest_create(&g, kvm_fd, n)

static void run(struct kvm_guest *g, const uint8_t *code, size_t size)
{
	kvm_guest_load(g, GUEST_CODE, code, size);
	kvm_guest_start(g);
}

static void ends(const uint8_t *code, size_t size, enum vm_end end, const char *says)
{
	GUEST(g, 2);
	run(&g, code, size);
	assert_true(kvm_guest_wait(&g, &g.n_ends, 1));
	assert_int_equal(g.end, end);
	if (strstr(g.end_text, says) == NULL)
		fail_msg("no \"%s\" in \"%s\"", says, g.end_text);
	vm_stop(g.vm);
	assert_int_equal(g.n_ends, 1);
	kvm_guest_destroy(&g);
}

static void heard(const struct kvm_guest *g, unsigned i, uint64_t where, bool write, unsigned size,
	uint32_t value)
{
	assert_true(i < g->n_accesses);
	assert_int_equal(g->access[i].where, where);
	assert_int_equal(g->access[i].write, write);
	assert_int_equal(g->access[i].size, size);
	assert_int_equal(g->access[i].value, value);
}

static void tells_of_ports(void **)
{
	struct vm_stats stats;

	GUEST(g, 1);
	run(&g, CODE(ports));
	assert_true(kvm_guest_wait(&g, &g.n_reports, 3));
	heard(&g, 0, 0x3f8, true, 1, 'A');
	for (unsigned i = 0; i < 3; i++) // a string, in order
		heard(&g, 1 + i, 0x3f8, true, 1, "xyz"[i]);
	assert_int_equal(g.report[0], 0xd8); // the fifth access
	assert_int_equal(g.report[1], 0xdcdbdad9);
	assert_int_equal(g.report[2], 0xc3dd);
	heard(&g, 9, 0xe4, false, 2, 0xa1b2c3dd);
	vm_stop(g.vm);
	vm_get_stats(g.vm, &stats);
	assert_in_range(stats.port, 8, 20); // the strings may come in one piece or in many
	assert_int_equal(stats.mmio + stats.synic + stats.hypercall + stats.other, 0);
	assert_int_equal(stats.returns, stats.port + stats.signal);
	kvm_guest_destroy(&g);
}

static void tells_of_memory_that_is_none(void **)
{
	struct vm_stats stats;

	GUEST(g, 1);
	run(&g, CODE(mmio));
	assert_true(kvm_guest_wait(&g, &g.n_reports, 1));
	heard(&g, 0, 0xd0000010, true, 4, 0x12345678);
	heard(&g, 1, 0xd0000020, true, 1, 0x9a);
	heard(&g, 2, 0xd0000030, false, 4, 0xa1b2c3d6);
	assert_int_equal(g.report[0], 0xa1b2c3d6);
	vm_get_stats(g.vm, &stats);
	assert_int_equal(stats.mmio, 3);
	kvm_guest_destroy(&g);
}

static void starts_in_long_mode(void **)
{
	struct vm_entry entry = {
		.long_mode = true,
		.rip = GUEST_CODE,
		.rsi = 0x7000,
		.cr3 = 0x10000,
		.gdt = 0x500,
		.gdt_limit = 31,
	};
	static const uint64_t gdt[] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};
	static const uint64_t top = 0x11000 | 3, first_gib = 0x83; // a page of 1 GiB

	GUEST(g, 1);
	kvm_guest_load(&g, entry.gdt, (const uint8_t *)gdt, sizeof(gdt));
	kvm_guest_load(&g, 0x10000, (const uint8_t *)&top, sizeof(top));
	kvm_guest_load(&g, 0x11000, (const uint8_t *)&first_gib, sizeof(first_gib));
	kvm_guest_load(&g, GUEST_CODE, CODE(long));
	assert_int_equal(vm_start(g.vm, &entry), 0);
	assert_true(kvm_guest_wait(&g, &g.n_reports, 3));
	assert_int_equal(g.report[0], 0x7000);
	assert_int_equal(g.report[1], 0x12345678);
	assert_int_equal(g.report[2], 1);
	kvm_guest_destroy(&g);
}

static void says_hyperv_and_nothing_of_kvm(void **)
{
	GUEST(g, 1);
	run(&g, CODE(cpuid));
	assert_true(kvm_guest_wait(&g, &g.n_reports, 5));
	assert_memory_equal(g.report, "Microsoft Hv", 12);
	assert_true((g.report[3] & 1u << 31) != 0);
	assert_memory_not_equal(&g.report[4], "KVMK", 4);
	kvm_guest_destroy(&g);
}

static void numbers_processors(void **)
{
	GUEST(g, 3);
	kvm_guest_load(&g, GUEST_SECOND, CODE(second));
	run(&g, CODE(smp));
	assert_true(kvm_guest_wait(&g, &g.n_reports, 4));
	assert_int_equal(g.report[0], 1); // VP index
	assert_int_equal(g.report[1], 1); // APIC
	assert_int_equal(g.report[2], 3); // cores in the package
	assert_int_equal(g.report[3], 1); // x2APIC
	kvm_guest_destroy(&g);
}

// ---- how it ends

static void is_stopped_while_it_runs(void **)
{
	GUEST(g, 4); // three of which wait to be started
	for (unsigned i = 0; i < 20; i++) {
		run(&g, CODE(spin));
		assert_true(kvm_guest_wait(&g, &g.n_reports, i + 1));
		vm_stop(g.vm);
		assert_int_equal(g.n_ends, 0);
		kvm_guest_renew(&g, 4);
	}
	kvm_guest_destroy(&g);
}

static void is_stopped_before_it_is_started(void **)
{
	GUEST(g, 2);
	vm_stop(g.vm);
	vm_stop(g.vm);
	kvm_guest_destroy(&g);
}

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void leaves_nothing_behind(void **)
{
	unsigned before = open_files();

	if (kvm_fd < 0)
		skip();
	for (unsigned i = 0; i < 3; i++) {
		GUEST(g, 64);
		run(&g, CODE(spin));
		assert_true(kvm_guest_wait(&g, &g.n_reports, 1));
		kvm_guest_destroy(&g);
	}
	assert_int_equal(open_files(), before);
}

static void resets_on_a_triple_fault(void **)
{
	ends(CODE(fault), VM_RESET, "triple fault");
}

static void resets_by_the_register(void **)
{
	ends(CODE(reset), VM_RESET, "reset register");
}

// A register that no leaf of CPUID shows faults.
static void keeps_to_what_cpuid_shows(void **)
{
	ends(CODE(unknown_msr), VM_RESET, "triple fault");
}

static void says_where_code_has_ended(void **)
{
	ends(CODE(hole), VM_BROKEN, "0xd0000000");
}

static void tells_of_a_crash(void **)
{
	static const uint64_t params[5] = {0x11, 0x100000022, 0x33, 0x44, 0x55};

	GUEST(g, 1);
	run(&g, CODE(crash));
	assert_true(kvm_guest_wait(&g, &g.n_reports, 2)); // it goes on
	assert_int_equal(g.report[0], 0xc0000000);        // can tell, and with a text
	assert_int_equal(g.n_crashes, 1);
	assert_memory_equal(g.crash, params, sizeof(params));
	assert_int_equal(g.crash_control, 3ull << 62);
	assert_int_equal(g.n_ends, 0);
	kvm_guest_destroy(&g);
}

// ---- Hyper-V

static void tells_of_synic_registers(void **)
{
	GUEST(g, 1);
	run(&g, CODE(synic));
	assert_true(kvm_guest_wait(&g, &g.n_reports, 1));
	assert_int_equal(g.n_synic, 3);
	assert_int_equal(g.synic[0][2], 0x5001); // SIMP
	assert_int_equal(g.synic[1][1], 0x6001); // SIEFP
	assert_int_equal(g.synic[1][2], 0x5001);
	assert_int_equal(g.synic[0][0], 1); // on before
	assert_int_equal(g.synic[2][0], 0);
	kvm_guest_destroy(&g);
}

static bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static uint64_t drain(int fd)
{
	uint64_t n = 0;

	return readable(fd, 0) && read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void brings_hypercalls_but_signals(void **)
{
	int kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), old = eventfd(0, EFD_CLOEXEC);
	struct vm_stats stats;

	GUEST(g, 1);
	g.result = 0x12;
	assert_int_equal(vm_bind_connection(g.vm, 0x2001, old), 0);
	assert_int_equal(vm_bind_connection(g.vm, 0x2001, kick), 0); // in its place
	assert_int_equal(vm_bind_connection(g.vm, 0x2002, kick), 0);
	assert_int_equal(vm_bind_connection(g.vm, 0x2002, -1), 0);
	assert_int_equal(vm_bind_connection(g.vm, 0x2002, -1), 0);
	assert_int_equal(vm_bind_connection(g.vm, 1u << 24, kick), -EINVAL);
	run(&g, CODE(hypercalls));
	assert_true(kvm_guest_wait(&g, &g.n_reports, 3));
	assert_int_equal(g.n_hypercalls, 2);
	assert_int_equal(g.hypercall[0][0], 0x5c);
	assert_int_equal(g.hypercall[0][1], 0x4000);
	assert_int_equal(g.report[0], 0x12);
	assert_int_equal(g.report[1], 0); // in the kernel
	assert_int_equal(drain(kick), 1);
	assert_false(readable(old, 0));
	assert_int_equal(g.hypercall[1][0], 0x1005d);
	assert_int_equal(g.hypercall[1][1], 0x2002);
	assert_int_equal(g.report[2], 0x12);
	vm_get_stats(g.vm, &stats);
	assert_int_equal(stats.hypercall, 2);
	kvm_guest_destroy(&g);
	close(kick);
	close(old);
}

// ---- interrupts

static void raises_lines(void **)
{
	GUEST(g, 1);
	kvm_guest_load(&g, GUEST_CODE, code_pic, code_pic_all - code_pic);
	kvm_guest_vector(&g, 0x24, GUEST_CODE + (code_pic_handler - code_pic));
	kvm_guest_start(&g);
	assert_true(kvm_guest_wait(&g, &g.n_reports, 1));
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(vm_irq_line(g.vm, 4, true), 0);
		assert_true(kvm_guest_wait(&g, &g.n_reports, 2 + i));
		assert_int_equal(g.report[1 + i], 0x24);
		assert_int_equal(vm_irq_line(g.vm, 4, false), 0);
	}
	assert_int_equal(vm_irq_line(g.vm, 24, true), -EINVAL);
	kvm_guest_destroy(&g);
}

static void has_an_interval_timer(void **)
{
	GUEST(g, 1);
	kvm_guest_load(&g, GUEST_CODE, code_pit, code_pit_all - code_pit);
	kvm_guest_vector(&g, 0x30, GUEST_CODE + (code_pit_handler - code_pit));
	kvm_guest_start(&g);
	assert_true(kvm_guest_wait(&g, &g.n_reports, 20));
	assert_int_equal(g.report[19], 0x30);
	kvm_guest_destroy(&g);
}

static void interrupts(struct kvm_guest *g, unsigned n)
{
	assert_true(kvm_guest_wait(g, &g->n_reports, 1 + n));
	assert_int_equal(g->n_reports, 1 + n);
	assert_int_equal(g->report[n], 0x50);
	// The guest has ended it, and has told of it just before.
	assert_true(readable(vm_slot_fd(g->vm, 0), 10000));
	assert_true(drain(vm_slot_fd(g->vm, 0)) >= 1);
}

static void kick(int fd)
{
	const uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void interrupts_by_sint(void **)
{
	int call[2] = {eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK)};
	struct vm_stats before, after;

	GUEST(g, 2);
	kvm_guest_load(&g, GUEST_CODE, code_sint, code_sint_all - code_sint);
	kvm_guest_vector(&g, 0x50, GUEST_CODE + (code_sint_handler - code_sint));
	assert_int_equal(vm_bind_interrupt(g.vm, 0, call[0], true), 0);
	assert_int_equal(vm_bind_interrupt(g.vm, 0, call[1], true), 0);
	assert_int_equal(vm_bind_interrupt(g.vm, 2, call[1], true), -EINVAL);
	kvm_guest_start(&g);
	assert_true(kvm_guest_wait(&g, &g.n_reports, 1));
	assert_int_equal(vm_inject_sint(g.vm, 0), 0);
	interrupts(&g, 1);
	vm_get_stats(g.vm, &before);
	kick(call[0]);
	interrupts(&g, 2);
	kick(call[1]);
	interrupts(&g, 3);
	vm_get_stats(g.vm, &after);
	assert_int_equal(after.returns - before.returns, 2); // the reports themselves
	assert_int_equal(vm_bind_interrupt(g.vm, 0, call[0], false), 0);
	kick(call[0]);
	assert_false(readable(vm_slot_fd(g.vm, 0), 200));
	// To another processor, where nobody listens: harmless.
	assert_int_equal(vm_bind_interrupt(g.vm, 1, call[0], true), 0);
	kick(call[0]);
	assert_int_equal(vm_inject_sint(g.vm, 1), 0);
	assert_int_equal(vm_inject_sint(g.vm, 2), -EINVAL);
	kick(call[1]);
	interrupts(&g, 4);
	kvm_guest_destroy(&g);
	close(call[0]);
	close(call[1]);
}

// KVM drops what is raised while the SINT is masked; unmasking it is told, and values that fault do
// so as ever.
static void tells_that_sint_is_unmasked(void **)
{
	static const uint32_t reports[] = {0x10000, 13, 0x10000, 0x51, 0x50, 0x10050};
	struct vm_stats stats;

	GUEST(g, 1);
	g.raises = true;
	kvm_guest_load(&g, GUEST_CODE, code_unmask, code_unmask_all - code_unmask);
	kvm_guest_vector(&g, 0x50, GUEST_CODE + (code_unmask_handler - code_unmask));
	kvm_guest_vector(&g, 13, GUEST_CODE + (code_unmask_fault - code_unmask));
	assert_int_equal(vm_inject_sint(g.vm, 0), 0); // in vain
	kvm_guest_start(&g);
	assert_true(kvm_guest_wait(&g, &g.n_reports, 6));
	assert_memory_equal(g.report, reports, sizeof(reports));
	vm_stop(g.vm);
	assert_int_equal(g.n_reports, 6);
	assert_int_equal(g.n_unmasked, 1);
	assert_int_equal(g.n_ends, 0);
	vm_get_stats(g.vm, &stats);
	assert_int_equal(stats.synic, 4);
	assert_int_equal(stats.other, 0);
	kvm_guest_destroy(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_how_to_get_a_kvm),
		cmocka_unit_test(says_how_to_get_permission),
		cmocka_unit_test(says_how_to_get_hardware),
		cmocka_unit_test(says_that_it_is_not_kvm),
		cmocka_unit_test(says_that_kvm_is_without_hyperv),
		cmocka_unit_test(says_how_many_processors_there_may_be),
		cmocka_unit_test(tells_of_ports),
		cmocka_unit_test(tells_of_memory_that_is_none),
		cmocka_unit_test(starts_in_long_mode),
		cmocka_unit_test(says_hyperv_and_nothing_of_kvm),
		cmocka_unit_test(numbers_processors),
		cmocka_unit_test(is_stopped_while_it_runs),
		cmocka_unit_test(is_stopped_before_it_is_started),
		cmocka_unit_test(leaves_nothing_behind),
		cmocka_unit_test(resets_on_a_triple_fault),
		cmocka_unit_test(resets_by_the_register),
		cmocka_unit_test(keeps_to_what_cpuid_shows),
		cmocka_unit_test(says_where_code_has_ended),
		cmocka_unit_test(tells_of_a_crash),
		cmocka_unit_test(tells_of_synic_registers),
		cmocka_unit_test(brings_hypercalls_but_signals),
		cmocka_unit_test(raises_lines),
		cmocka_unit_test(has_an_interval_timer),
		cmocka_unit_test(interrupts_by_sint),
		cmocka_unit_test(tells_that_sint_is_unmasked),
	};

	kvm_fd = kvm_guest_open();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
