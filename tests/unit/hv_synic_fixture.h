/* SPDX-License-Identifier: BSD-3-Clause */
// A synthetic interrupt controller over some pages, whose host keeps books of what it is asked for.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include <hypervisor/hyperv/synic.h>

#include "vmbus_memory.h"

#define N_VPS 2u
#define PAGES 16u
#define ON    1ull

#define SIMP(vp)  ((1 + 2ull * (vp)) * GUEST_PAGE_SIZE)
#define SIEFP(vp) ((2 + 2ull * (vp)) * GUEST_PAGE_SIZE)
#define SPARE     (8ull * GUEST_PAGE_SIZE)
#define SLOT      512u // of SINT 2, in either page

#define PENDING 1

static struct guest_mem mem;
static struct hv_synic *synic;

// What the host was asked for.
static unsigned injected[N_VPS], n_room, n_watch_calls;
static unsigned refuse_binds; // of interrupts, so many
static bool watched[N_VPS], frees_at_watch, refuse_bind;
static struct {
	uint32_t key;
	int fd;
} connections[8], interrupts[8];

static inline uint8_t *at(uint64_t gpa)
{
	return guest_mem_at(&mem, gpa, 1);
}

static void inject(void *arg, uint32_t vp)
{
	assert_ptr_equal(arg, &mem);
	injected[vp]++;
}

static void watch_slot(void *, uint32_t vp, bool on)
{
	assert_int_not_equal(watched[vp], on);
	watched[vp] = on;
	n_watch_calls++;
	// The guest ended its message just before the watch was on, and said so to nobody.
	if (on && frees_at_watch)
		memset(at(SIMP(vp) + SLOT), 0, 4);
}

static int bind_connection(void *, uint32_t id, int fd)
{
	for (unsigned i = 0; i < 8; i++) {
		if (fd < 0 && connections[i].key == id) {
			connections[i].key = 0;
			return 0;
		}
		assert_int_not_equal(connections[i].key, id); // KVM refuses a second one
	}
	for (unsigned i = 0; i < 8 && !refuse_bind; i++)
		if (connections[i].key == 0) {
			connections[i].key = id;
			connections[i].fd = fd;
			return 0;
		}
	return -EIO;
}

static int bind_interrupt(void *, uint32_t vp, int fd, bool on)
{
	for (unsigned i = 0; i < 8; i++)
		if (!on && interrupts[i].key == vp + 1 && interrupts[i].fd == fd) {
			interrupts[i].key = 0;
			return 0;
		}
	assert_true(on);
	for (unsigned i = 0; i < 8; i++) // nor does KVM take a descriptor twice
		assert_false(interrupts[i].key != 0 && interrupts[i].fd == fd);
	if (refuse_binds > 0) {
		refuse_binds--;
		return -ENOMEM;
	}
	for (unsigned i = 0; i < 8 && !refuse_bind; i++)
		if (interrupts[i].key == 0) {
			interrupts[i].key = vp + 1;
			interrupts[i].fd = fd;
			return 0;
		}
	return -EIO;
}

static void room(void *)
{
	n_room++;
}

static const struct hv_synic_host host = {
	.inject = inject,
	.watch_slot = watch_slot,
	.bind_connection = bind_connection,
	.bind_interrupt = bind_interrupt,
	.room = room,
};

static int setup(void **)
{
	make_memory(&mem, PAGES);
	memset(injected, 0, sizeof(injected));
	memset(watched, 0, sizeof(watched));
	memset(connections, 0, sizeof(connections));
	memset(interrupts, 0, sizeof(interrupts));
	n_room = n_watch_calls = refuse_binds = 0;
	frees_at_watch = refuse_bind = false;
	synic = hv_synic_create(&mem, N_VPS, &host, &mem);
	return synic == NULL ? -1 : 0;
}

static int teardown(void **)
{
	hv_synic_destroy(synic);
	guest_mem_clear(&mem);
	return 0;
}

static inline void enable(uint32_t vp)
{
	hv_synic_msr(synic, vp, ON, SIEFP(vp) | ON, SIMP(vp) | ON);
	injected[vp] = 0;
}

static inline int post(uint32_t vp, uint32_t value)
{
	return hv_synic_ops.post_message(synic, vp, &value, sizeof(value));
}

static inline uint32_t slot_word(uint64_t simp, unsigned offset)
{
	uint32_t value;

	memcpy(&value, at(simp + SLOT + offset), sizeof(value));
	return value;
}

static inline bool is_free(uint64_t simp)
{
	return slot_word(simp, 0) == 0;
}

// The guest takes the message at `simp`, which must be there. True: it has to write EOM.
static inline bool take(uint64_t simp, uint32_t value)
{
	assert_int_equal(slot_word(simp, 0), 1); // the bus's type
	assert_int_equal(*at(simp + SLOT + 4), sizeof(uint32_t));
	assert_int_equal(slot_word(simp, 16), value);
	memset(at(simp + SLOT), 0, 4);
	return (*at(simp + SLOT + 5) & PENDING) != 0;
}

static inline unsigned bytes_set(uint64_t gpa)
{
	unsigned n = 0;

	for (unsigned i = 0; i < GUEST_PAGE_SIZE; i++)
		n += *at(gpa + i) != 0;
	return n;
}

#define rule(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
