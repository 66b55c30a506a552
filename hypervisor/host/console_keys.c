/* SPDX-License-Identifier: BSD-3-Clause */
#include "console_keys.h"

#define CTRL_A 0x01

enum console_key console_keys_take(struct console_keys *keys, uint8_t *data, size_t *n)
{
	enum console_key key = CONSOLE_KEY_NONE;
	size_t i, kept = 0;

	for (i = 0; i < *n; i++) {
		if (!keys->escaped && data[i] != CTRL_A) {
			data[kept++] = data[i];
			continue;
		}
		if (!keys->escaped) {
			keys->escaped = true;
			continue;
		}
		keys->escaped = false;
		switch (data[i]) {
		case 'x': key = CONSOLE_KEY_CUT; break;
		case 'p': key = CONSOLE_KEY_BUTTON; break;
		case 'a':
		case CTRL_A: data[kept++] = CTRL_A; break;
		default: key = CONSOLE_KEY_HELP; break;
		}
	}
	*n = kept;
	return key;
}
