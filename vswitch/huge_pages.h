/* SPDX-License-Identifier: BSD-3-Clause */
// 2 MiB huge pages of the machine.
#pragma once

#include <stdbool.h>

// True when `pages` are free, after reserving what is missing if we may.
bool huge_pages_ensure(unsigned long pages);
// Gives back what huge_pages_ensure() reserved.
void huge_pages_return(void);
