/* SPDX-License-Identifier: BSD-3-Clause */
// Hyper-V as this guest sees it: hypercalls, the SynIC of each processor.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSR_GUEST_OS_ID 0x40000000u
#define MSR_HYPERCALL   0x40000001u
#define MSR_VP_INDEX    0x40000002u
#define MSR_SCONTROL    0x40000080u
#define MSR_SIEFP       0x40000082u
#define MSR_SIMP        0x40000083u
#define MSR_EOM         0x40000084u
#define MSR_SINT0       0x40000090u
#define MSR_CRASH_P0    0x40000100u
#define MSR_CRASH_CTL   0x40000105u

#define HV_POST_MESSAGE 0x5cu
#define HV_SIGNAL_EVENT 0x5du
#define HV_FAST         (1ull << 16)

// False: this is no Hyper-V.
bool hyperv_init(void);
bool hyperv_ready(void);
uint64_t hyperv_call(uint64_t input, uint64_t in, uint64_t out);
void hyperv_signal(uint32_t connection_id);
// The SynIC of this processor, on pages of its own.
const char *synic_on(void);
void synic_off(void);
// This processor's SINT for the bus raises nothing, or does again.
void synic_mask(bool masked);
// The next message of this processor: its size, and where it came from; 0: none.
uint32_t synic_take(uint8_t message[240]);
// An event flag of this processor was set, and is no more.
bool synic_take_event(uint32_t flag);
bool synic_has_event(uint32_t flag); // is set, and stays so
