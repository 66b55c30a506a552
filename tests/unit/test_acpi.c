/* SPDX-License-Identifier: BSD-3-Clause */
// The tables as a guest walks them. `test_acpi DIR` also leaves them there, for iasl -d.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hypervisor/machine/acpi.h>
#include <hypervisor/machine/acpi_tables.h>
#include <hypervisor/machine/layout.h>

static struct ram ram;

static uint8_t sum(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint8_t total = 0;

	while (len-- > 0)
		total += *p++;
	return total;
}

// A whole table, or a test that has failed.
static void *table_at(uint64_t gpa, const char *signature)
{
	const struct acpi_header *h;

	assert_true(gpa >= GUEST_ACPI && gpa % 16 == 0);
	assert_true(gpa + sizeof(*h) <= GUEST_ACPI + GUEST_ACPI_SIZE);
	h = (struct acpi_header *)guest_mem_at(&ram.mem, gpa, sizeof(*h));
	assert_memory_equal(h->signature, signature, 4);
	assert_true(h->length >= sizeof(*h));
	assert_true(h->length <= GUEST_ACPI + GUEST_ACPI_SIZE - gpa);
	assert_int_equal(sum(h, h->length), 0);
	return (void *)(uintptr_t)h;
}

static const struct acpi_rsdp *write_tables(uint32_t n_vcpus)
{
	uint64_t at = 0;

	assert_int_equal(acpi_write(&ram, n_vcpus, &at), 0);
	assert_int_equal(at, GUEST_ACPI);
	return (struct acpi_rsdp *)guest_mem_at(&ram.mem, at, sizeof(struct acpi_rsdp));
}

static void *find(const char *signature)
{
	const struct acpi_rsdp *r = write_tables(4);
	const struct acpi_header *xsdt = table_at(r->xsdt, "XSDT");

	for (uint32_t i = sizeof(*xsdt); i < xsdt->length; i += sizeof(uint64_t)) {
		uint64_t at;

		memcpy(&at, (const uint8_t *)xsdt + i, sizeof(at));
		if (memcmp(guest_mem_at(&ram.mem, at, 4), signature, 4) == 0)
			return table_at(at, signature);
	}
	fail();
	return NULL;
}

static void the_root_is_found_and_names_the_same_tables_twice(void **)
{
	const struct acpi_rsdp *r = write_tables(1);
	const struct acpi_header *rsdt = table_at(r->rsdt, "RSDT");
	const struct acpi_header *xsdt = table_at(r->xsdt, "XSDT");
	const uint32_t n = (rsdt->length - sizeof(*rsdt)) / 4;

	assert_memory_equal(r->signature, "RSD PTR ", 8);
	assert_int_equal(r->revision, 2);
	assert_int_equal(r->length, sizeof(*r));
	assert_int_equal(sum(r, 20), 0);
	assert_int_equal(sum(r, sizeof(*r)), 0);
	assert_int_equal(n, 2);
	assert_int_equal((xsdt->length - sizeof(*xsdt)) / 8, n);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t narrow;
		uint64_t wide;

		memcpy(&narrow, (const uint8_t *)(rsdt + 1) + i * 4, 4);
		memcpy(&wide, (const uint8_t *)(xsdt + 1) + i * 8, 8);
		assert_int_equal(narrow, wide);
	}
}

static void the_fixed_hardware_is_where_power_has_it(void **)
{
	const struct acpi_fadt *t = find("FACP");
	const struct acpi_facs *facs;

	assert_int_equal(t->header.length, 276);
	assert_int_equal(t->sci, LINE_SCI);
	assert_int_equal(t->smi_command, 0);
	assert_int_equal(t->pm1a_event, PORT_PM_EVENT);
	assert_int_equal(t->x_pm1a_event.at, PORT_PM_EVENT);
	assert_int_equal(t->x_pm1a_event.bits, 8 * t->pm1_event_length);
	assert_int_equal(t->pm1a_control, PORT_PM_CONTROL);
	assert_int_equal(t->x_pm1a_control.at, PORT_PM_CONTROL);
	assert_int_equal(t->x_pm1a_control.bits, 8 * t->pm1_control_length);
	assert_int_equal(t->pm_timer, PORT_PM_TIMER);
	assert_int_equal(t->x_pm_timer.at, PORT_PM_TIMER);
	assert_int_equal(t->x_pm_timer.bits, 8 * t->pm_timer_length);
	assert_int_equal(t->reset_register.at, PORT_RESET);
	assert_int_equal(t->reset_register.space, 1);
	assert_int_equal(t->reset_register.bits, 8);
	assert_int_equal(t->reset_value, 6);
	assert_int_equal(t->flags & 1u << 10, 1u << 10); // reset register
	assert_int_equal(t->flags & 1u << 4, 0);         // fixed power button
	assert_int_equal(t->flags & 1u << 20, 0);        // not reduced
	assert_int_equal(t->boot_arch & 2, 0);           // no keyboard
	assert_int_equal(t->century, 0x32);
	assert_int_equal(t->dsdt, t->x_dsdt);
	table_at(t->dsdt, "DSDT");
	assert_int_equal(t->facs % 64, 0);
	facs = (struct acpi_facs *)guest_mem_at(&ram.mem, t->facs, sizeof(*facs));
	assert_memory_equal(facs->signature, "FACS", 4);
	assert_int_equal(facs->length, 64);
}

