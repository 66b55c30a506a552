/* SPDX-License-Identifier: BSD-3-Clause */
#include "kvm_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CODE_SELECTOR 0x10

// With the lock.
static bool room(unsigned *n)
{
	return *n < MAX_HEARD;
}

static void hear(struct kvm_guest *g, uint64_t where, bool write, uint8_t *data, unsigned size)
{
	struct heard_access a = {.where = where, .write = write, .size = size};

	// A read gives the low bytes of 0xa1b2c3d4, one more each time.
	if (!write) {
		a.value = 0xa1b2c3d4 + g->n_accesses;
		memcpy(data, &a.value, size);
	} else {
		memcpy(&a.value, data, size < sizeof(a.value) ? size : sizeof(a.value));
	}
	if (room(&g->n_accesses))
		g->access[g->n_accesses++] = a;
}

static void on_port(void *arg, uint16_t port, bool write, uint8_t *data, unsigned size)
{
	struct kvm_guest *g = arg;

	pthread_mutex_lock(&g->lock);
	if (port == PORT_REPORT && write && size == 4) {
		if (room(&g->n_reports))
			memcpy(&g->report[g->n_reports++], data, 4);
	} else {
		hear(g, port, write, data, size);
	}
	pthread_cond_broadcast(&g->told);
	pthread_mutex_unlock(&g->lock);
}

static void on_mmio(void *arg, uint64_t gpa, bool write, uint8_t *data, unsigned size)
{
	struct kvm_guest *g = arg;

	pthread_mutex_lock(&g->lock);
	hear(g, gpa, write, data, size);
	pthread_cond_broadcast(&g->told);
	pthread_mutex_unlock(&g->lock);
}

static void on_synic(void *arg, uint32_t vp, uint64_t control, uint64_t siefp, uint64_t simp)
{
	struct kvm_guest *g = arg;

	pthread_mutex_lock(&g->lock);
	if (vp == 0 && room(&g->n_synic))
		memcpy(g->synic[g->n_synic++], (uint64_t[3]){control, siefp, simp},
			sizeof(g->synic[0]));
	pthread_cond_broadcast(&g->told);
	pthread_mutex_unlock(&g->lock);
}

static void on_unmasked(void *arg, uint32_t vp)
{
	struct kvm_guest *g = arg;

	pthread_mutex_lock(&g->lock);
	g->n_unmasked++;
	if (g->raises)
		vm_inject_sint(g->vm, vp);
	pthread_cond_broadcast(&g->told);
	pthread_mutex_unlock(&g->lock);
}

static uint64_t on_hypercall(void *arg, uint64_t input, const uint64_t params[2])
{
	struct kvm_guest *g = arg;

	pthread_mutex_lock(&g->lock);
	if (room(&g->n_hypercalls))
		memcpy(g->hypercall[g->n_hypercalls++], (uint64_t[3]){input, params[0], params[1]},
			sizeof(g->hypercall[0]));
	pthread_cond_broadcast(&g->told);
	pthread_mutex_unlock(&g->lock);
	return g->result;
}

static void on_crash(void *arg, const uint64_t param[5], uint64_t control)
{
	struct kvm_guest *g = arg;

	pthread_mutex_lock(&g->lock);
	memcpy(g->crash, param, sizeof(g->crash));
	g->crash_control = control;
	g->n_crashes++;
	pthread_cond_broadcast(&g->told);
	pthread_mutex_unlock(&g->lock);
}

static void on_ended(void *arg, enum vm_end end, const char *text)
{
	struct kvm_guest *g = arg;

	pthread_mutex_lock(&g->lock);
	g->end = end;
	snprintf(g->end_text, sizeof(g->end_text), "%s", text);
	g->n_ends++;
	pthread_cond_broadcast(&g->told);
	pthread_mutex_unlock(&g->lock);
}

static const struct vm_ops ops = {
	.port = on_port,
	.mmio = on_mmio,
	.synic = on_synic,
	.unmasked = on_unmasked,
	.hypercall = on_hypercall,
	.crash = on_crash,
	.ended = on_ended,
};

int kvm_guest_open(void)
{
	char why[VM_WHY_SIZE];
	int fd = vm_open("/dev/kvm", why);

	if (fd < 0)
		fprintf(stderr, "skipped: %s\n", why);
	return fd;
}

void kvm_guest_renew(struct kvm_guest *g, uint32_t n_vcpus)
{
	const struct vm_options options = {
		.kvm_fd = g->kvm_fd,
		.n_vcpus = n_vcpus,
		.mem = &g->mem,
		.ops = &ops,
		.arg = g,
	};
	char why[VM_WHY_SIZE] = "";

	vm_destroy(g->vm);
	g->vm = vm_create(&options, why);
	if (g->vm == NULL)
		fail_msg("%s", why);
}

void kvm_guest_create(struct kvm_guest *g, int kvm_fd, uint32_t n_vcpus)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	memset(g, 0, sizeof(*g));
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->told, NULL);
	g->kvm_fd = kvm_fd;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, GUEST_RAM), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(guest_mem_add(&g->mem, 0, GUEST_RAM, fd, 0), 0);
	close(fd);
	kvm_guest_renew(g, n_vcpus);
}

void kvm_guest_destroy(struct kvm_guest *g)
{
	vm_destroy(g->vm);
	guest_mem_clear(&g->mem);
	pthread_cond_destroy(&g->told);
	pthread_mutex_destroy(&g->lock);
}

void kvm_guest_load(struct kvm_guest *g, uint64_t gpa, const uint8_t *code, size_t size)
{
	uint8_t *at = guest_mem_at(&g->mem, gpa, size);

	assert_non_null(at);
	memcpy(at, code, size);
}

// A 32-bit interrupt gate.
void kvm_guest_vector(struct kvm_guest *g, unsigned vector, uint64_t handler)
{
	const uint16_t gate[4] = {handler & 0xffff, CODE_SELECTOR, 0x8e00, handler >> 16};
	const uint16_t idtr[3] = {0x7ff, GUEST_IDT, 0};

	kvm_guest_load(g, GUEST_IDT + vector * sizeof(gate), (const uint8_t *)gate, sizeof(gate));
	kvm_guest_load(g, GUEST_IDTR, (const uint8_t *)idtr, sizeof(idtr));
}

void kvm_guest_start(struct kvm_guest *g)
{
	static const uint64_t gdt[] = {0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff};
	struct vm_entry entry = {.rip = GUEST_CODE, .gdt = 0x500, .gdt_limit = sizeof(gdt) - 1};

	kvm_guest_load(g, entry.gdt, (const uint8_t *)gdt, sizeof(gdt));
	assert_int_equal(vm_start(g->vm, &entry), 0);
}

bool kvm_guest_wait(struct kvm_guest *g, const unsigned *counter, unsigned n)
{
	struct timespec until;
	bool there;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&g->lock);
	while (*counter < n && pthread_cond_timedwait(&g->told, &g->lock, &until) != ETIMEDOUT)
		;
	there = *counter >= n;
	pthread_mutex_unlock(&g->lock);
	return there;
}
