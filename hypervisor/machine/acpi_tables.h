/* SPDX-License-Identifier: BSD-3-Clause */
// ACPI 6.0: the tables as they are in memory. Sections are those of the specification.
#pragma once

#include <assert.h>
#include <stdint.h>

struct [[gnu::packed]] acpi_header { // 5.2.6
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
};
static_assert(sizeof(struct acpi_header) == 36);

struct [[gnu::packed]] acpi_rsdp { // 5.2.5.3
	char signature[8];
	uint8_t checksum; // of the first 20 bytes
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
};
static_assert(sizeof(struct acpi_rsdp) == 36);

struct [[gnu::packed]] acpi_address { // 5.2.3.2
	uint8_t space, bits, offset, access;
	uint64_t at;
};
static_assert(sizeof(struct acpi_address) == 12);

#define ACPI_SPACE_IO 1

struct [[gnu::packed]] acpi_fadt { // 5.2.9
	struct acpi_header header;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios_request, pstate_control;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0,
		gpe1;
	uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
	uint8_t gpe0_length, gpe1_length, gpe1_base, cstate_control;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_address reset_register;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct acpi_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control,
		x_pm2_control, x_pm_timer, x_gpe0, x_gpe1, sleep_control, sleep_status;
	char hypervisor[8];
};
static_assert(sizeof(struct acpi_fadt) == 276);

#define ACPI_BOOT_NO_VGA  (1u << 2)
#define ACPI_BOOT_NO_ASPM (1u << 4)

#define ACPI_FADT_WBINVD         (1u << 0)
#define ACPI_FADT_C1             (1u << 2)
#define ACPI_FADT_NO_SLEEP_BTN   (1u << 5)
#define ACPI_FADT_NO_RTC_WAKE    (1u << 6)
#define ACPI_FADT_TIMER_32       (1u << 8)
#define ACPI_FADT_RESET_REGISTER (1u << 10)
#define ACPI_FADT_HEADLESS       (1u << 12)

struct [[gnu::packed]] acpi_facs { // 5.2.10
	char signature[4];
	uint32_t length, hardware, waking, global_lock, flags;
	uint64_t x_waking;
	uint8_t version, reserved[31];
};
static_assert(sizeof(struct acpi_facs) == 64);

struct [[gnu::packed]] acpi_madt { // 5.2.12
	struct acpi_header header;
	uint32_t lapic, flags;
};
static_assert(sizeof(struct acpi_madt) == 44);

#define ACPI_MADT_PIC 1u

struct [[gnu::packed]] acpi_madt_lapic { // 5.2.12.2
	uint8_t type, length, uid, id;
	uint32_t flags;
};
static_assert(sizeof(struct acpi_madt_lapic) == 8);

struct [[gnu::packed]] acpi_madt_ioapic { // 5.2.12.3
	uint8_t type, length, id, reserved;
	uint32_t at, first_line;
};
static_assert(sizeof(struct acpi_madt_ioapic) == 12);

struct [[gnu::packed]] acpi_madt_override { // 5.2.12.5
	uint8_t type, length, bus, source;
	uint32_t line;
	uint16_t flags;
};
static_assert(sizeof(struct acpi_madt_override) == 10);

#define ACPI_LEVEL_HIGH 0x0du

struct [[gnu::packed]] acpi_madt_nmi { // 5.2.12.7
	uint8_t type, length, uid;
	uint16_t flags;
	uint8_t lint;
};
static_assert(sizeof(struct acpi_madt_nmi) == 6);

enum { ACPI_LAPIC = 0, ACPI_IOAPIC = 1, ACPI_OVERRIDE = 2, ACPI_LAPIC_NMI = 4 };
