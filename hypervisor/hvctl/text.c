/* SPDX-License-Identifier: BSD-3-Clause */
#include "text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GAP   2
#define LEAST 6 // no column is cut below this

const char *text_of(const json_t *object, const char *key, char buf[static TEXT_SIZE])
{
	const char *text = json_string_value(json_object_get(object, key));
	size_t n;

	snprintf(buf, TEXT_SIZE, "%s", text != NULL ? text : "");
	// A character that was cut in the middle.
	n = strlen(buf);
	while (n == TEXT_SIZE - 1 && n > 0 && (buf[n - 1] & 0xc0) == 0x80)
		buf[--n] = '\0';
	for (unsigned char *c = (unsigned char *)buf; *c != '\0'; c++)
		if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
			*c = '?';
	return buf;
}

uint64_t number_of(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n < 0 ? 0 : n;
}

const char *text_age(uint64_t seconds, char buf[static TEXT_SIZE])
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

const char *text_bytes(uint64_t bytes, char buf[static TEXT_SIZE])
{
	unsigned long long mib = bytes >> 20;

	if (mib >= 1024 && mib % 1024 == 0)
		snprintf(buf, TEXT_SIZE, "%lluG", mib >> 10);
	else
		snprintf(buf, TEXT_SIZE, "%lluM", mib);
	return buf;
}

// --- tables ----------------------------------------------------------------------------------

struct row {
	char *cell[COLUMNS];
	char *note; // instead of cells
};

struct table {
	unsigned n_columns, n_rows;
	struct row *rows;
	size_t width[COLUMNS];
};

static void *must(void *memory)
{
	if (memory == NULL) {
		fputs("hvctl: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

// Characters, not bytes.
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static struct row *add_row(struct table *t)
{
	t->rows = must(realloc(t->rows, (t->n_rows + 1) * sizeof(*t->rows)));
	t->rows[t->n_rows] = (struct row){};
	return &t->rows[t->n_rows++];
}

struct table *table_create(const char *const *titles)
{
	struct table *t = must(calloc(1, sizeof(*t)));

	while (titles[t->n_columns] != NULL)
		t->n_columns++;
	table_row(t, titles);
	return t;
}

void table_row(struct table *t, const char *const *cells)
{
	struct row *row = add_row(t);

	for (unsigned i = 0; i < t->n_columns; i++) {
		row->cell[i] = must(strdup(cells[i]));
		if (width_of(cells[i]) > t->width[i])
			t->width[i] = width_of(cells[i]);
	}
}

void table_note(struct table *t, const char *text)
{
	add_row(t)->note = must(strdup(text));
}

static size_t terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

static void fit(struct table *t, size_t width)
{
	size_t total = GAP * (t->n_columns - 1);

	for (unsigned i = 0; i < t->n_columns; i++)
		total += t->width[i];
	for (; width > 0 && total > width; total--) {
		unsigned widest = 0;

		for (unsigned i = 1; i < t->n_columns; i++)
			if (t->width[i] > t->width[widest])
				widest = i;
		if (t->width[widest] <= LEAST)
			return;
		t->width[widest]--;
	}
}

static void print_cell(const char *cell, size_t width, bool last)
{
	size_t have = width_of(cell), n = 0;

	if (have <= width) {
		printf("%s", cell);
	} else {
		for (have = 0; have < width - 1; n++)
			have += (cell[n + 1] & 0xc0) != 0x80;
		printf("%.*s~", (int)n, cell);
		have = width;
	}
	if (!last)
		printf("%*s", (int)(width - have + GAP), "");
}

// Words below a row, as many in a line as fit.
static void print_note(const char *note, size_t width)
{
	size_t at = 2;

	fputs("  ", stdout);
	while (*note != '\0') {
		size_t n = strcspn(note, " ");

		if (at > 2 && width > 0 && at + 1 + n > width) {
			fputs("\n  ", stdout);
			at = 2;
		}
		at += printf("%s%.*s", at > 2 ? " " : "", (int)n, note);
		note += n + strspn(note + n, " ");
	}
	putchar('\n');
}

void table_print_and_free(struct table *t)
{
	size_t width = terminal_width();

	fit(t, width);
	for (unsigned r = 0; r < t->n_rows; r++) {
		struct row *row = &t->rows[r];

		if (row->note != NULL)
			print_note(row->note, width);
		for (unsigned i = 0; row->note == NULL && i < t->n_columns; i++)
			print_cell(row->cell[i], t->width[i], i + 1 == t->n_columns);
		if (row->note == NULL)
			putchar('\n');
		for (unsigned i = 0; i < t->n_columns; i++)
			free(row->cell[i]);
		free(row->note);
	}
	free(t->rows);
	free(t);
}

void print_json(const json_t *json)
{
	char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);

	puts(text != NULL ? text : "{}");
	free(text);
}
