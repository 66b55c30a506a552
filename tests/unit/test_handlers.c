/* SPDX-License-Identifier: BSD-3-Clause */
// Every method has one handler, and every handler a method.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <vswitch/control/handlers.h>

static void every_method_has_one_handler(void **)
{
	const struct rpc_method *method = NULL;
	const struct rpc_binding *binding;
	unsigned n;

	while ((method = rpc_method_next(method)) != NULL) {
		n = 0;
		for (binding = control_handlers; binding->name != NULL; binding++)
			n += strcmp(binding->name, method->name) == 0;
		if (n != 1)
			fail_msg("%s has %u handlers", method->name, n);
	}
}

static void every_handler_has_a_method(void **)
{
	const struct rpc_binding *binding;

	for (binding = control_handlers; binding->name != NULL; binding++) {
		assert_non_null(binding->handler);
		if (rpc_method_find(binding->name) == NULL)
			fail_msg("there is no method '%s'", binding->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_has_one_handler),
		cmocka_unit_test(every_handler_has_a_method),
	};

	return cmocka_run_group_tests_name("handlers", tests, NULL, NULL);
}
