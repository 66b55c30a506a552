/* SPDX-License-Identifier: BSD-3-Clause */
// version: this program's and the daemon's.
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "render.h"
#include "run.h"
#include "text.h"

int run_version(struct invocation *inv)
{
	const char *dpdk;
	char age[TEXT_SIZE];
	json_t *result;
	int rc;

	if (!inv->options.json)
		printf("vswitchctl %s\n", VSWITCH_VERSION);
	result = run_ask(inv, &rc);
	if (!result)
		return rc;
	if (inv->options.json) {
		run_print_json(result);
		json_decref(result);
		return CTL_DONE;
	}
	dpdk = field_text(result, "dpdk");
	printf("vswitchd   %s (protocol %llu, %s%s)\n", field_text(result, "version"),
		(unsigned long long)field_count(result, "protocol"),
		strncmp(dpdk, "DPDK", 4) == 0 ? "" : "DPDK ", dpdk);
	printf("  pid %llu, up for %s\n  %llu worker%s, %s\n  huge pages: %s, table look-up: %s\n",
		(unsigned long long)field_count(result, "pid"),
		text_age(age, field_count(result, "uptime")),
		(unsigned long long)field_count(result, "workers"),
		field_count(result, "workers") == 1 ? "" : "s",
		field_true(result, "poll") ? "always polling" : "asleep when idle",
		field_true(result, "huge_pages") ? "yes" : "no", field_text(result, "fdb_isa"));
	json_decref(result);
	return CTL_DONE;
}
