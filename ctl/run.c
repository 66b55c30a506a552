/* SPDX-License-Identifier: BSD-3-Clause */
#include "run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "failure.h"
#include "render.h"
#include "text.h"

static const struct {
	const char *command;
	int (*run)(struct invocation *inv); // NULL: ask and render
	render_fn *render;
} actions[] = {
	{"list-switches", NULL, render_switches},
	{"show", NULL, render_tree},
	{"list-ports", NULL, render_ports},
	{"show-port", run_show_port, NULL},
	{"list-nics", NULL, render_nics},
	{"list-guests", NULL, render_guests},
	{"diagnose-port", NULL, render_diagnosis},
	{"show-fdb", NULL, render_fdb},
	{"show-stats", run_stats, NULL},
	{"show-workers", NULL, render_workers},
	{"monitor", run_monitor, NULL},
	{"export-config", run_export, NULL},
	{"apply-config", run_apply, NULL},
	{"version", run_version, NULL},
};

void run_print_json(const json_t *result)
{
	text_print_json(result, isatty(STDOUT_FILENO));
}

json_t *run_ask(struct invocation *inv, int *rc)
{
	struct failure failure = {};
	json_t *params = inv->params, *result;

	inv->params = NULL;
	result = client_ask(&inv->options, inv->command->method, params, &failure);
	if (!result)
		failure_name_params(&failure, inv->command);
	*rc = result ? CTL_DONE : failure_print(&failure);
	return result;
}

static int ask_and_render(struct invocation *inv, render_fn *render)
{
	int rc;
	json_t *result = run_ask(inv, &rc);

	if (!result)
		return rc;
	if (inv->options.json)
		run_print_json(result);
	else if (render)
		render(result, &inv->options);
	else if (inv->command->changes)
		render_change(result, &inv->options, inv->what_if);
	else
		text_print_json(result, true);
	json_decref(result);
	return CTL_DONE;
}

int run(struct invocation *inv)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(actions[i].command, inv->command->name) != 0)
			continue;
		if (actions[i].run)
			return actions[i].run(inv);
		return ask_and_render(inv, actions[i].render);
	}
	return ask_and_render(inv, NULL);
}
