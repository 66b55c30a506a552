/* SPDX-License-Identifier: BSD-3-Clause */
// A 16550 at PORT_SERIAL. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct serial;

struct serial_ops {
	void (*interrupt)(void *arg, bool level);
	// What the guest writes: bytes, in order. With the lock held: must not call back.
	void (*output)(void *arg, const uint8_t *data, size_t len);
	void (*room)(void *arg); // serial_input() takes bytes again
};

struct serial *serial_create(const struct serial_ops *ops, void *arg); // NULL + errno
void serial_destroy(struct serial *s);
void serial_reset(struct serial *s);
// An access at PORT_SERIAL + reg.
void serial_access(struct serial *s, unsigned reg, bool write, uint8_t *value);
// Types to the guest: how many bytes were taken.
size_t serial_input(struct serial *s, const uint8_t *data, size_t len);
