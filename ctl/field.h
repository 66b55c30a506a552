/* SPDX-License-Identifier: BSD-3-Clause */
// Members of a reply. What is absent or of another type reads as "", 0, false or an empty
// array, so that a newer or older daemon is shown as far as it is understood.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

static inline const char *field_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static inline uint64_t field_count(const json_t *object, const char *key)
{
	json_int_t n = (json_int_t)json_number_value(json_object_get(object, key));

	if (json_is_integer(json_object_get(object, key)))
		n = json_integer_value(json_object_get(object, key));
	return n > 0 ? (uint64_t)n : 0;
}

static inline double field_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static inline bool field_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static inline bool field_given(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return value && !json_is_null(value);
}
