/* SPDX-License-Identifier: BSD-3-Clause */
// The fixed ACPI hardware: power button, sleep (power-off), timer, and the ways to reset. Any
// thread; off() and reset() are called without a lock, interrupt() with one: it must not call back.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct power;

struct power_ops {
	void (*interrupt)(void *arg, bool level); // the SCI
	void (*off)(void *arg);
	void (*reset)(void *arg);
};

struct power *power_create(const struct power_ops *ops, void *arg); // NULL + errno
void power_destroy(struct power *p);
void power_reset(struct power *p);
void power_button(struct power *p); // pressed
// True if the port is one of its own.
bool power_access(struct power *p, uint16_t port, bool write, uint8_t *data, unsigned size);
