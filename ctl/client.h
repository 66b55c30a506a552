/* SPDX-License-Identifier: BSD-3-Clause */
// One connection to the daemon's control socket: JSON-RPC 2.0, one object per line.
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "failure.h"
#include "options.h"

struct client;

// NULL: failure says why and what to do.
struct client *client_open(const struct options *options, struct failure *failure);
void client_close(struct client *client); // NULL is fine

// Sends and waits for the answer; takes over params, which may be NULL. A new reference to the
// result object, or NULL: failure says why. Says on a terminal that it waits, after a second.
json_t *client_call(
	struct client *client, const char *method, json_t *params, struct failure *failure);

// The parameters of the next event, waiting for ever; NULL: the daemon went away.
json_t *client_event(struct client *client, struct failure *failure);

// All of the above for a single request. Strings of the result are clean (text.h) unless
// options->json.
json_t *client_ask(
	const struct options *options, const char *method, json_t *params, struct failure *failure);
