/* SPDX-License-Identifier: BSD-3-Clause */
// Interrupts: the pins of the controllers, and SINT 2 of each processor as a line of its own.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <hypervisor/hyperv/synic.h>

#include "vm_state.h"

#define PIC_PINS    8
#define GSI_CASCADE 2
#define N_ROUTES(n) (GSI_PIC + GSI_IOAPIC + (n))

static uint32_t sint_gsi(uint32_t vp)
{
	return GSI_IOAPIC + vp;
}

static struct kvm_irq_routing_entry pin(uint32_t gsi, uint32_t chip, uint32_t number)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = {.irqchip = chip, .pin = number},
	};
}

// As PCs have it: the interval timer, line 0, comes in at the IOAPIC's pin 2, which the second
// PIC's line leaves free.
static unsigned add_pins(struct kvm_irq_routing_entry *route)
{
	unsigned n = 0;

	for (uint32_t gsi = 0; gsi < GSI_IOAPIC; gsi++) {
		if (gsi == GSI_CASCADE)
			continue;
		if (gsi < PIC_PINS)
			route[n++] = pin(gsi, KVM_IRQCHIP_PIC_MASTER, gsi);
		else if (gsi < GSI_PIC)
			route[n++] = pin(gsi, KVM_IRQCHIP_PIC_SLAVE, gsi - PIC_PINS);
		route[n++] = pin(gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? GSI_CASCADE : gsi);
	}
	return n;
}

// KVM notes which line a SINT belongs to when it is told the routes: the SynICs must be there.
static int set_routes(struct vm *vm)
{
	struct kvm_irq_routing *routes;
	unsigned n;
	int err = 0;

	routes = calloc(1, sizeof(*routes) + N_ROUTES(vm->n_vcpus) * sizeof(routes->entries[0]));
	if (routes == NULL)
		return -ENOMEM;
	n = add_pins(routes->entries);
	for (uint32_t vp = 0; vp < vm->n_vcpus; vp++)
		routes->entries[n++] = (struct kvm_irq_routing_entry){
			.gsi = sint_gsi(vp),
			.type = KVM_IRQ_ROUTING_HV_SINT,
			.u.hv_sint = {.vcpu = vp, .sint = HV_VMBUS_SINT},
		};
	routes->nr = n;
	if (ioctl(vm->fd, KVM_SET_GSI_ROUTING, routes) != 0)
		err = -errno;
	free(routes);
	return err;
}

static int create_sint(struct vcpu *vcpu)
{
	struct kvm_irqfd irqfd = {
		.gsi = sint_gsi(vcpu->vp),
		.flags = KVM_IRQFD_FLAG_RESAMPLE,
	};

	vcpu->inject_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vcpu->slot_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vcpu->inject_fd < 0 || vcpu->slot_fd < 0)
		return -errno;
	irqfd.fd = vcpu->inject_fd;
	irqfd.resamplefd = vcpu->slot_fd;
	return ioctl(vcpu->vm->fd, KVM_IRQFD, &irqfd) != 0 ? -errno : 0;
}

int irq_create(struct vm *vm, char why[VM_WHY_SIZE])
{
	int err = set_routes(vm);

	if (err != 0)
		return vm_refuse(why, -err, "KVM does not take the interrupts' routes");
	for (uint32_t i = 0; i < vm->n_vcpus && err == 0; i++)
		err = create_sint(&vm->vcpu[i]);
	if (err == -EMFILE)
		return vm_refuse(why, EMFILE,
			"no descriptors left for %u processors, raise the limit "
			"(ulimit -n)",
			vm->n_vcpus);
	if (err != 0)
		return vm_refuse(why, -err, "KVM does not interrupt by descriptor");
	return 0;
}

void irq_destroy(struct vm *vm)
{
	for (uint32_t i = 0; i < vm->n_vcpus; i++) {
		if (vm->vcpu[i].inject_fd >= 0)
			close(vm->vcpu[i].inject_fd);
		if (vm->vcpu[i].slot_fd >= 0)
			close(vm->vcpu[i].slot_fd);
	}
}

int vm_irq_line(struct vm *vm, unsigned line, bool level)
{
	struct kvm_irq_level request = {.irq = line, .level = level};

	if (line >= GSI_IOAPIC)
		return -EINVAL;
	return ioctl(vm->fd, KVM_IRQ_LINE, &request) != 0 ? -errno : 0;
}

int vm_inject_sint(struct vm *vm, uint32_t vp)
{
	const uint64_t one = 1;

	if (vp >= vm->n_vcpus)
		return -EINVAL;
	return write(vm->vcpu[vp].inject_fd, &one, sizeof(one)) < 0 ? -errno : 0;
}

static int connect_fd(struct vm *vm, uint32_t connection_id, int fd, uint32_t flags)
{
	struct kvm_hyperv_eventfd request = {.conn_id = connection_id, .fd = fd, .flags = flags};

	return ioctl(vm->fd, KVM_HYPERV_EVENTFD, &request) != 0 ? -errno : 0;
}

int vm_bind_connection(struct vm *vm, uint32_t connection_id, int fd)
{
	int err = connect_fd(vm, connection_id, -1, KVM_HYPERV_EVENTFD_DEASSIGN);

	if (err != 0 && err != -ENOENT)
		return err;
	return fd < 0 ? 0 : connect_fd(vm, connection_id, fd, 0);
}

int vm_bind_interrupt(struct vm *vm, uint32_t vp, int fd, bool on)
{
	struct kvm_irqfd irqfd = {
		.fd = fd,
		.gsi = sint_gsi(vp),
		.flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	if (vp >= vm->n_vcpus)
		return -EINVAL;
	return ioctl(vm->fd, KVM_IRQFD, &irqfd) != 0 ? -errno : 0;
}

int vm_slot_fd(const struct vm *vm, uint32_t vp)
{
	return vp < vm->n_vcpus ? vm->vcpu[vp].slot_fd : -1;
}
