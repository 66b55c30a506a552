/* SPDX-License-Identifier: BSD-3-Clause */
// What the guest's processors do: ports, interrupt controllers' registers, hypercalls, panics. On
// their threads.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include <hypervisor/hyperv/hypercall.h>
#include <hypervisor/machine/layout.h>

#include "partition_state.h"

#define ALL_ONES 0xff

// ---- ports

static bool is_in(uint16_t port, uint16_t first, unsigned n)
{
	return port >= first && port < first + n;
}

static void access_rtc(struct partition *p, unsigned reg, bool write, uint8_t *value)
{
	pthread_mutex_lock(&p->rtc_lock);
	rtc_access(&p->rtc, reg, write, value);
	pthread_mutex_unlock(&p->rtc_lock);
}

// Devices of byte registers.
static void access_byte(struct partition *p, uint16_t port, bool write, uint8_t *value)
{
	if (is_in(port, PORT_SERIAL, 8))
		serial_access(p->serial, port - PORT_SERIAL, write, value);
	else if (is_in(port, PORT_RTC, 2))
		access_rtc(p, port - PORT_RTC, write, value);
	else if (!write)
		*value = ALL_ONES;
}

static void op_port(void *arg, uint16_t port, bool write, uint8_t *data, unsigned size)
{
	struct partition *p = arg;

	if (power_access(p->power, port, write, data, size) ||
		pci_access(&p->pci, port, write, data, size))
		return;
	for (unsigned i = 0; i < size; i++)
		access_byte(p, port + i, write, &data[i]);
}

static void op_mmio(void *, uint64_t, bool write, uint8_t *data, unsigned size)
{
	if (!write)
		memset(data, ALL_ONES, size);
}

// ---- what Hyper-V adds

static void op_synic(void *arg, uint32_t vp, uint64_t control, uint64_t siefp, uint64_t simp)
{
	struct partition *p = arg;

	hv_synic_msr(p->synic, vp, control, siefp, simp);
}

static void op_unmasked(void *arg, uint32_t vp)
{
	struct partition *p = arg;

	hv_synic_unmasked(p->synic, vp);
}

static int post_message(void *arg, uint32_t connection_id, const void *msg, size_t len)
{
	struct partition *p = arg;
	int ret;

	pthread_mutex_lock(&p->bus_lock);
	ret = vmbus_bus_message(p->bus, connection_id, msg, len);
	pthread_mutex_unlock(&p->bus_lock);
	return ret;
}

static uint64_t op_hypercall(void *arg, uint64_t input, const uint64_t params[2])
{
	static const struct hv_hypercall_ops ops = {.post_message = post_message};
	struct partition *p = arg;

	return hv_hypercall(&p->ram.mem, &ops, p, input, params);
}

static void op_crash(void *arg, const uint64_t param[5], uint64_t control)
{
	struct partition *p = arg;

	pthread_mutex_lock(&p->crash_lock);
	// The first one says most; more than we can tell are left out.
	if (!p->crash_untold)
		hv_crash_text(&p->ram.mem, param, control, p->crash, sizeof(p->crash));
	p->crash_untold = true;
	pthread_mutex_unlock(&p->crash_lock);
	partition_want(p, WANT_CRASH);
}

static void op_ended(void *arg, enum vm_end end, const char *text)
{
	struct partition *p = arg;

	snprintf(p->why_ended, sizeof(p->why_ended), "%s", text);
	partition_want(p, end == VM_RESET ? WANT_RESET : WANT_BROKEN);
}

const struct vm_ops partition_vm_ops = {
	.port = op_port,
	.mmio = op_mmio,
	.synic = op_synic,
	.unmasked = op_unmasked,
	.hypercall = op_hypercall,
	.crash = op_crash,
	.ended = op_ended,
};

// ---- what the interrupt controllers ask of the machine. Any thread.

static void host_inject(void *arg, uint32_t vp)
{
	struct partition *p = arg;

	if (p->vm != NULL)
		vm_inject_sint(p->vm, vp);
}

static void host_watch_slot(void *arg, uint32_t vp, bool on)
{
	struct partition *p = arg;

	if (p->vm != NULL)
		loop_watch_slot(p, vp, on);
}

// Without a machine all is well: hv_synic_rebind() comes when there is one.
static int host_bind_connection(void *arg, uint32_t connection_id, int fd)
{
	struct partition *p = arg;

	return p->vm != NULL ? vm_bind_connection(p->vm, connection_id, fd) : 0;
}

static int host_bind_interrupt(void *arg, uint32_t vp, int fd, bool on)
{
	struct partition *p = arg;

	return p->vm != NULL ? vm_bind_interrupt(p->vm, vp, fd, on) : 0;
}

static void host_room(void *arg)
{
	partition_want(arg, WANT_BUS);
}

const struct hv_synic_host partition_synic_host = {
	.inject = host_inject,
	.watch_slot = host_watch_slot,
	.bind_connection = host_bind_connection,
	.bind_interrupt = host_bind_interrupt,
	.room = host_room,
};

// ---- devices

static void raise(struct partition *p, unsigned line, bool level)
{
	if (p->vm != NULL)
		vm_irq_line(p->vm, line, level);
}

static void serial_interrupt(void *arg, bool level)
{
	raise(arg, LINE_SERIAL, level);
}

static void serial_output(void *arg, const uint8_t *data, size_t len)
{
	struct partition *p = arg;

	if (p->console != NULL)
		console_output(p->console, data, len);
}

static void serial_room(void *arg)
{
	struct partition *p = arg;

	if (p->console != NULL)
		console_room(p->console);
}

static void power_interrupt(void *arg, bool level)
{
	raise(arg, LINE_SCI, level);
}

static void power_off(void *arg)
{
	partition_want(arg, WANT_OFF);
}

static void power_resets(void *arg)
{
	partition_want(arg, WANT_RESET);
}

int guest_devices_create(struct partition *p)
{
	static const struct serial_ops serial_ops = {
		.interrupt = serial_interrupt,
		.output = serial_output,
		.room = serial_room,
	};
	static const struct power_ops power_ops = {
		.interrupt = power_interrupt,
		.off = power_off,
		.reset = power_resets,
	};

	p->serial = serial_create(&serial_ops, p);
	if (p->serial == NULL)
		return -errno;
	p->power = power_create(&power_ops, p);
	return p->power == NULL ? -errno : 0;
}

void guest_devices_destroy(struct partition *p)
{
	if (p->power != NULL)
		power_destroy(p->power);
	if (p->serial != NULL)
		serial_destroy(p->serial);
}

void guest_devices_reset(struct partition *p)
{
	serial_reset(p->serial);
	power_reset(p->power);
	p->rtc = (struct rtc){};
	p->pci = (struct pci){};
}
