/* SPDX-License-Identifier: BSD-3-Clause */
// The method tables agree with themselves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <vswitch/control/rpc.h>

static void names_are_found_and_unique(void **)
{
	const struct rpc_method *method = NULL, *other;
	unsigned n = 0;

	while ((method = rpc_method_next(method)) != NULL) {
		assert_ptr_equal(rpc_method_find(method->name), method);
		for (other = NULL; (other = rpc_method_next(other)) != NULL;)
			if (other != method)
				assert_string_not_equal(
					rpc_method_command(other), rpc_method_command(method));
		n++;
	}
	assert_int_equal(n, 29);
	assert_null(rpc_method_find("no-such-method"));
}

static void methods_are_described(void **)
{
	const struct rpc_method *method = NULL;

	while ((method = rpc_method_next(method)) != NULL) {
		assert_non_null(method->group);
		assert_non_null(method->summary);
		assert_true(method->summary[0] >= 'a' && method->summary[0] <= 'z');
		assert_int_not_equal(method->summary[strlen(method->summary) - 1], '.');
		assert_non_null(method->result);
		assert_non_null(method->examples);
		// All that change can be tried out first, and nothing else can.
		assert_int_equal(method->changes, rpc_param_find(method, "what_if") != NULL);
	}
}

static void params_are_described(void **)
{
	const struct rpc_method *method = NULL;
	const struct rpc_param *param;
	unsigned position;

	while ((method = rpc_method_next(method)) != NULL) {
		position = 0;
		for (param = method->params; param != NULL && param->name != NULL; param++) {
			assert_non_null(param->help);
			if (param->position != 0)
				assert_int_equal(param->position, ++position);
			if (param->type != RPC_BOOL)
				assert_non_null(param->metavar);
			assert_int_equal(param->values != NULL,
				param->type == RPC_ENUM || param->type == RPC_ENUMS);
			if (param->type == RPC_UINT || param->type == RPC_VLAN)
				assert_true(param->max > param->min);
			if (param->local)
				assert_null(rpc_param_find(method, param->name));
		}
	}
}

static void check_fields(const struct rpc_field *fields)
{
	const struct rpc_object *object;

	for (; fields != NULL && fields->name != NULL; fields++) {
		assert_non_null(fields->help);
		if (fields->of == NULL || strcmp(fields->of, "string") == 0 ||
			strcmp(fields->of, "uint") == 0)
			continue;
		for (object = rpc_objects; object->name != NULL; object++)
			if (strcmp(object->name, fields->of) == 0)
				break;
		if (object->name == NULL)
			fail_msg("there is no object '%s'", fields->of);
	}
}

static void objects_exist(void **)
{
	const struct rpc_method *method = NULL;
	const struct rpc_object *object;
	const struct rpc_event *event;

	while ((method = rpc_method_next(method)) != NULL)
		check_fields(method->result);
	for (object = rpc_objects; object->name != NULL; object++)
		check_fields(object->fields);
	for (event = rpc_events; event->name != NULL; event++)
		check_fields(event->fields);
}

static void event_names_are_those_of_the_events(void **)
{
	unsigned i;

	for (i = 0; rpc_event_names[i] != NULL; i++) {
		assert_string_equal(rpc_event_names[i], rpc_events[i].name);
		assert_int_equal(rpc_event_index(rpc_event_names[i]), i);
	}
	assert_null(rpc_events[i].name);
	assert_true(i <= 32); // a mask is 32 bits
	assert_int_equal(rpc_event_index("no-such-event"), -1);
}

// What the page and the help show is accepted as it stands.
static void examples_are_valid(void **)
{
	const struct rpc_method *method = NULL;
	const struct rpc_example *example;
	struct rpc_fault fault;
	json_t *params;

	while ((method = rpc_method_next(method)) != NULL) {
		for (example = method->examples; example->what != NULL; example++) {
			if (rpc_method_command(method)[0] != '\0') {
				char begin[64];

				snprintf(begin, sizeof(begin), "vswitchctl %s",
					rpc_method_command(method));
				assert_memory_equal(example->command, begin, strlen(begin));
			}
			if (example->params == NULL)
				continue;
			params = json_loads(example->params, 0, NULL);
			assert_non_null(params);
			if (rpc_check_params(method, params, &fault) < 0)
				fail_msg("%s: %s", example->params, fault.err.reason);
			json_decref(params);
		}
	}
}

static void errors_have_names(void **)
{
	const struct rpc_method *method = NULL;
	const enum vsw_errc *error;

	while ((method = rpc_method_next(method)) != NULL)
		for (error = method->errors; error != NULL && *error != VSW_OK; error++)
			assert_string_not_equal(vsw_errc_name(*error), "ok");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_and_unique),
		cmocka_unit_test(methods_are_described),
		cmocka_unit_test(params_are_described),
		cmocka_unit_test(objects_exist),
		cmocka_unit_test(event_names_are_those_of_the_events),
		cmocka_unit_test(examples_are_valid),
		cmocka_unit_test(errors_have_names),
	};

	return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
