/* SPDX-License-Identifier: BSD-3-Clause */
#include "crash.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// Its bytes, from the guest's memory only; a range that crosses pages need not be in one region.
static size_t copy_text(const struct guest_mem *mem, uint64_t gpa, uint64_t len, char *text)
{
	size_t n = 0;

	if (len > HV_CRASH_TEXT_MAX)
		len = HV_CRASH_TEXT_MAX;
	while (n < len) {
		size_t part = GUEST_PAGE_SIZE - (gpa + n) % GUEST_PAGE_SIZE;
		const uint8_t *from;

		if (part > len - n)
			part = len - n;
		from = guest_mem_at(mem, gpa + n, part);
		if (from == NULL)
			break;
		memcpy(text + n, from, part);
		n += part;
	}
	return n;
}

// Linux's text ends with NULs if it is short; nobody's terminal shall obey a guest.
static size_t make_printable(char *text, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n && text[i] != '\0'; i++) {
		if (text[i] == '\r')
			continue;
		if (text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'))
			text[to++] = text[i];
		else
			text[to++] = text[i] == '\t' ? ' ' : '?';
	}
	while (to > 0 && text[to - 1] == '\n')
		to--;
	return to;
}

void hv_crash_text(const struct guest_mem *mem, const uint64_t param[5], uint64_t control,
	char *text, size_t size)
{
	char given[HV_CRASH_TEXT_MAX];
	size_t n = 0;

	if (size == 0)
		return;
	if ((control & HV_CRASH_NOTIFY_TEXT) != 0)
		n = make_printable(given, copy_text(mem, param[3], param[4], given));
	if (n > 0)
		snprintf(text, size, "%.*s", (int)n, given);
	else
		snprintf(text, size,
			"P0 %#" PRIx64 " P1 %#" PRIx64 " P2 %#" PRIx64 " P3 %#" PRIx64
			" P4 %#" PRIx64,
			param[0], param[1], param[2], param[3], param[4]);
}
