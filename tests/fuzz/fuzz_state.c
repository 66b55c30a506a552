/* SPDX-License-Identifier: BSD-3-Clause */
// Any bytes as a configuration document. What is accepted must come back to the letter, be
// reached from anywhere, and need nothing more once it is there.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/control/config_json.h>
#include <vswitch/control/diff.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char base_text[] =
	"{\"version\":1,\"switches\":[{\"name\":\"lan\",\"type\":\"external\"},{\"name\":\"lab\","
	"\"type\":\"internal\"}],\"ports\":[{\"name\":\"eth0\",\"switch\":\"lan\",\"type\":\"nic\","
	"\"ifname\":\"eth0\"},{\"name\":\"web1\",\"switch\":\"lan\","
	"\"type\":\"tap\"},{\"name\":\"h0\",\"switch\":\"lab\",\"type\":\"host\"}],\"fdb\":["
	"{\"switch\":\"lan\",\"vlan\":0,\"mac\":\"02:00:00:00:01:01\",\"port\":\"web1\"}]}";

static void must(bool holds)
{
	if (!holds)
		abort();
}

static char *text_of(const struct config *cfg)
{
	json_t *doc = config_to_json(cfg);
	char *text = json_dumps(doc, JSON_INDENT(2));

	must(text != NULL);
	json_decref(doc);
	return text;
}

static struct config *parse(const char *text, size_t len)
{
	struct vsw_error err = {};
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	struct config *cfg = NULL;

	if (doc != NULL) {
		cfg = config_from_json(doc, &err);
		must((cfg == NULL) == (err.code != VSW_OK));
		must((cfg == NULL) == (err.reason[0] != '\0'));
	}
	json_decref(doc);
	return cfg;
}

// Applies the document of `goal` to a copy of `from`. NULL: a rule forbids it.
static struct config *lead(const struct config *from, const struct config *goal, bool prune)
{
	struct config *cfg = config_copy(from);
	json_t *doc = config_to_json(goal);
	struct vsw_error err = {};

	must(cfg != NULL && doc != NULL);
	if (config_apply(cfg, doc, prune, &err) < 0) {
		must(!prune && err.reason[0] != '\0');
		config_destroy(cfg);
		cfg = NULL;
	}
	json_decref(doc);
	return cfg;
}

static unsigned count_actions(const struct config *from, const struct config *to)
{
	struct diff *diff = diff_create(from, to);
	char text[ACTION_TEXT_SIZE];
	unsigned n;

	must(diff != NULL);
	n = diff->n;
	for (unsigned i = 0; i < n; i++) {
		action_text(&diff->action[i], text, sizeof(text));
		must(text[0] != '\0');
	}
	diff_destroy(diff);
	return n;
}

static void check(const struct config *cfg, const struct config *base)
{
	char *text = text_of(cfg), *again;
	struct config *back = parse(text, strlen(text)), *reached, *merged;

	must(back != NULL);
	again = text_of(back);
	must(strcmp(text, again) == 0);
	free(again);
	config_destroy(back);

	back = lead(cfg, cfg, true);
	must(count_actions(cfg, back) == 0);
	config_destroy(back);

	reached = lead(base, cfg, true);
	again = text_of(reached);
	must(strcmp(text, again) == 0);
	count_actions(base, reached);
	count_actions(reached, base);
	free(again);
	config_destroy(reached);

	merged = lead(base, cfg, false);
	if (merged != NULL) {
		struct config *twice = lead(merged, cfg, false);

		must(twice != NULL && count_actions(merged, twice) == 0);
		count_actions(base, merged);
		config_destroy(twice);
		config_destroy(merged);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *cfg = parse((const char *)data, size);
	struct config *base;

	if (cfg == NULL)
		return 0;
	base = parse(base_text, strlen(base_text));
	must(base != NULL);
	check(cfg, base);
	config_destroy(base);
	config_destroy(cfg);
	return 0;
}
