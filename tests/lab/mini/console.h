/* SPDX-License-Identifier: BSD-3-Clause */
// Lines on the 16550 at 0x3f8. Any processor.
#pragma once

void console_init(void);
// %s %u %x (32 bits), %lu %lx (64 bits), %c. A line is said as a whole, "mini: " in front.
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
