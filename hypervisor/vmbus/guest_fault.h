/* SPDX-License-Identifier: BSD-3-Clause */
// Which mappings of this process show guests' memory, for the SIGBUS handler of
// guest_mem_catch_faults(). Every mapping of a guest's memory must be told here while it lives,
// second ones too.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define GUEST_FAULT_MAX 16384u // mappings of the process

// A fault in [start, start + len) puts zeros there and sets *dead, which must live as long. Any
// thread. -ENOSPC: too many.
int guest_fault_watch(void *start, size_t len, size_t page_size, _Atomic bool *dead);
// Before it is unmapped. Any thread.
void guest_fault_unwatch(const void *start);
