/* SPDX-License-Identifier: BSD-3-Clause */
// "Did you mean": which known word is closest to what was typed.
#pragma once

#include <stddef.h>

// The closest of the words, or NULL if none is close.
const char *suggest(const char *typed, const char *const *words, size_t n);
