/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hvctl.h"

int fail(const char *remedy, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
	fflush(stdout);
	fprintf(stderr, "hvctl: %s\n", text);
	if (remedy != NULL && strncmp(remedy, "see: ", 5) == 0)
		remedy += 5;
	if (remedy != NULL)
		fprintf(stderr, "  try: %s\n", remedy);
	return HVCTL_FAILED;
}

int usage(const char *command, const char *fmt, ...)
{
	char remedy[64], text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(
		remedy, sizeof(remedy), "hvctl %s%s--help", command, command[0] != '\0' ? " " : "");
	fail(remedy, "%s", text);
	return HVCTL_USAGE;
}
