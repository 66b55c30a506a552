/* SPDX-License-Identifier: BSD-3-Clause */
#include "suggest.h"

#include <string.h>

#define WORD_MAX 40

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

// Insertions, deletions, replacements and swapped neighbours that lead from a to b.
static size_t distance(const char *a, const char *b)
{
	size_t d[3][WORD_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] =
				min(min(up[j], row[j - 1]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min(row[j], up2[j - 2] + 1);
		}
	}
	return d[la % 3][lb];
}

// "port-add" for "add-port": people who know other tools say the noun first.
static size_t distance_swapped(const char *typed, const char *word)
{
	const char *dash = strchr(typed, '-');
	char swapped[WORD_MAX + 2] = "";

	if (!dash || strlen(typed) > WORD_MAX)
		return WORD_MAX;
	strcat(swapped, dash + 1);
	strcat(swapped, "-");
	strncat(swapped, typed, (size_t)(dash - typed));
	return distance(swapped, word);
}

const char *suggest(const char *typed, const char *const *words, size_t n)
{
	size_t best = WORD_MAX;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t d = min(distance(typed, words[i]), distance_swapped(typed, words[i]));

		if (d < best) {
			best = d;
			found = words[i];
		}
	}
	if (best <= (strlen(typed) < 4 ? 1 : 2))
		return found;
	// Half a word is as good as a slip of the finger: "switches", "stats".
	for (size_t i = 0; i < n; i++) {
		if (strlen(typed) >= 3 && strstr(words[i], typed))
			return words[i];
	}
	return NULL;
}
