/* SPDX-License-Identifier: BSD-3-Clause */
#include "address.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int mac_parse(const char *text, uint8_t mac[6])
{
	uint8_t bytes[6];

	if (strlen(text) != MAC_TEXT_SIZE - 1)
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		int hi = hex_digit(text[3 * i]), lo = hex_digit(text[3 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		// One separator throughout.
		if (i < 5 && ((text[3 * i + 2] != ':' && text[3 * i + 2] != '-') ||
				     text[3 * i + 2] != text[2]))
			return -EINVAL;
		bytes[i] = hi << 4 | lo;
	}
	memcpy(mac, bytes, sizeof(bytes));
	return 0;
}

void mac_format(const uint8_t mac[6], char text[MAC_TEXT_SIZE])
{
	snprintf(text, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
}

bool mac_is_zero(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return memcmp(mac, zero, sizeof(zero)) == 0;
}

// Reads min..max hex digits and moves on; -1 if there are fewer or more.
static long hex_field(const char **text, int min, int max)
{
	long value = 0;
	int n = 0, digit;

	while ((digit = hex_digit(**text)) >= 0) {
		if (++n > max)
			return -1;
		value = value << 4 | digit;
		(*text)++;
	}
	return n < min ? -1 : value;
}

int pci_parse(const char *text, char full[PCI_TEXT_SIZE])
{
	const char *at = text;
	long domain = 0, bus, device, function;
	long first = hex_field(&at, 1, 6);

	if (first < 0 || *at++ != ':')
		return -EINVAL;
	long second = hex_field(&at, 1, 2);

	if (second < 0)
		return -EINVAL;
	if (*at == ':') {
		at++;
		domain = first;
		bus = second;
		device = hex_field(&at, 1, 2);
	} else {
		bus = first;
		device = second;
	}
	if (device < 0 || device > 0x1f || bus > 0xff || *at++ != '.')
		return -EINVAL;
	function = hex_field(&at, 1, 1);
	if (function < 0 || function > 7 || *at != '\0')
		return -EINVAL;
	snprintf(full, PCI_TEXT_SIZE, "%04x:%02x:%02x.%x", (unsigned)domain & 0xffffff,
		(unsigned)bus & 0xff, (unsigned)device & 0x1f, (unsigned)function & 7);
	return 0;
}