static void every_processor_is_named_in_order(void **)
{
	for (uint32_t n = 1; n <= 64; n++) {
		const struct acpi_rsdp *r = write_tables(n);
		const struct acpi_header *xsdt = table_at(r->xsdt, "XSDT");
		const struct acpi_madt *madt;
		uint32_t cpus = 0, ioapics = 0, i;
		uint64_t at;

		memcpy(&at, (const uint8_t *)(xsdt + 1) + 8, sizeof(at));
		madt = table_at(at, "APIC");
		assert_int_equal(madt->lapic, 0xfee00000);
		for (i = sizeof(*madt); i < madt->header.length;) {
			const uint8_t *e = (const uint8_t *)madt + i;

			assert_true(e[1] >= 2 && i + e[1] <= madt->header.length);
			if (e[0] == 0) {
				assert_int_equal(e[2], cpus);
				assert_int_equal(e[3], cpus++);
				assert_int_equal(e[4], 1);
			}
			ioapics += e[0] == 1;
			i += e[1];
		}
		assert_int_equal(i, madt->header.length);
		assert_int_equal(cpus, n);
		assert_int_equal(ioapics, 1);
	}
}

static void the_timer_is_at_line_2_and_the_sci_is_a_level(void **)
{
	const struct acpi_madt *madt = find("APIC");
	unsigned seen = 0;

	for (uint32_t i = sizeof(*madt); i < madt->header.length;) {
		const struct acpi_madt_override *o =
			(const struct acpi_madt_override *)((const uint8_t *)madt + i);

		i += o->length;
		if (o->type != 2)
			continue;
		seen++;
		if (o->source == 0) {
			assert_int_equal(o->line, 2);
			assert_int_equal(o->flags, 0);
		} else {
			assert_int_equal(o->source, LINE_SCI);
			assert_int_equal(o->line, LINE_SCI);
			assert_int_equal(o->flags, 0x0d);
		}
	}
	assert_int_equal(seen, 2);
}

static bool has(const struct acpi_header *t, const void *bytes, size_t len)
{
	return memmem(t, t->length, bytes, len) != NULL;
}

static void the_dsdt_has_the_bus_and_the_numbers_of_the_layout(void **)
{
	const struct acpi_fadt *fadt = find("FACP");
	const struct acpi_header *dsdt = table_at(fadt->dsdt, "DSDT");
	// Name (_HID, "VMBUS"), Name (_CRS, an empty template)
	static const uint8_t bus[] = {8, '_', 'H', 'I', 'D', 0x0d, 'V', 'M', 'B', 'U', 'S', 0};
	static const uint8_t crs[] = {8, '_', 'C', 'R', 'S', 0x11, 5, 0x0a, 2, 0x79};
	static const uint8_t s5[] = {8, '_', 'S', '5', '_', 0x12, 7, 4, 0x0a, POWER_TYPE_S5};
	static const uint8_t com1[] = {0x47, 1, PORT_SERIAL & 0xff, PORT_SERIAL >> 8,
		PORT_SERIAL & 0xff, PORT_SERIAL >> 8, 1, 8, 0x22, 1u << LINE_SERIAL, 0};
	static const uint8_t rtc[] = {0x47, 1, PORT_RTC, 0, PORT_RTC, 0, 1, 2};

	assert_true(has(dsdt, bus, sizeof(bus)));
	assert_true(has(dsdt, crs, sizeof(crs)));
	assert_true(has(dsdt, "ACPI0004", 9));
	assert_true(has(dsdt, s5, sizeof(s5)));
	assert_true(has(dsdt, com1, sizeof(com1)));
	assert_true(has(dsdt, rtc, sizeof(rtc)));
	assert_int_equal(dsdt->revision, 2);
}

static void numbers_of_processors_that_cannot_be_are_refused(void **)
{
	struct ram none = {};
	uint64_t at;

	assert_int_equal(acpi_write(&ram, 0, &at), -EINVAL);
	assert_int_equal(acpi_write(&ram, 255, &at), -EINVAL);
	assert_int_equal(acpi_write(&ram, 254, &at), 0);
	assert_int_equal(acpi_write(&none, 1, &at), -EINVAL);
}

static int begin(void **)
{
	char why[RAM_WHY_SIZE];

	return ram_create(&ram, "test", GUEST_LEAST, RAM_PAGES_SMALL, why);
}

static int end(void **)
{
	ram_destroy(&ram);
	return 0;
}

static int leave(const char *dir, const struct acpi_header *t)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%.4s.dat", dir, t->signature);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(t, t->length, 1, f) != 1) {
		perror(path);
		return 1;
	}
	return fclose(f) != 0;
}

static int leave_all(const char *dir)
{
	const struct acpi_fadt *fadt;
	int failed;

	if (begin(NULL) != 0)
		return 1;
	fadt = find("FACP");
	failed = leave(dir, &fadt->header) || leave(dir, find("APIC")) ||
	         leave(dir, table_at(fadt->dsdt, "DSDT"));
	end(NULL);
	return failed;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_is_found_and_names_the_same_tables_twice),
		cmocka_unit_test(the_fixed_hardware_is_where_power_has_it),
		cmocka_unit_test(every_processor_is_named_in_order),
		cmocka_unit_test(the_timer_is_at_line_2_and_the_sci_is_a_level),
		cmocka_unit_test(the_dsdt_has_the_bus_and_the_numbers_of_the_layout),
		cmocka_unit_test(numbers_of_processors_that_cannot_be_are_refused),
	};

	if (argc > 1)
		return leave_all(argv[1]);
	return cmocka_run_group_tests_name("acpi", tests, begin, end);
}
