/* SPDX-License-Identifier: BSD-3-Clause */
// A table on a terminal: columns as wide as they need, the whole as wide as the terminal.
// When it does not fit, optional columns go first, then the widest ones that may shrink.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum grid_flags {
	GRID_LEFT = 0,
	GRID_RIGHT = 1 << 0,
	GRID_SHRINK = 1 << 1,   // may be shortened, with an ellipsis
	GRID_OPTIONAL = 1 << 2, // left out when there is no room; the last such column first
	GRID_WRAP = 1 << 3,     // the last column: wrapped between words, not shortened
};

struct grid;

struct grid *grid_create(size_t width); // width 0: as wide as it gets
void grid_destroy(struct grid *grid);

// All columns come before the first row. A NULL title makes a table without a heading.
void grid_column(struct grid *grid, const char *title, unsigned flags);

void grid_row(struct grid *grid, const char *prefix); // prefix: the branch of a tree, or ""
// The next cell of the row; cells not given are empty. Text must be clean (text.h).
void grid_cell(struct grid *grid, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// Text beneath the row, across the whole width, wrapped between words.
void grid_note(struct grid *grid, const char *prefix, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void grid_print(struct grid *grid);

// The terminal's width, $COLUMNS, or 80.
size_t grid_terminal_width(void);
