/* SPDX-License-Identifier: BSD-3-Clause */
// Asks a reading method and holds its result to the table: nothing missing, nothing more, the
// types and words it promises.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/control/handlers.h>
#include <vswitch/control/syntax.h>

// --- results against the table ---------------------------------------------------------------

static inline void check_fields(
	const struct rpc_field *fields, const json_t *json, const char *where);

static inline void check_one(const struct rpc_field *field, const char *of, const json_t *value)
{
	const struct rpc_object *object;

	if (of == NULL)
		return;
	if (strcmp(of, "string") == 0 || strcmp(of, "uint") == 0) {
		assert_true(of[0] == 's' ? json_is_string(value) : json_is_integer(value));
		return;
	}
	for (object = rpc_objects; object->name != NULL; object++)
		if (strcmp(object->name, of) == 0)
			check_fields(object->fields, value, field->name);
}

static inline bool has_type(const struct rpc_field *field, const json_t *value)
{
	uint8_t mac[6];

	if (json_is_null(value))
		return field->nullable;
	switch (field->type) {
	case RPC_BOOL: return json_is_boolean(value);
	case RPC_UINT:
	case RPC_VLAN: return json_is_integer(value) && json_integer_value(value) >= 0;
	case RPC_NUMBER: return json_is_number(value);
	case RPC_OBJECT: return json_is_object(value);
	case RPC_ARRAY:
	case RPC_ENUMS: return json_is_array(value);
	case RPC_MAC: return json_is_string(value) && mac_parse(json_string_value(value), mac) == 0;
	case RPC_ENUM:
		return json_is_string(value) &&
		       word_index(field->values, json_string_value(value)) >= 0;
	default: return json_is_string(value);
	}
}

static inline void check_fields(
	const struct rpc_field *fields, const json_t *json, const char *where)
{
	const struct rpc_field *field;
	const json_t *value, *item;
	const char *key;
	size_t i;

	assert_true(json_is_object(json));
	for (field = fields; field->name != NULL; field++) {
		value = json_object_get(json, field->name);
		if (value == NULL && field->optional)
			continue;
		if (value == NULL)
			fail_msg("%s has no '%s'", where, field->name);
		if (!has_type(field, value))
			fail_msg("'%s' of %s is no %s", field->name, where,
				rpc_type_name(field->type));
		if (field->type == RPC_OBJECT && !json_is_null(value))
			check_one(field, field->of, value);
		if (field->type == RPC_ARRAY)
			json_array_foreach (value, i, item)
				check_one(field, field->of, item);
	}
	json_object_foreach ((json_t *)json, key, value) {
		for (field = fields; field->name != NULL; field++)
			if (strcmp(field->name, key) == 0)
				break;
		if (field->name == NULL)
			fail_msg("%s has '%s', of which the table knows nothing", where, key);
	}
}

// --- asking ----------------------------------------------------------------------------------

static inline json_t *ask(const char *method, const char *params)
{
	struct rpc_peer peer = {.access = RPC_ACCESS_READ};
	char line[512], *reply;
	json_t *json, *result;
	size_t len;

	snprintf(line, sizeof(line),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
	reply = rpc_handle(line, strlen(line), &peer, control_handlers, &len);
	assert_non_null(reply);
	json = json_loads(reply, 0, NULL);
	assert_non_null(json);
	result = json_object_get(json, "result");
	if (result == NULL)
		fail_msg("%s", reply);
	free(reply);
	json_incref(result);
	json_decref(json);
	check_fields(rpc_method_find(method)->result, result, method);
	return result;
}
