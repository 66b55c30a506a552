/* SPDX-License-Identifier: BSD-3-Clause */
#include "words.h"

#include "console.h"
#include "text.h"

#define LONGEST 128u

static const struct word *find(const char *name)
{
	static const struct word *const tables[] = {
		machine_words, bus_words, nic_words, hostile_words};

	for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct word *w = tables[i]; w->name != NULL; w++)
			if (text_is(w->name, name))
				return w;
	return NULL;
}

static void run(char *text)
{
	const struct word *w;
	const char *why, *arg = "";

	for (char *c = text; *c != '\0'; c++)
		if (*c == '=') {
			*c = '\0';
			arg = c + 1;
			break;
		}
	w = find(text);
	if (w == NULL) {
		say("FAIL %s: no such word", text);
		return;
	}
	why = w->run(arg);
	if (why == NULL)
		say("ok %s%s%s", text, *arg != '\0' ? "=" : "", arg);
	else
		say("FAIL %s: %s", text, why);
}

void words_run(const char *line)
{
	char text[LONGEST];

	while (*line != '\0') {
		unsigned n = 0;

		while (*line == ' ')
			line++;
		for (; *line != '\0' && *line != ' '; line++)
			if (n + 1 < LONGEST)
				text[n++] = *line;
		text[n] = '\0';
		if (n > 0)
			run(text);
	}
}
