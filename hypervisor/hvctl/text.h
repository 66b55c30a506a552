/* SPDX-License-Identifier: BSD-3-Clause */
// What people read.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define TEXT_SIZE 256
#define COLUMNS   10

// A member as text without anything that moves a cursor; "" if there is none.
const char *text_of(const json_t *object, const char *key, char buf[static TEXT_SIZE]);
uint64_t number_of(const json_t *object, const char *key);
const char *text_age(uint64_t seconds, char buf[static TEXT_SIZE]);
const char *text_bytes(uint64_t bytes, char buf[static TEXT_SIZE]);

void print_json(const json_t *json);

struct table;

struct table *table_create(const char *const *titles); // up to a NULL
// As many cells as there are columns.
void table_row(struct table *t, const char *const *cells);
void table_note(struct table *t, const char *text); // a line below the row
// At a terminal the widest columns are cut until a line fits.
void table_print_and_free(struct table *t);
