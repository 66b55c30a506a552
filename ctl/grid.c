/* SPDX-License-Identifier: BSD-3-Clause */
#include "grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text.h"

#define MAX_COLUMNS 16
#define GAP         2 // blanks between columns
#define SHRINK_TO   6 // no column is cut below this

struct row {
	char *prefix;
	char *cell[MAX_COLUMNS];
	size_t n_cells;
	char *note; // instead of cells
};

struct grid {
	size_t width, n_columns, n_rows, room;
	struct row *rows;
	struct {
		const char *title;
		unsigned flags;
		size_t width;
		bool hidden;
	} column[MAX_COLUMNS];
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static char *format(const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	return text;
}

struct grid *grid_create(size_t width)
{
	struct grid *grid = must(calloc(1, sizeof(*grid)));

	grid->width = width;
	return grid;
}

void grid_destroy(struct grid *grid)
{
	for (size_t r = 0; r < grid->n_rows; r++) {
		struct row *row = &grid->rows[r];

		for (size_t c = 0; c < row->n_cells; c++)
			free(row->cell[c]);
		free(row->prefix);
		free(row->note);
	}
	free(grid->rows);
	free(grid);
}

void grid_column(struct grid *grid, const char *title, unsigned flags)
{
	if (grid->n_columns == MAX_COLUMNS)
		abort();
	grid->column[grid->n_columns].title = title;
	grid->column[grid->n_columns++].flags = flags;
}

void grid_row(struct grid *grid, const char *prefix)
{
	if (grid->n_rows == grid->room) {
		grid->room = grid->room ? grid->room * 2 : 16;
		grid->rows = must(realloc(grid->rows, grid->room * sizeof(*grid->rows)));
	}
	grid->rows[grid->n_rows++] = (struct row){.prefix = must(strdup(prefix))};
}

void grid_cell(struct grid *grid, const char *fmt, ...)
{
	struct row *row = &grid->rows[grid->n_rows - 1];
	va_list ap;

	if (row->n_cells == grid->n_columns)
		abort();
	va_start(ap, fmt);
	row->cell[row->n_cells++] = format(fmt, ap);
	va_end(ap);
}

void grid_note(struct grid *grid, const char *prefix, const char *fmt, ...)
{
	va_list ap;

	grid_row(grid, prefix);
	va_start(ap, fmt);
	grid->rows[grid->n_rows - 1].note = format(fmt, ap);
	va_end(ap);
}

static size_t total_width(const struct grid *grid)
{
	size_t total = 0;

	for (size_t c = 0; c < grid->n_columns; c++) {
		if (!grid->column[c].hidden)
			total += grid->column[c].width + (total ? GAP : 0);
	}
	return total;
}

// What every cell needs; a prefix belongs to the first column.
static void measure(struct grid *grid)
{
	for (size_t c = 0; c < grid->n_columns; c++)
		grid->column[c].width =
			grid->column[c].title ? text_width(grid->column[c].title) : 0;
	for (size_t r = 0; r < grid->n_rows; r++) {
		struct row *row = &grid->rows[r];

		for (size_t c = 0; c < row->n_cells; c++) {
			size_t width = text_width(row->cell[c]);

			if (c == 0)
				width += text_width(row->prefix);
			if (width > grid->column[c].width)
				grid->column[c].width = width;
		}
	}
}

static void fit(struct grid *grid)
{
	if (grid->width == 0)
		return;
	for (size_t c = grid->n_columns; c-- > 0 && total_width(grid) > grid->width;) {
		if (grid->column[c].flags & GRID_OPTIONAL)
			grid->column[c].hidden = true;
	}
	while (total_width(grid) > grid->width) {
		size_t widest = grid->n_columns;

		for (size_t c = 0; c < grid->n_columns; c++) {
			if (grid->column[c].hidden || !(grid->column[c].flags & GRID_SHRINK) ||
				grid->column[c].width <= SHRINK_TO)
				continue;
			if (widest == grid->n_columns ||
				grid->column[c].width > grid->column[widest].width)
				widest = c;
		}
		if (widest == grid->n_columns)
			break;
		grid->column[widest].width--;
	}
}

static void blanks(size_t n)
{
	while (n-- > 0)
		putchar(' ');
}

// Words from column `indent` on, where the line already is; further lines begin there, too.
static void print_words(const char *words, size_t width, const char *prefix, size_t indent)
{
	char *save, *text = must(strdup(words));
	size_t at = indent;

	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		size_t len = text_width(word);

		if (at > indent && width && at + 1 + len > width) {
			putchar('\n');
			fputs(prefix, stdout);
			blanks(indent - text_width(prefix));
			at = indent;
		}
		if (at > indent) {
			putchar(' ');
			at++;
		}
		// A single word longer than the line is the only thing to be cut.
		if (width && at + len > width) {
			char *cut = text_fit(word, width > at ? width - at : 0);

			fputs(cut, stdout);
			free(cut);
		} else {
			fputs(word, stdout);
		}
		at += len;
	}
	free(text);
}

// One line of cells. Blanks are printed only before something, never at the end of a line.
static void print_line(const struct grid *grid, const char *prefix, char *const *cell, size_t n)
{
	size_t pending = 0, at = 0;

	for (size_t c = 0; c < n; c++) {
		size_t width = grid->column[c].width, used = 0;
		char *text;

		if (grid->column[c].hidden)
			continue;
		if (c == 0) {
			fputs(prefix, stdout);
			used = text_width(prefix);
		}
		if (grid->column[c].flags & GRID_WRAP && text_width(cell[c]) > width) {
			blanks(pending);
			print_words(cell[c], grid->width, prefix, at);
			break;
		}
		at += width + GAP;
		text = text_fit(cell[c], width > used ? width - used : 0);
		used += text_width(text);
		if (grid->column[c].flags & GRID_RIGHT)
			pending += width - used;
		if (*text) {
			blanks(pending);
			pending = 0;
		}
		fputs(text, stdout);
		if (!(grid->column[c].flags & GRID_RIGHT))
			pending += width > used ? width - used : 0;
		pending += GAP;
		free(text);
	}
	putchar('\n');
}

static void print_note(const struct grid *grid, const struct row *row)
{
	fputs(row->prefix, stdout);
	print_words(row->note, grid->width, row->prefix, text_width(row->prefix));
	putchar('\n');
}

void grid_print(struct grid *grid)
{
	char *title[MAX_COLUMNS];
	bool heading = false;

	measure(grid);
	fit(grid);
	for (size_t c = 0; c < grid->n_columns; c++) {
		title[c] = (char *)(grid->column[c].title ? grid->column[c].title : "");
		heading |= grid->column[c].title != NULL;
	}
	if (heading)
		print_line(grid, "", title, grid->n_columns);
	for (size_t r = 0; r < grid->n_rows; r++) {
		if (grid->rows[r].note)
			print_note(grid, &grid->rows[r]);
		else
			print_line(grid, grid->rows[r].prefix, grid->rows[r].cell,
				grid->rows[r].n_cells);
	}
}

size_t grid_terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	long n = columns ? strtol(columns, NULL, 10) : 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		n = size.ws_col;
	return n >= 40 && n <= 1000 ? (size_t)n : 80;
}
