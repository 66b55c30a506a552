/* SPDX-License-Identifier: BSD-3-Clause */
#include "power.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "layout.h"

#define STATUS_BUTTON 0x0100u
#define CONTROL_SCI   0x0001u // always in ACPI mode: there is no other
#define CONTROL_TYPE  0x1c00u
#define CONTROL_SLEEP 0x2000u

#define TIMER_HZ 3579545u
#define NS       1000000000u

#define RESET_CPU   0x04u
#define I8042_RESET 0xfeu

enum event { NOTHING, OFF, RESET };

struct power {
	const struct power_ops *ops;
	void *arg;
	pthread_mutex_t lock; // all below
	uint16_t status, enable, control;
	uint8_t reset; // what was last written to PORT_RESET
	bool pressed;  // and no guest that listened has seen it
	bool level;
};

// Told with the lock held, so that levels arrive in the order they had.
static void update(struct power *p)
{
	bool level = (p->status & p->enable) != 0;

	if (level == p->level)
		return;
	p->level = level;
	p->ops->interrupt(p->arg, level);
}

struct power *power_create(const struct power_ops *ops, void *arg)
{
	struct power *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->ops = ops;
	p->arg = arg;
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

void power_destroy(struct power *p)
{
	if (p == NULL)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void power_reset(struct power *p)
{
	pthread_mutex_lock(&p->lock);
	p->status = p->enable = p->control = 0;
	p->reset = 0;
	p->pressed = false;
	update(p);
	pthread_mutex_unlock(&p->lock);
}

void power_button(struct power *p)
{
	pthread_mutex_lock(&p->lock);
	p->pressed = true;
	p->status |= STATUS_BUTTON;
	update(p);
	pthread_mutex_unlock(&p->lock);
}

static uint32_t timer(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * TIMER_HZ + (uint64_t)ts.tv_nsec * TIMER_HZ / NS;
}

// A guest that starts to listen first forgets what was; a press it has not heard comes again.
static void write_status(struct power *p, uint16_t ones)
{
	if (ones & p->status & p->enable & STATUS_BUTTON)
		p->pressed = false;
	p->status &= ~ones;
}

static void write_enable(struct power *p, uint16_t enable)
{
	p->enable = enable;
	if (p->pressed && (enable & STATUS_BUTTON))
		p->status |= STATUS_BUTTON;
}

static enum event write_control(struct power *p, uint16_t control)
{
	p->control = control & CONTROL_TYPE;
	if ((control & CONTROL_SLEEP) && (control & CONTROL_TYPE) >> 10 == POWER_TYPE_S5)
		return OFF;
	return NOTHING;
}

static uint16_t replace(uint16_t word, unsigned byte, uint8_t value)
{
	return byte == 0 ? (word & 0xff00) | value : (word & 0x00ff) | value << 8;
}

// One byte of the registers at PORT_PM_EVENT and PORT_PM_CONTROL.
static enum event write_byte(struct power *p, uint16_t port, uint8_t value)
{
	if (port < PORT_PM_EVENT + 2)
		write_status(p, value << 8 * (port - PORT_PM_EVENT));
	else if (port < PORT_PM_EVENT + 4)
		write_enable(p, replace(p->enable, port - PORT_PM_EVENT - 2, value));
	else if (port < PORT_PM_CONTROL + 2)
		return write_control(p, replace(p->control, port - PORT_PM_CONTROL, value));
	return NOTHING;
}

static uint8_t read_byte(struct power *p, uint16_t port, uint32_t ticks)
{
	const uint16_t registers[3] = {p->status, p->enable, p->control | CONTROL_SCI};

	if (port < PORT_PM_CONTROL + 2)
		return registers[(port - PORT_PM_EVENT) / 2] >> 8 * (port % 2);
	if (port >= PORT_PM_TIMER && port < PORT_PM_TIMER + 4)
		return ticks >> 8 * (port - PORT_PM_TIMER);
	return 0xff;
}

static enum event access_block(
	struct power *p, uint16_t port, bool write, uint8_t *data, unsigned size)
{
	const uint32_t ticks = timer();
	enum event event = NOTHING;

	for (unsigned i = 0; i < size; i++) {
		if (!write)
			data[i] = read_byte(p, port + i, ticks);
		else if (write_byte(p, port + i, data[i]) == OFF)
			event = OFF;
	}
	if (write)
		update(p);
	return event;
}

static enum event access_reset(struct power *p, bool write, uint8_t *data, unsigned size)
{
	if (!write) {
		for (unsigned i = 0; i < size; i++)
			data[i] = i == 0 ? p->reset : 0xff;
		return NOTHING;
	}
	p->reset = data[0] & ~RESET_CPU;
	return (data[0] & RESET_CPU) ? RESET : NOTHING;
}

// The keyboard controller's command port: it has no keyboard, but is always ready for a command.
static enum event access_i8042(bool write, uint8_t *data, unsigned size)
{
	for (unsigned i = 0; !write && i < size; i++)
		data[i] = i == 0 ? 0 : 0xff;
	return write && data[0] == I8042_RESET ? RESET : NOTHING;
}

bool power_access(struct power *p, uint16_t port, bool write, uint8_t *data, unsigned size)
{
	const bool block = port >= PORT_PM_EVENT && port < PORT_PM_TIMER + 4;
	enum event event = NOTHING;

	if (!block && port != PORT_RESET && port != PORT_I8042)
		return false;
	if (size == 0)
		return true;
	pthread_mutex_lock(&p->lock);
	if (block)
		event = access_block(p, port, write, data, size);
	else if (port == PORT_RESET)
		event = access_reset(p, write, data, size);
	else
		event = access_i8042(write, data, size);
	pthread_mutex_unlock(&p->lock);
	if (event == OFF)
		p->ops->off(p->arg);
	else if (event == RESET)
		p->ops->reset(p->arg);
	return true;
}
