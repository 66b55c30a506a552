/* SPDX-License-Identifier: BSD-3-Clause */
// Names for the shell's completion. Never a word on stderr, never long: a person is typing.
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "field.h"
#include "run.h"

int run_names(const struct options *options, const char *what)
{
	static const char *const methods[][2] = {
		{"switches", "list-switches"}, {"ports", "list-ports"}, {"nics", "list-nics"}};
	struct options quick = *options;
	struct failure failure = {};
	json_t *result = NULL, *item;
	size_t i;

	quick.timeout_s = 1;
	quick.json = false;
	for (i = 0; i < 3; i++) {
		if (strcmp(what, methods[i][0]) == 0)
			result = client_ask(&quick, methods[i][1], NULL, &failure);
	}
	json_array_foreach (json_object_get(result, what), i, item) {
		// A NIC that left the kernel has only its address.
		const char *name = field_text(item, "name");

		puts(*name ? name : field_text(item, "pci"));
	}
	json_decref(result);
	return CTL_DONE;
}
