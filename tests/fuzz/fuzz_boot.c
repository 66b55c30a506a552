/* SPDX-License-Identifier: BSD-3-Clause */
// Files of any content and size, and any command line, given to boot from. Whatever is loaded has
// to lie in the guest's memory, one thing not over the other; whatever is refused, with a reason.
//
// Input: a byte of flags (1: there is an initrd), three lengths in two bytes each, little endian:
// of the command line, of the initrd in KiB (zeros), of zeros behind the kernel in KiB; then the
// command line, then the kernel.
#include <asm/bootparam.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hypervisor/machine/boot.h>
#include <hypervisor/machine/layout.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY (40ull << 20)

static struct ram ram;
static struct boot_source source;

static void require(bool held)
{
	if (!held)
		abort();
}

static void begin(void)
{
	static bool begun;
	char why[RAM_WHY_SIZE];

	if (begun)
		return;
	begun = true;
	require(ram_create(&ram, "fuzz", MEMORY, RAM_PAGES_SMALL, why) == 0);
	source.kernel_fd = memfd_create("kernel", MFD_CLOEXEC);
	source.initrd_fd = memfd_create("initrd", MFD_CLOEXEC);
	require(source.kernel_fd >= 0 && source.initrd_fd >= 0);
}

static bool apart(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end)
{
	return a_end <= b || b_end <= a;
}

static void check_loaded(const struct boot_entry *entry, const char *cmdline, bool initrd)
{
	const struct boot_params *p = (struct boot_params *)guest_mem_at(
		&ram.mem, entry->rsi, sizeof(struct boot_params));
	const uint64_t load = p->hdr.code32_start, at = p->hdr.ramdisk_image;
	const uint64_t end = at + p->hdr.ramdisk_size;

	require(entry->rsi == GUEST_BOOT);
	require(load >= GUEST_KERNEL && load < ram.low);
	require(entry->rip == load + (entry->long_mode ? 0x200 : 0));
	require(!entry->long_mode || entry->cr3 == GUEST_TABLES);
	require(strcmp((char *)guest_mem_at(&ram.mem, p->hdr.cmd_line_ptr, GUEST_CMDLINE_MAX),
			cmdline) == 0);
	require((p->hdr.ramdisk_size > 0) == initrd);
	if (initrd) {
		require(at >= GUEST_KERNEL && end <= ram.low);
		require(end - 1 <= p->hdr.initrd_addr_max);
		require(apart(load, load + p->hdr.syssize * 16ull, at, end));
		if (p->hdr.version >= 0x20a && p->hdr.relocatable_kernel)
			require(apart(load, load + p->hdr.init_size, at, end));
	}
	require(p->sentinel == 0 && p->e820_entries == 4);
	require(p->hdr.setup_data == 0 || p->hdr.setup_data == GUEST_SEED);
}

static uint32_t take16(const uint8_t *at)
{
	return at[0] | at[1] << 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char cmdline[UINT16_MAX + 1], why[BOOT_WHY_SIZE];
	struct boot_source now;
	struct boot_entry entry;
	bool initrd;
	size_t len;

	if (size < 7)
		return 0;
	begin();
	now = source;
	len = take16(data + 1);
	if (len > size - 7)
		len = size - 7;
	memcpy(cmdline, data + 7, len);
	cmdline[len] = '\0';
	now.cmdline = cmdline;
	now.acpi_rsdp = GUEST_ACPI;
	now.seed[0] = data[0];
	initrd = data[0] & 1;
	if (!initrd)
		now.initrd_fd = -1;
	else
		require(ftruncate(now.initrd_fd, take16(data + 3) * 1024ull) == 0);
	size -= 7 + len;
	require(ftruncate(now.kernel_fd, 0) == 0);
	require(pwrite(now.kernel_fd, data + 7 + len, size, 0) == (ssize_t)size);
	require(ftruncate(now.kernel_fd, size + take16(data + 5) * 1024ull) == 0);

	memset(why, 0xff, sizeof(why));
	if (boot_load(&ram, &now, &entry, why) == 0)
		check_loaded(&entry, cmdline, initrd);
	else
		require(memchr(why, '\0', sizeof(why)) != NULL && strchr(why, ':') != NULL);
	return 0;
}
