/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <hypervisor/hyperv/cpuid.h>

#include "vm_state.h"

#define INSTEAD "; soft guests (hvsoft) run without"

struct capability {
	int number;
	const char *name;
};

static const struct capability hyperv_needed[] = {
	{KVM_CAP_HYPERV, "HYPERV"},
	{KVM_CAP_HYPERV_VP_INDEX, "HYPERV_VP_INDEX"},
	{KVM_CAP_HYPERV_SYNIC2, "HYPERV_SYNIC2"},
	{KVM_CAP_HYPERV_EVENTFD, "HYPERV_EVENTFD"},
	{KVM_CAP_SYS_HYPERV_CPUID, "SYS_HYPERV_CPUID"},
	{KVM_CAP_HYPERV_ENFORCE_CPUID, "HYPERV_ENFORCE_CPUID"},
};

static const struct capability needed[] = {
	{KVM_CAP_USER_MEMORY, "USER_MEMORY"},
	{KVM_CAP_SET_TSS_ADDR, "SET_TSS_ADDR"},
	{KVM_CAP_SET_IDENTITY_MAP_ADDR, "SET_IDENTITY_MAP_ADDR"},
	{KVM_CAP_EXT_CPUID, "EXT_CPUID"},
	{KVM_CAP_IRQCHIP, "IRQCHIP"},
	{KVM_CAP_PIT2, "PIT2"},
	{KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING"},
	{KVM_CAP_IRQFD, "IRQFD"},
	{KVM_CAP_IRQFD_RESAMPLE, "IRQFD_RESAMPLE"},
	{KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT"},
	{KVM_CAP_X86_USER_SPACE_MSR, "X86_USER_SPACE_MSR"},
	{KVM_CAP_X86_MSR_FILTER, "X86_MSR_FILTER"},
};

int vm_refuse(char why[VM_WHY_SIZE], int err, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(why, VM_WHY_SIZE, format, args);
	va_end(args);
	if (err != 0 && n >= 0 && n < VM_WHY_SIZE)
		snprintf(why + n, VM_WHY_SIZE - n, ": %s", strerror(err));
	return err != 0 ? -err : -ENOTSUP;
}

static int cannot_open(const char *path, int err, char *why)
{
	switch (err) {
	case ENOENT:
		vm_refuse(why, 0,
			"%s is not there: load kvm_intel or kvm_amd, with VT-x or AMD-V turned on "
			"in the firmware (in a virtual machine: nested virtualisation)" INSTEAD,
			path);
		return -err;
	case EACCES:
	case EPERM:
		vm_refuse(why, 0,
			"no permission to open %s: run as root, or join its group (usermod -aG kvm "
			"USER, then log in again)",
			path);
		return -err;
	case ENODEV:
	case ENXIO:
		vm_refuse(why, 0,
			"%s has no hardware behind it: turn on VT-x or AMD-V in the firmware (in a "
			"virtual machine: nested virtualisation) and load kvm_intel or "
			"kvm_amd" INSTEAD,
			path);
		return -err;
	default: return vm_refuse(why, err, "cannot open %s", path);
	}
}

// The name of the first that is missing, or NULL.
static const char *missing(int fd, const struct capability *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ioctl(fd, KVM_CHECK_EXTENSION, table[i].number) <= 0)
			return table[i].name;
	}
	return NULL;
}

static int check(int fd, const char *path, char *why)
{
	struct hv_cpuid_host host = {.n_vps = 1};
	const char *name;
	int err, api = ioctl(fd, KVM_GET_API_VERSION, 0);

	if (api != KVM_API_VERSION)
		return vm_refuse(why, 0, "%s is not KVM: its API version is %d, not %d", path, api,
			KVM_API_VERSION);
	name = missing(fd, hyperv_needed, sizeof(hyperv_needed) / sizeof(hyperv_needed[0]));
	if (name != NULL)
		return vm_refuse(why, 0,
			"the KVM of this kernel has no Hyper-V support (KVM_CAP_%s): it takes "
			"Linux 5.14 or later with CONFIG_KVM_HYPERV" INSTEAD,
			name);
	name = missing(fd, needed, sizeof(needed) / sizeof(needed[0]));
	if (name != NULL)
		return vm_refuse(why, 0,
			"the KVM of this kernel lacks KVM_CAP_%s: it takes Linux 5.14 or later on "
			"x86-64" INSTEAD,
			name);
	err = vcpu_cpuid_host(fd, &host);
	if (err != 0)
		return vm_refuse(why, -err, "KVM does not say what it has of Hyper-V");
	name = hv_cpuid_lacks(&host);
	if (name != NULL)
		return vm_refuse(why, 0,
			"the KVM of this kernel lacks %s for Hyper-V guests: take a newer "
			"kernel" INSTEAD,
			name);
	return 0;
}

static void woken(int)
{
}

int vm_open(const char *path, char why[VM_WHY_SIZE])
{
	struct sigaction action = {.sa_handler = woken};
	int err, fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return cannot_open(path, errno, why);
	err = check(fd, path, why);
	// Without SA_RESTART: the signal is there to interrupt.
	if (err == 0 && sigaction(VM_SIGNAL, &action, NULL) != 0)
		err = vm_refuse(why, errno, "cannot take a signal for the processors");
	if (err == 0)
		return fd;
	close(fd);
	return err;
}
