/* SPDX-License-Identifier: BSD-3-Clause */
// Where things are in the guest's physical memory and on its ports.
#pragma once

#define GUEST_LOW_END 0xc0000000ull // memory below; what is more goes from GUEST_HIGH on
#define GUEST_HIGH    0x100000000ull
#define GUEST_LEAST   (32ull << 20)
#define GUEST_MOST    (1ull << 40)

#define GUEST_GDT         0x500ull
#define GUEST_BOOT        0x7000ull // boot parameters, one page ("zero page")
#define GUEST_SEED        0x8000ull // setup data: random numbers
#define GUEST_TABLES      0x9000ull // page tables for the 64-bit entry, six pages
#define GUEST_CMDLINE     0x20000ull
#define GUEST_CMDLINE_MAX 4096u      // with the NUL
#define GUEST_EBDA        0x9fc00ull // end of what is usable below 1 MiB
#define GUEST_ACPI        0xe0000ull // tables, up to 1 MiB
#define GUEST_ACPI_SIZE   0x20000u
#define GUEST_KERNEL      0x100000ull

#define PORT_RTC        0x70  // 2
#define PORT_I8042      0x64  // 0xfe: reset
#define PORT_SERIAL     0x3f8 // 8
#define PORT_PM_EVENT   0x600 // 4: status, enable
#define PORT_PM_CONTROL 0x604 // 2
#define PORT_PM_TIMER   0x608 // 4
#define PORT_PCI        0xcf8 // 8: address, data
#define PORT_RESET      0xcf9

#define POWER_TYPE_S5 5 // as dsdt.asl says

#define LINE_SERIAL 4
#define LINE_SCI    9
