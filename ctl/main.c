/* SPDX-License-Identifier: BSD-3-Clause */
// vswitchctl: a client of the daemon's control socket, and of nothing else.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "failure.h"
#include "help.h"
#include "run.h"
#include "text.h"

// Output that could not be written is no success: a full disk, a closed pipe.
static int finish(int rc)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return rc;
	fprintf(stderr, "vswitchctl: cannot write the output: %s\n", strerror(errno));
	return rc == CTL_DONE ? CTL_FAILED : rc;
}

int main(int argc, char **argv)
{
	struct invocation inv;
	int rc;

	text_init();
	rc = args_parse(&inv, argc, argv);
	if (rc == CTL_DONE) {
		if (inv.help && inv.command)
			help_command(inv.command);
		else if (inv.help)
			help_overview();
		else if (inv.version)
			printf("vswitchctl %s\n", VSWITCH_VERSION);
		else if (inv.names)
			rc = run_names(&inv.options, inv.names);
		else
			rc = run(&inv);
		rc = finish(rc);
	}
	args_clear(&inv);
	return rc;
}
