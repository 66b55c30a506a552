/* SPDX-License-Identifier: BSD-3-Clause */
#include "acpi.h"

#include <errno.h>
#include <string.h>

#include <dsdt.hex> // dsdt_aml_code[], made from dsdt.asl

#include "acpi_tables.h"
#include "layout.h"

#define MAX_VCPUS 254 // more need other entries
#define LAPIC     0xfee00000u
#define IOAPIC    0xfec00000u

#define RESET_VALUE 0x06
#define CENTURY     0x32 // of the clock

// Room that is filled from its beginning on.
struct area {
	uint8_t *host;
	uint32_t used;
};

// The guest physical address of the copy, or 0: no room.
static uint32_t put(struct area *a, const void *bytes, uint32_t len, uint32_t align)
{
	uint32_t to = (a->used + align - 1) / align * align;

	if (to > GUEST_ACPI_SIZE || len > GUEST_ACPI_SIZE - to)
		return 0;
	memcpy(a->host + to, bytes, len);
	a->used = to + len;
	return GUEST_ACPI + to;
}

static uint8_t checksum(const void *bytes, uint32_t len)
{
	const uint8_t *p = bytes;
	uint8_t sum = 0;

	while (len-- > 0)
		sum += *p++;
	return -sum;
}

static struct acpi_header header(const char signature[4], uint8_t revision, uint32_t length)
{
	struct acpi_header h = {
		.length = length,
		.revision = revision,
		.oem_id = {'V', 'S', 'W', 'T', 'C', 'H'},
		.oem_table_id = {'H', 'V', 'H', 'O', 'S', 'T', ' ', ' '},
		.oem_revision = 1,
		.creator_id = {'V', 'S', 'W', ' '},
		.creator_revision = 1,
	};

	memcpy(h.signature, signature, sizeof(h.signature));
	return h;
}

// With the header's checksum, which was 0.
static uint32_t put_table(struct area *a, struct acpi_header *table)
{
	table->checksum = checksum(table, table->length);
	return put(a, table, table->length, 16);
}

static struct acpi_address port(uint16_t number, uint8_t bytes, uint8_t access)
{
	return (struct acpi_address){ACPI_SPACE_IO, bytes * 8, 0, access, number};
}

static uint32_t put_fadt(struct area *a, uint32_t facs, uint32_t dsdt)
{
	struct acpi_fadt t = {
		.header = header("FACP", 6, sizeof(t)),
		.facs = facs,
		.dsdt = dsdt,
		.sci = LINE_SCI,
		.pm1a_event = PORT_PM_EVENT,
		.pm1a_control = PORT_PM_CONTROL,
		.pm_timer = PORT_PM_TIMER,
		.pm1_event_length = 4,
		.pm1_control_length = 2,
		.pm_timer_length = 4,
		.c2_latency = 0xfff, // neither C2 nor C3
		.c3_latency = 0xfff,
		.century = CENTURY,
		.boot_arch = ACPI_BOOT_NO_VGA | ACPI_BOOT_NO_ASPM, // and no keyboard
		.flags = ACPI_FADT_WBINVD | ACPI_FADT_C1 | ACPI_FADT_NO_SLEEP_BTN |
	                 ACPI_FADT_NO_RTC_WAKE | ACPI_FADT_TIMER_32 | ACPI_FADT_RESET_REGISTER |
	                 ACPI_FADT_HEADLESS,
		.reset_register = port(PORT_RESET, 1, 1),
		.reset_value = RESET_VALUE,
		// No x_facs: where both are there, they are compared and one is ignored.
		.x_dsdt = dsdt,
		.x_pm1a_event = port(PORT_PM_EVENT, 4, 2),
		.x_pm1a_control = port(PORT_PM_CONTROL, 2, 2),
		.x_pm_timer = port(PORT_PM_TIMER, 4, 3),
		.hypervisor = {'M', 's', 'H', 'y', 'p', 'e', 'r', 'V'},
	};

	return put_table(a, &t.header);
}

