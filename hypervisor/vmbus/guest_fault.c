/* SPDX-License-Identifier: BSD-3-Clause */
// The handler may run at any instruction of any thread, so it reads the table without a lock.
// The entry it looks for stands still: its mapping is in use by the thread that faulted.
#include "guest_fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#include "guest_mem.h"

struct watch {
	_Atomic uint32_t seq;    // odd while being changed
	_Atomic uintptr_t start; // 0: free
	_Atomic size_t len, page_size;
	_Atomic(_Atomic bool *) dead;
};

static struct watch watches[GUEST_FAULT_MAX];
static _Atomic unsigned n_watches; // all beyond are free
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction former;

static void set(struct watch *w, uintptr_t start, size_t len, size_t page, _Atomic bool *dead)
{
	uint32_t seq = atomic_load_explicit(&w->seq, memory_order_relaxed);

	atomic_store_explicit(&w->seq, seq + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&w->start, start, memory_order_relaxed);
	atomic_store_explicit(&w->len, len, memory_order_relaxed);
	atomic_store_explicit(&w->page_size, page, memory_order_relaxed);
	atomic_store_explicit(&w->dead, dead, memory_order_relaxed);
	atomic_store_explicit(&w->seq, seq + 2, memory_order_release);
}

int guest_fault_watch(void *start, size_t len, size_t page_size, _Atomic bool *dead)
{
	unsigned i;

	pthread_mutex_lock(&changing);
	for (i = 0; i < GUEST_FAULT_MAX; i++) {
		if (atomic_load_explicit(&watches[i].start, memory_order_relaxed) == 0)
			break;
	}
	if (i < GUEST_FAULT_MAX) {
		set(&watches[i], (uintptr_t)start, len, page_size, dead);
		if (i >= n_watches)
			n_watches = i + 1;
	}
	pthread_mutex_unlock(&changing);
	return i < GUEST_FAULT_MAX ? 0 : -ENOSPC;
}

void guest_fault_unwatch(const void *start)
{
	pthread_mutex_lock(&changing);
	for (unsigned i = 0; i < n_watches; i++) {
		if (watches[i].start == (uintptr_t)start)
			set(&watches[i], 0, 0, 0, NULL);
	}
	pthread_mutex_unlock(&changing);
}

// Copies an entry; false if it is free, changing or about other addresses.
static bool covers(struct watch *w, uintptr_t at, uintptr_t *start, size_t *len, size_t *page,
	_Atomic bool **dead)
{
	uint32_t seq = atomic_load_explicit(&w->seq, memory_order_acquire);

	*start = atomic_load_explicit(&w->start, memory_order_relaxed);
	*len = atomic_load_explicit(&w->len, memory_order_relaxed);
	*page = atomic_load_explicit(&w->page_size, memory_order_relaxed);
	*dead = atomic_load_explicit(&w->dead, memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return (seq & 1) == 0 && atomic_load_explicit(&w->seq, memory_order_relaxed) == seq &&
	       *start != 0 && at >= *start && at - *start < *len;
}

static bool put_zeros(uintptr_t at, size_t len)
{
	return mmap((void *)at, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		       0) != MAP_FAILED;
}

// The whole mapping becomes zeros, not the page alone: the guest is lost anyway, and one who
// takes page after page from us would use up our areas and then our life.
static bool mend(uintptr_t at)
{
	_Atomic bool *dead;
	uintptr_t start;
	size_t len, page;

	for (unsigned i = 0; i < n_watches; i++) {
		if (!covers(&watches[i], at, &start, &len, &page, &dead))
			continue;
		atomic_store(dead, true);
		return put_zeros(start, len) || put_zeros(at & ~(page - 1), page);
	}
	return false;
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	// Positive: from the kernel, about an address.
	if (info->si_code > 0 && mend((uintptr_t)info->si_addr)) {
		errno = saved;
		return;
	}
	if ((former.sa_flags & SA_SIGINFO) != 0 && former.sa_sigaction != NULL) {
		former.sa_sigaction(sig, info, context);
	} else if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) {
		former.sa_handler(sig);
	} else {
		struct sigaction standard = {.sa_handler = SIG_DFL};

		// Dies of it on return: by the same instruction, or of the signal raised here.
		sigaction(sig, &standard, NULL);
		if (info->si_code <= 0)
			raise(sig);
	}
	errno = saved;
}

int guest_mem_catch_faults(void)
{
	struct sigaction catch = {
		.sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	struct sigaction now;

	if (sigaction(SIGBUS, NULL, &now) != 0)
		return -errno;
	if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_sigbus)
		return 0;
	former = now;
	sigemptyset(&catch.sa_mask);
	return sigaction(SIGBUS, &catch, NULL) != 0 ? -errno : 0;
}
