/* SPDX-License-Identifier: BSD-3-Clause */
// The system calls that a running virtual machine needs. Whoever makes another one is killed.
//
// What each is for is in the table. A value says what the argument must be, with a mask: which of
// its bits count; several rows of one call are alternatives.
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <hypervisor/kvm/vm.h>

#define ANY (-1)

// Sanitizers make calls that no table of ours can foresee.
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

static const struct call {
	int number;
	int arg; // ANY: whatever the arguments are
	uint64_t mask, value;
} calls[] = {
	// Descriptors that are there: guests' doorbells, console, control, the provider's socket.
	{SCMP_SYS(read), ANY, 0, 0},
	{SCMP_SYS(write), ANY, 0, 0},
	{SCMP_SYS(readv), ANY, 0, 0},
	{SCMP_SYS(writev), ANY, 0, 0},
	{SCMP_SYS(close), ANY, 0, 0},
	{SCMP_SYS(dup), ANY, 0, 0},
	{SCMP_SYS(fstat), ANY, 0, 0},
	{SCMP_SYS(lseek), ANY, 0, 0},
	{SCMP_SYS(pread64), ANY, 0, 0}, // kernel and initrd, at a reset
	// Never F_SETFL: the provider relies on its eventfds not to block.
	{SCMP_SYS(fcntl), 1, UINT32_MAX, F_DUPFD_CLOEXEC},
	{SCMP_SYS(fcntl), 1, UINT32_MAX, F_GETFL},
	{SCMP_SYS(fcntl), 1, UINT32_MAX, F_GETFD},
	{SCMP_SYS(fcntl), 1, UINT32_MAX, F_SETFD},
	{SCMP_SYS(fcntl), 1, UINT32_MAX, F_ADD_SEALS},
	{SCMP_SYS(fcntl), 1, UINT32_MAX, F_GET_SEALS},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, TCGETS}, // the terminal, given back as it was
	{SCMP_SYS(ioctl), 1, UINT32_MAX, TCSETS},
	// Waiting
	{SCMP_SYS(epoll_wait), ANY, 0, 0},
	{SCMP_SYS(epoll_pwait), ANY, 0, 0},
	{SCMP_SYS(epoll_ctl), ANY, 0, 0},
	{SCMP_SYS(poll), ANY, 0, 0},
	{SCMP_SYS(futex), ANY, 0, 0},
	{SCMP_SYS(restart_syscall), ANY, 0, 0},
	{SCMP_SYS(clock_gettime), ANY, 0, 0}, // where the vDSO does not
	{SCMP_SYS(gettimeofday), ANY, 0, 0},
	{SCMP_SYS(clock_nanosleep), ANY, 0, 0},
	{SCMP_SYS(timerfd_settime), ANY, 0, 0},
	// A NIC that is added or connects again, and whoever asks on the control socket
	{SCMP_SYS(epoll_create1), ANY, 0, 0},
	{SCMP_SYS(eventfd2), ANY, 0, 0},
	{SCMP_SYS(timerfd_create), ANY, 0, 0},
	{SCMP_SYS(memfd_create), ANY, 0, 0},
	{SCMP_SYS(ftruncate), ANY, 0, 0},
	{SCMP_SYS(socket), 0, UINT32_MAX, AF_UNIX},
	{SCMP_SYS(connect), ANY, 0, 0},
	{SCMP_SYS(accept4), ANY, 0, 0},
	{SCMP_SYS(getsockopt), ANY, 0, 0},
	{SCMP_SYS(sendto), ANY, 0, 0},
	{SCMP_SYS(recvfrom), ANY, 0, 0},
	{SCMP_SYS(sendmsg), ANY, 0, 0},
	{SCMP_SYS(recvmsg), ANY, 0, 0},
	{SCMP_SYS(shutdown), ANY, 0, 0},
	{SCMP_SYS(newfstatat), ANY, 0, 0},
	{SCMP_SYS(readlinkat), ANY, 0, 0}, // at the end: is the link to the terminal still ours,
	{SCMP_SYS(unlinkat), ANY, 0, 0},   // and it and the control socket go
	// Memory, none of it to be run
	{SCMP_SYS(brk), ANY, 0, 0},
	{SCMP_SYS(mmap), 2, PROT_EXEC, 0},
	{SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
	{SCMP_SYS(munmap), ANY, 0, 0},
	{SCMP_SYS(mremap), ANY, 0, 0},
	{SCMP_SYS(madvise), ANY, 0, 0},
	{SCMP_SYS(getrandom), ANY, 0, 0},
	// Threads: processors, new ones after a reset; never processes
	{SCMP_SYS(clone), 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM},
	{SCMP_SYS(set_robust_list), ANY, 0, 0},
	{SCMP_SYS(rseq), ANY, 0, 0},
	{SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME},
	{SCMP_SYS(sched_yield), ANY, 0, 0},
	{SCMP_SYS(gettid), ANY, 0, 0},
	{SCMP_SYS(getpid), ANY, 0, 0},
	{SCMP_SYS(rt_sigprocmask), ANY, 0, 0},
	{SCMP_SYS(rt_sigaction), ANY, 0, 0},
	{SCMP_SYS(rt_sigreturn), ANY, 0, 0},
	{SCMP_SYS(exit), ANY, 0, 0},
	{SCMP_SYS(exit_group), ANY, 0, 0},
};

#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

unsigned sandbox_n_calls(void)
{
	unsigned n = 1; // tgkill(), whose row is made of what we are

	for (unsigned i = 0; i < N_CALLS; i++)
		n += i == 0 || calls[i].number != calls[i - 1].number;
	return n;
}

static int allow(scmp_filter_ctx ctx, const struct call *call)
{
	struct scmp_arg_cmp cmp;

	if (call->arg == ANY)
		return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call->number, 0, NULL);
	cmp = SCMP_CMP64(call->arg, SCMP_CMP_MASKED_EQ, call->mask, call->value);
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call->number, 1, &cmp);
}

static int allow_kvm(scmp_filter_ctx ctx)
{
	unsigned n;
	const unsigned long *request = vm_requests(&n);
	int ret = 0;

	for (unsigned i = 0; i < n && ret == 0; i++)
		ret = allow(ctx, &(struct call){SCMP_SYS(ioctl), 1, UINT32_MAX, request[i]});
	return ret;
}

static int fill(scmp_filter_ctx ctx)
{
	// Threads by clone(), of which one can see what it makes.
	int ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	if (ret == 0)
		ret = allow(ctx, &(struct call){SCMP_SYS(tgkill), 0, UINT32_MAX, getpid()});
	if (ret == 0)
		ret = allow_kvm(ctx);
	for (unsigned i = 0; i < N_CALLS && ret == 0; i++)
		ret = allow(ctx, &calls[i]);
	if (ret == 0)
		ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (ret == 0)
		ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return ret;
}

int sandbox_close(char why[SANDBOX_WHY_SIZE])
{
	scmp_filter_ctx ctx;
	int ret;

	if (SANITIZED)
		return 0;
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	ret = ctx == NULL ? -ENOMEM : fill(ctx);
	// With arenas of threads malloc() would count the processors, and free() see how the kernel
	// gives out memory: both are in files.
	mallopt(M_ARENA_MAX, 1);
	if (ret == 0)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	if (ret < 0)
		snprintf(why, SANDBOX_WHY_SIZE,
			"the kernel takes no filter of system calls (%s): use one with seccomp, or "
			"--no-sandbox",
			strerror(-ret));
	return ret;
}