static uint32_t put_madt(struct area *a, uint32_t n_vcpus)
{
	struct [[gnu::packed]] {
		struct acpi_madt table;
		struct acpi_madt_ioapic ioapic;
		struct acpi_madt_override timer, sci;
		struct acpi_madt_nmi nmi;
		struct acpi_madt_lapic lapic[MAX_VCPUS];
	} t = {
		.table = {.lapic = LAPIC, .flags = ACPI_MADT_PIC},
		.ioapic = {ACPI_IOAPIC, sizeof(t.ioapic), 0, 0, IOAPIC, 0},
		.timer = {ACPI_OVERRIDE, sizeof(t.timer), 0, 0, 2, 0},
		.sci = {ACPI_OVERRIDE, sizeof(t.sci), 0, LINE_SCI, LINE_SCI, ACPI_LEVEL_HIGH},
		.nmi = {ACPI_LAPIC_NMI, sizeof(t.nmi), 0xff, 0, 1},
	};

	for (uint32_t i = 0; i < n_vcpus; i++)
		t.lapic[i] = (struct acpi_madt_lapic){ACPI_LAPIC, sizeof(t.lapic[i]), i, i, 1};
	t.table.header = header("APIC", 3, sizeof(t) - (MAX_VCPUS - n_vcpus) * sizeof(t.lapic[0]));
	return put_table(a, &t.table.header);
}

static uint32_t put_xsdt(struct area *a, uint32_t fadt, uint32_t madt)
{
	struct [[gnu::packed]] {
		struct acpi_header header;
		uint64_t table[2];
	} t = {header("XSDT", 1, sizeof(t)), {fadt, madt}};

	return put_table(a, &t.header);
}

static uint32_t put_rsdt(struct area *a, uint32_t fadt, uint32_t madt)
{
	struct [[gnu::packed]] {
		struct acpi_header header;
		uint32_t table[2];
	} t = {header("RSDT", 1, sizeof(t)), {fadt, madt}};

	return put_table(a, &t.header);
}

static void write_rsdp(uint8_t *to, uint32_t rsdt, uint32_t xsdt)
{
	struct acpi_rsdp r = {
		.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
		.oem_id = {'V', 'S', 'W', 'T', 'C', 'H'},
		.revision = 2,
		.rsdt = rsdt,
		.length = sizeof(r),
		.xsdt = xsdt,
	};

	r.checksum = checksum(&r, 20);
	r.extended_checksum = checksum(&r, sizeof(r));
	memcpy(to, &r, sizeof(r));
}

int acpi_write(struct ram *ram, uint32_t n_vcpus, uint64_t *rsdp)
{
	const struct acpi_facs facs = {
		.signature = {'F', 'A', 'C', 'S'}, .length = sizeof(facs), .version = 2};
	uint32_t dsdt, facs_at, fadt, madt, rsdt, xsdt;
	struct area a = {guest_mem_at(&ram->mem, GUEST_ACPI, GUEST_ACPI_SIZE), 0};

	if (a.host == NULL || n_vcpus == 0 || n_vcpus > MAX_VCPUS)
		return -EINVAL;
	memset(a.host, 0, GUEST_ACPI_SIZE);
	a.used = sizeof(struct acpi_rsdp); // first, for those who search
	facs_at = put(&a, &facs, sizeof(facs), 64);
	dsdt = put(&a, dsdt_aml_code, sizeof(dsdt_aml_code), 16);
	fadt = put_fadt(&a, facs_at, dsdt);
	madt = put_madt(&a, n_vcpus);
	rsdt = put_rsdt(&a, fadt, madt);
	xsdt = put_xsdt(&a, fadt, madt);
	if (facs_at == 0 || dsdt == 0 || fadt == 0 || madt == 0 || rsdt == 0 || xsdt == 0)
		return -ENOSPC;
	write_rsdp(a.host, rsdt, xsdt);
	*rsdp = GUEST_ACPI;
	return 0;
}
