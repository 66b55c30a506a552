/* SPDX-License-Identifier: BSD-3-Clause */
#include "hyperv.h"

#include <hypervisor/vmbus/proto.h>

#include "machine.h"
#include "text.h"

#define LEAF_SIGNATURE 0x40000000u
#define LEAF_LEAST     0x40000005u
#define OS_ID          0x8100000000010000ull // open source, not Linux
#define ENABLED        1ull
#define SLOT           256u
#define PENDING        1u
#define SINT_MASKED    (1ull << 16)

// As in the message page.
struct synic_message {
	volatile uint32_t type;
	uint8_t size, flags;
	uint16_t reserved;
	uint64_t port;
	uint8_t payload[VMBUS_MESSAGE_MAX];
};

static uint8_t call_page[PAGE] __attribute__((aligned(PAGE)));
static bool ready;

bool hyperv_init(void)
{
	struct cpuid c = cpuid(LEAF_SIGNATURE, 0);

	if (ready)
		return true;
	if (memcmp(&c.ebx, "Microsoft Hv", 12) != 0 || c.eax < LEAF_LEAST)
		return false;
	ready = wrmsr_try(MSR_GUEST_OS_ID, OS_ID) &&
	        wrmsr_try(MSR_HYPERCALL, gpa_of(call_page) | ENABLED);
	return ready;
}

bool hyperv_ready(void)
{
	return ready;
}

uint64_t hyperv_call(uint64_t input, uint64_t in, uint64_t out)
{
	register uint64_t r8 asm("r8") = out;
	uint64_t result;

	asm volatile("call *%3"
		     : "=a"(result), "+c"(input), "+d"(in)
		     : "r"((uint64_t)(uintptr_t)call_page), "r"(r8)
		     : "memory", "cc", "r9", "r10", "r11");
	return result;
}

void hyperv_signal(uint32_t connection_id)
{
	hyperv_call(HV_SIGNAL_EVENT | HV_FAST, connection_id, 0);
}

const char *synic_on(void)
{
	struct mini_cpu *cpu = this_cpu();

	if (!hyperv_init())
		return "no Hyper-V here";
	if (cpu->simp == NULL) {
		cpu->simp = memory_pages(2);
		if (cpu->simp == NULL)
			return "no memory";
		cpu->siefp = cpu->simp + PAGE;
	}
	memset(cpu->simp, 0, 2 * PAGE);
	if (!wrmsr_try(MSR_SIMP, gpa_of(cpu->simp) | ENABLED) ||
		!wrmsr_try(MSR_SIEFP, gpa_of(cpu->siefp) | ENABLED) ||
		!wrmsr_try(MSR_SINT0 + VMBUS_SINT, VECTOR_SINT) ||
		!wrmsr_try(MSR_SCONTROL, ENABLED))
		return "a SynIC register faults";
	return NULL;
}

void synic_off(void)
{
	wrmsr_try(MSR_SINT0 + VMBUS_SINT, SINT_MASKED);
	wrmsr_try(MSR_SIMP, 0);
	wrmsr_try(MSR_SIEFP, 0);
	wrmsr_try(MSR_SCONTROL, 0);
}

void synic_mask(bool masked)
{
	wrmsr_try(MSR_SINT0 + VMBUS_SINT, VECTOR_SINT | (masked ? SINT_MASKED : 0));
}

uint32_t synic_take(uint8_t message[VMBUS_MESSAGE_MAX])
{
	struct synic_message *m = (void *)(this_cpu()->simp + VMBUS_SINT * SLOT);
	uint32_t size;

	if (this_cpu()->simp == NULL || m->type == 0)
		return 0;
	size = m->size < VMBUS_MESSAGE_MAX ? m->size : VMBUS_MESSAGE_MAX;
	memcpy(message, m->payload, size);
	__atomic_store_n(&m->type, 0, __ATOMIC_SEQ_CST);
	fence();
	if (__atomic_load_n(&m->flags, __ATOMIC_SEQ_CST) & PENDING)
		wrmsr_try(MSR_EOM, 0);
	return size;
}

bool synic_take_event(uint32_t flag)
{
	uint8_t *at = this_cpu()->siefp;
	uint8_t bit = 1u << flag % 8;

	if (at == NULL)
		return false;
	at += VMBUS_SINT * SLOT + flag / 8;
	return __atomic_fetch_and(at, (uint8_t)~bit, __ATOMIC_SEQ_CST) & bit;
}

bool synic_has_event(uint32_t flag)
{
	const volatile uint8_t *at = this_cpu()->siefp;

	return at != NULL && (at[VMBUS_SINT * SLOT + flag / 8] >> flag % 8 & 1) != 0;
}
