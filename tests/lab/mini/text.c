/* SPDX-License-Identifier: BSD-3-Clause */
#include "text.h"

void *memcpy(void *to, const void *from, size_t n)
{
	void *ret = to;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return ret;
}

void *memmove(void *to, const void *from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (t <= f || t >= f + n)
		return memcpy(to, from, n);
	while (n-- > 0)
		((volatile uint8_t *)t)[n] = f[n];
	return to;
}

void *memset(void *to, int value, size_t n)
{
	void *ret = to;

	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
	return ret;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;

	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (((const volatile char *)s)[n] != '\0')
		n++;
	return n;
}

bool text_is(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 16;
}

uint64_t text_number(const char **s)
{
	uint64_t v = 0;
	int base = 10;

	if ((*s)[0] == '0' && (*s)[1] == 'x') {
		base = 16;
		*s += 2;
	}
	for (; digit(**s) < base; (*s)++)
		v = v * base + digit(**s);
	return v;
}

bool text_ip4(const char **s, uint8_t ip[4])
{
	for (int i = 0; i < 4; i++) {
		if (digit(**s) > 9)
			return false;
		ip[i] = text_number(s);
		if (i < 3 && *(*s)++ != '.')
			return false;
	}
	return true;
}
