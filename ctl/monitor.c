/* SPDX-License-Identifier: BSD-3-Clause */
// monitor: a line an event, until the reader or the daemon goes away.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "render.h"
#include "run.h"
#include "text.h"

static void print_event(const json_t *event, const struct options *options)
{
	if (options->json) {
		text_print_json(event, false);
	} else {
		json_t *clean = text_clean_json(event);

		render_event(clean, options);
		json_decref(clean);
	}
	fflush(stdout);
}

// One connection's worth of events; the failure says how it ended. True if it got as far as
// being subscribed.
static bool follow(struct invocation *inv, bool again, struct failure *failure)
{
	struct client *client = client_open(&inv->options, failure);
	json_t *reply, *event;

	if (!client)
		return false;
	reply = client_call(client, inv->command->method, json_deep_copy(inv->params), failure);
	if (reply) {
		if (again)
			fputs("vswitchctl: the daemon is back\n", stderr);
		while ((event = client_event(client, failure))) {
			print_event(event, &inv->options);
			json_decref(event);
		}
		failure_set(failure, "vswitchctl monitor --reconnect", "the daemon went away");
	}
	client_close(client);
	json_decref(reply);
	return reply != NULL;
}

int run_monitor(struct invocation *inv)
{
	struct failure failure = {};
	bool away = false;

	for (;;) {
		bool subscribed = follow(inv, away, &failure);

		if (!inv->options.reconnect || failure.code != 0)
			return failure_print(&failure);
		// Said once each time it goes, not at each attempt.
		if (subscribed || !away)
			fprintf(stderr, "vswitchctl: %s; trying again until it is there\n",
				failure.reason);
		away = true;
		sleep(1);
	}
}
