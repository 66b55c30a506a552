/* SPDX-License-Identifier: BSD-3-Clause */
// What is typed at hvhost's own terminal: Ctrl-A begins a command to hvhost, all else is for the
// guest. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum console_key { CONSOLE_KEY_NONE, CONSOLE_KEY_CUT, CONSOLE_KEY_BUTTON, CONSOLE_KEY_HELP };

struct console_keys {
	bool escaped; // Ctrl-A was the last one
};

// Moves what is for the guest to the front of data[0..*n] and tells by *n how many bytes that is.
// The last command among them.
enum console_key console_keys_take(struct console_keys *keys, uint8_t *data, size_t *n);
