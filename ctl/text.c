/* SPDX-License-Identifier: BSD-3-Clause */
#include "text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

static bool utf8;

void text_init(void)
{
	setlocale(LC_CTYPE, "");
	utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool text_is_utf8(void)
{
	return utf8;
}

static void *must(void *memory)
{
	if (!memory) {
		fputs("vswitchctl: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

// Marks that turn the direction of text, or end lines, can make one name look like another.
static bool deceives(wchar_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0x061c;
}

// Bytes of the printable character at s, or 0 if it must be written out; *c is its value.
static size_t printable(const char *s, wchar_t *c)
{
	mbstate_t state = {};
	size_t n;

	*c = (unsigned char)*s;
	if (*c < 0x80)
		return *c >= 0x20 && *c != 0x7f;
	if (!utf8)
		return 0;
	n = mbrtowc(c, s, MB_CUR_MAX, &state);
	if (n == (size_t)-1 || n == (size_t)-2) {
		*c = (unsigned char)*s;
		return 0;
	}
	return iswprint((wint_t)*c) && wcwidth(*c) > 0 && !deceives(*c) ? n : 0;
}

char *text_clean(const char *s)
{
	char *out = must(malloc(strlen(s) * 4 + 1)), *end = out;

	while (*s) {
		wchar_t c;
		size_t n = printable(s, &c);

		if (n > 0) {
			memcpy(end, s, n);
			end += n;
			s += n;
		} else {
			// Byte by byte, so that four output bytes always suffice.
			end += sprintf(end, "\\x%02x", (unsigned char)*s++);
		}
	}
	*end = '\0';
	return out;
}

static bool is_clean_text(const char *s)
{
	while (*s) {
		wchar_t c;
		size_t n = printable(s, &c);

		if (n == 0)
			return false;
		s += n;
	}
	return true;
}

static bool is_clean(const json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_string(value))
		return is_clean_text(json_string_value(value));
	json_array_foreach ((json_t *)value, i, member) {
		if (!is_clean(member))
			return false;
	}
	json_object_foreach ((json_t *)value, key, member) {
		if (!is_clean_text(key) || !is_clean(member))
			return false;
	}
	return true;
}

json_t *text_clean_json(const json_t *value)
{
	json_t *copy, *member;
	const char *key;
	char *text;
	size_t i;

	// The usual case, and a forwarding table may be large.
	if (is_clean(value))
		return json_incref((json_t *)value);
	switch (json_typeof(value)) {
	case JSON_STRING:
		text = text_clean(json_string_value(value));
		copy = json_string_nocheck(text);
		free(text);
		return must(copy);
	case JSON_ARRAY:
		copy = must(json_array());
		json_array_foreach ((json_t *)value, i, member)
			json_array_append_new(copy, text_clean_json(member));
		return copy;
	case JSON_OBJECT:
		copy = must(json_object());
		json_object_foreach ((json_t *)value, key, member) {
			text = text_clean(key);
			json_object_set_new_nocheck(copy, text, text_clean_json(member));
			free(text);
		}
		return copy;
	default: return json_incref((json_t *)value);
	}
}

size_t text_width(const char *s)
{
	size_t width = 0;

	while (*s) {
		wchar_t c;
		size_t n = printable(s, &c);

		width += n > 1 ? (size_t)wcwidth(c) : 1;
		s += n ? n : 1;
	}
	return width;
}

// Bytes of the longest start of s that is at most width columns wide.
static size_t head_bytes(const char *s, size_t width)
{
	const char *p = s;

	while (*p) {
		wchar_t c;
		size_t n = printable(p, &c), w = n > 1 ? (size_t)wcwidth(c) : 1;

		if (w > width)
			break;
		width -= w;
		p += n ? n : 1;
	}
	return (size_t)(p - s);
}

char *text_fit(const char *s, size_t width)
{
	size_t have = text_width(s), head, skip;
	char *out;

	if (have <= width)
		return must(strdup(s));
	if (width == 0)
		return must(strdup(""));
	head = head_bytes(s, width / 2);
	// A wide character may straddle the cut: then more is left out than needed.
	skip = head_bytes(s, have - (width - 1 - width / 2));
	if (have - text_width(s + skip) < have - (width - 1 - width / 2))
		skip += head_bytes(s + skip, 2);
	if (asprintf(&out, "%.*s%s%s", (int)head, s, utf8 ? "\u2026" : "~", s + skip) < 0)
		must(NULL);
	return out;
}

const char *text_count(char buf[static TEXT_SIZE], double n, const char *unit)
{
	static const char prefix[] = " kMGTPE";
	const char *p = prefix, *space = *unit ? " " : "";

	// 999.95 would print as 1000.0
	while (n >= (p == prefix ? 1000 : 999.95) && p[1]) {
		n /= 1000;
		p++;
	}
	if (p == prefix)
		snprintf(buf, TEXT_SIZE, "%.0f%s%s", n, space, unit);
	else
		snprintf(buf, TEXT_SIZE, "%.1f%s%c%s", n, " ", *p, unit);
	return buf;
}

const char *text_age(char buf[static TEXT_SIZE], uint64_t seconds)
{
	unsigned long long s = seconds;

	if (s < 120)
		snprintf(buf, TEXT_SIZE, "%llus", s);
	else if (s < 2 * 3600)
		snprintf(buf, TEXT_SIZE, "%llum", s / 60);
	else if (s < 48 * 3600)
		snprintf(buf, TEXT_SIZE, "%lluh", s / 3600);
	else
		snprintf(buf, TEXT_SIZE, "%llud", s / 86400);
	return buf;
}

const char *text_speed(char buf[static TEXT_SIZE], uint64_t mbps)
{
	if (mbps >= 1000)
		snprintf(buf, TEXT_SIZE, "%.3gG", (double)mbps / 1000);
	else
		snprintf(buf, TEXT_SIZE, "%lluM", (unsigned long long)mbps);
	return buf;
}

void text_print_json(const json_t *value, bool pretty)
{
	size_t flags =
		JSON_ENSURE_ASCII | JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT);
	char *text = must(json_dumps(value, flags));

	// The only control character that JSON lets through; it can only be inside a string.
	for (const char *p = text; *p; p++) {
		if (*p == 0x7f)
			fputs("\\u007f", stdout);
		else
			putchar(*p);
	}
	putchar('\n');
	free(text);
}
