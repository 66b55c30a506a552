/* SPDX-License-Identifier: BSD-3-Clause */
#include "control.h"

#include "handlers.h"
#include "server.h"

static struct server *server;

int control_start(sd_event *event, const struct control_options *options, struct vsw_error *err)
{
	const struct server_options server_options = {
		.socket_path = options->socket_path,
		.handlers = control_handlers,
	};

	version_init(options->poll);
	return server_start(&server, event, &server_options, err);
}

void control_stop(void)
{
	server_stop(server);
	server = NULL;
}
