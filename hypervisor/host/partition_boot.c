/* SPDX-License-Identifier: BSD-3-Clause */
// Images into the memory, and a machine over it; the same again after a reset.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <hypervisor/machine/acpi.h>
#include <hypervisor/machine/boot.h>

#include "partition_state.h"

static_assert(BOOT_WHY_SIZE <= PARTITION_WHY_SIZE && VM_WHY_SIZE <= PARTITION_WHY_SIZE);

static int open_image(const char *path, const char *option, int *fd, char why[PARTITION_WHY_SIZE])
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd >= 0)
		return 0;
	snprintf(why, PARTITION_WHY_SIZE,
		"cannot open '%.140s': %s; give %s a file that can be read", path, strerror(errno),
		option);
	return -errno;
}

int boot_open_images(struct partition *p, char why[PARTITION_WHY_SIZE])
{
	int ret = open_image(p->opt->kernel, "--kernel", &p->kernel_fd, why);

	if (ret == 0 && p->opt->initrd != NULL)
		ret = open_image(p->opt->initrd, "--initrd", &p->initrd_fd, why);
	return ret;
}

int boot_load_images(struct partition *p, char why[PARTITION_WHY_SIZE])
{
	struct boot_source source = {
		.kernel_fd = p->kernel_fd,
		.initrd_fd = p->initrd_fd,
		.cmdline = p->opt->append,
	};
	struct boot_entry entry;
	int ret = acpi_write(&p->ram, p->opt->cpus, &source.acpi_rsdp);

	if (ret < 0) {
		snprintf(why, PARTITION_WHY_SIZE, "cannot describe %u processors: %s", p->opt->cpus,
			strerror(-ret));
		return ret;
	}
	if (getrandom(source.seed, sizeof(source.seed), 0) != sizeof(source.seed))
		memset(source.seed, 0, sizeof(source.seed));
	ret = boot_load(&p->ram, &source, &entry, why);
	explicit_bzero(source.seed, sizeof(source.seed));
	if (ret < 0)
		return ret;
	p->entry = (struct vm_entry){
		.long_mode = entry.long_mode,
		.rip = entry.rip,
		.rsi = entry.rsi,
		.cr3 = entry.cr3,
		.gdt = entry.gdt,
		.gdt_limit = entry.gdt_limit,
	};
	return 0;
}

int boot_make(struct partition *p, char why[PARTITION_WHY_SIZE])
{
	const struct vm_options options = {
		.kvm_fd = p->kvm_fd,
		.n_vcpus = p->opt->cpus,
		.mem = &p->ram.mem,
		.ops = &partition_vm_ops,
		.arg = p,
	};
	int ret;

	p->vm = vm_create(&options, why);
	if (p->vm == NULL)
		return errno != 0 ? -errno : -EIO;
	ret = loop_add_slots(p);
	if (ret == 0)
		ret = hv_synic_rebind(p->synic);
	if (ret < 0)
		snprintf(why, PARTITION_WHY_SIZE, "cannot wire up the machine: %s", strerror(-ret));
	return ret;
}

int boot_start(struct partition *p)
{
	return vm_start(p->vm, &p->entry);
}

void boot_stop(struct partition *p)
{
	struct vm_stats s;

	if (p->vm == NULL)
		return;
	vm_stop(p->vm);
	vm_get_stats(p->vm, &s);
	partition_add_stats(&p->past, &s);
	loop_remove_slots(p);
	vm_destroy(p->vm);
	p->vm = NULL;
}
