/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest says when it panics: five registers and perhaps a text in its memory.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <hypervisor/vmbus/guest_mem.h>

#define HV_CRASH_TEXT_MAX 4096

// CRASH_CTL, MSR 0x40000105. A guest that reads both bits there gives its text: P3 is its guest
// physical address, P4 its size.
#define HV_CRASH_NOTIFY_TEXT (1ull << 62)
#define HV_CRASH_NOTIFY      (1ull << 63)

// Turns the crash registers P0 to P4 and CRASH_CTL into text for the log, printable, lines apart
// by newlines, no more than `size` bytes with the NUL. The guest's text is in it if it gave one.
void hv_crash_text(const struct guest_mem *mem, const uint64_t param[5], uint64_t control,
	char *text, size_t size);
