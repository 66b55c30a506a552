/* SPDX-License-Identifier: BSD-3-Clause */
// The method table as JSON.
#include "rpc.h"

#include <string.h>

static json_t *words_json(const char *const *words)
{
	json_t *array = json_array();
	unsigned i;

	for (i = 0; words[i] != NULL; i++)
		json_array_append_new(array, json_string(words[i]));
	return array;
}

static json_t *param_json(const struct rpc_param *param)
{
	json_t *json = json_pack("{s:s, s:s, s:b, s:s}", "name", param->name, "type",
		rpc_type_name(param->type), "required", param->required, "help", param->help);

	if ((param->type == RPC_UINT || param->type == RPC_VLAN) && param->max != 0) {
		json_object_set_new(json, "min", json_integer(param->min));
		json_object_set_new(json, "max", json_integer(param->max));
	}
	if (param->type == RPC_STRING && param->max != 0)
		json_object_set_new(json, "max_bytes", json_integer(param->max));
	if (param->values != NULL)
		json_object_set_new(json, "values", words_json(param->values));
	if (param->preset != NULL)
		json_object_set_new(json, "default", json_string(param->preset));
	if (param->exclusive != 0)
		json_object_set_new(json, "exclusive", json_integer(param->exclusive));
	return json;
}

static json_t *fields_json(const struct rpc_field *fields)
{
	json_t *array = json_array(), *json;

	for (; fields != NULL && fields->name != NULL; fields++) {
		json = json_pack("{s:s, s:s, s:s}", "name", fields->name, "type",
			rpc_type_name(fields->type), "help", fields->help);
		if (fields->of != NULL)
			json_object_set_new(json, "of", json_string(fields->of));
		if (fields->nullable)
			json_object_set_new(json, "nullable", json_true());
		if (fields->optional)
			json_object_set_new(json, "optional", json_true());
		if (fields->values != NULL)
			json_object_set_new(json, "values", words_json(fields->values));
		json_array_append_new(array, json);
	}
	return array;
}

static json_t *method_json(const struct rpc_method *method)
{
	json_t *params = json_array(), *errors = json_array();
	const struct rpc_param *param;
	const enum vsw_errc *error;

	for (param = method->params; param != NULL && param->name != NULL; param++)
		if (!param->local)
			json_array_append_new(params, param_json(param));
	for (error = method->errors; error != NULL && *error != VSW_OK; error++)
		json_array_append_new(errors, json_string(vsw_errc_name(*error)));
	return json_pack("{s:s, s:s, s:s*, s:b, s:o, s:o, s:o}", "name", method->name, "summary",
		method->summary, "details", method->details, "changes", method->changes, "params",
		params, "result", fields_json(method->result), "errors", errors);
}

int rpc_discover(struct rpc_call *call)
{
	json_t *methods = json_array(), *objects = json_array(), *errors = json_array();
	json_t *events = json_array();
	const struct rpc_method *method = NULL;
	const struct rpc_object *object;
	const struct rpc_error *error;
	const struct rpc_event *event;

	while ((method = rpc_method_next(method)) != NULL)
		json_array_append_new(methods, method_json(method));
	for (object = rpc_objects; object->name != NULL; object++)
		json_array_append_new(
			objects, json_pack("{s:s, s:s, s:o}", "name", object->name, "help",
					 object->help, "fields", fields_json(object->fields)));
	for (error = rpc_errors; error->name != NULL; error++)
		json_array_append_new(errors, json_pack("{s:i, s:s, s:s}", "code", error->code,
						      "name", error->name, "help", error->help));
	for (event = rpc_events; event->name != NULL; event++)
		json_array_append_new(
			events, json_pack("{s:s, s:s, s:o}", "name", event->name, "help",
					event->help, "fields", fields_json(event->fields)));
	call->result = json_pack("{s:i, s:o, s:o, s:o, s:o}", "protocol", RPC_PROTOCOL_VERSION,
		"methods", methods, "objects", objects, "errors", errors, "events", events);
	return call->result != NULL ? 0
	                            : vsw_fail(&call->err, VSW_E_INTERNAL, NULL, "out of memory");
}
