/* SPDX-License-Identifier: BSD-3-Clause */
#include "console.h"

#include <stdarg.h>
#include <stdint.h>

#include <hypervisor/machine/layout.h>

#include "cpu.h"
#include "text.h"

#define LINE     256u
#define REG_FCR  2
#define REG_LCR  3
#define REG_MCR  4
#define REG_LSR  5
#define LCR_8N1  3
#define LCR_DLAB 0x80
#define LSR_ROOM 0x20
#define PATIENCE 1000

static int lock;

void console_init(void)
{
	out8(PORT_SERIAL + REG_LCR, LCR_DLAB);
	out8(PORT_SERIAL, 1);
	out8(PORT_SERIAL + 1, 0);
	out8(PORT_SERIAL + REG_LCR, LCR_8N1);
	out8(PORT_SERIAL + 1, 0); // no interrupts
	out8(PORT_SERIAL + REG_FCR, 7);
	out8(PORT_SERIAL + REG_MCR, 3);
}

struct line {
	char text[LINE];
	unsigned len;
};

static void put(struct line *l, char c)
{
	if (l->len < LINE)
		l->text[l->len++] = c;
}

static void put_text(struct line *l, const char *s)
{
	while (*s != '\0')
		put(l, *s++);
}

static void put_number(struct line *l, uint64_t v, unsigned base)
{
	char digits[24];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v > 0);
	while (n > 0)
		put(l, digits[--n]);
}

static void put_format(struct line *l, const char *f, va_list args)
{
	for (; *f != '\0'; f++) {
		bool wide = false;

		if (*f != '%') {
			put(l, *f);
			continue;
		}
		if (*++f == 'l') {
			wide = true;
			f++;
		}
		switch (*f) {
		case 's': put_text(l, va_arg(args, const char *)); break;
		case 'c': put(l, va_arg(args, int)); break;
		default:
			put_number(l, wide ? va_arg(args, uint64_t) : va_arg(args, uint32_t),
				*f == 'x' ? 16 : 10);
		}
	}
}

void say(const char *format, ...)
{
	struct line l = {};
	va_list args;

	put_text(&l, "mini: ");
	va_start(args, format);
	put_format(&l, format, args);
	va_end(args);
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0)
		relax();
	for (unsigned i = 0; i <= l.len; i++) {
		for (int n = 0; n < PATIENCE && !(in8(PORT_SERIAL + REG_LSR) & LSR_ROOM); n++)
			relax();
		out8(PORT_SERIAL, i < l.len ? l.text[i] : '\n');
	}
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}
