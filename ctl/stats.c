/* SPDX-License-Identifier: BSD-3-Clause */
// show-stats: once, or each second until Ctrl-C; and show-port, which borrows its help.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "field.h"
#include "render.h"
#include "run.h"
#include "text.h"

static void picture(const struct invocation *inv, const json_t *result, const json_t *previous)
{
	const struct options *options = &inv->options;

	if (options->json && options->watch)
		text_print_json(result, false);
	else if (options->json)
		run_print_json(result);
	else if (field_true(inv->params, "drops"))
		render_drops(result, options);
	else
		render_stats(result, previous, options);
}

static int watch(struct invocation *inv)
{
	bool terminal = isatty(STDOUT_FILENO), first = true;
	struct failure failure = {};
	json_t *previous = NULL, *result;

	while ((result = client_ask(
			&inv->options, inv->command->method, json_incref(inv->params), &failure))) {
		struct timespec second = {.tv_sec = 1};

		if (terminal && !inv->options.json)
			fputs("\033[H\033[2J", stdout);
		else if (!first && !inv->options.json)
			putchar('\n');
		picture(inv, result, previous);
		// A reader that has gone ends us here, where there is no SIGPIPE.
		if (fflush(stdout) != 0) {
			json_decref(result);
			json_decref(previous);
			return CTL_FAILED;
		}
		json_decref(previous);
		previous = result;
		first = false;
		nanosleep(&second, NULL);
	}
	json_decref(previous);
	return failure_print(&failure);
}

int run_stats(struct invocation *inv)
{
	struct failure failure = {};
	json_t *result;

	if (inv->options.watch)
		return watch(inv);
	result =
		client_ask(&inv->options, inv->command->method, json_incref(inv->params), &failure);
	if (!result)
		return failure_print(&failure);
	picture(inv, result, NULL);
	json_decref(result);
	return CTL_DONE;
}

int run_show_port(struct invocation *inv)
{
	const char *name = field_text(inv->params, "port");
	json_t *stats_params = json_pack("{s:s, s:b}", "port", name, "drops", 1), *stats, *result;
	const json_t *counters;
	struct failure failure = {};
	int rc;

	result = run_ask(inv, &rc);
	if (!result) {
		json_decref(stats_params);
		return rc;
	}
	if (inv->options.json) {
		run_print_json(result);
		json_decref(stats_params);
		json_decref(result);
		return CTL_DONE;
	}
	// What the reasons of drops mean is told with the statistics. Without it the numbers still
	// stand.
	counters = json_object_get(json_object_get(result, "port"), "counters");
	if (json_object_size(json_object_get(counters, "drops")) > 0) {
		stats = client_ask(&inv->options, "show-stats", stats_params, &failure);
		if (stats)
			json_object_set(result, "reasons", json_object_get(stats, "reasons"));
		json_decref(stats);
	} else {
		json_decref(stats_params);
	}
	render_port(result, &inv->options);
	json_decref(result);
	return CTL_DONE;
}
