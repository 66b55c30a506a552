/* SPDX-License-Identifier: BSD-3-Clause */
// Holds the parameters of a request to the method's table.
#include "rpc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "syntax.h"

static const char *json_kind(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "an array";
	case JSON_STRING: return "a string";
	case JSON_INTEGER: return "a whole number";
	case JSON_REAL: return "a number with a fraction";
	case JSON_TRUE:
	case JSON_FALSE: return "true or false";
	case JSON_NULL: return "null";
	}
	return "nothing";
}

// The words of an enumeration or of a method's parameters, for a remedy.
static void list_words(char *text, size_t size, const char *const *words)
{
	size_t used = strlen(text);
	unsigned i;

	for (i = 0; words[i] != NULL && used < size; i++)
		used += snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", words[i]);
}

static int bad(struct rpc_fault *fault, const struct rpc_param *param, const char *remedy,
	const char *what)
{
	fault->param = param->name;
	vsw_fail(&fault->err, VSW_E_INVALID, remedy, "parameter '%s' %s", param->name, what);
	return -EINVAL;
}

static int wrong_type(struct rpc_fault *fault, const struct rpc_param *param, const char *wanted,
	const json_t *value)
{
	char text[160];

	snprintf(text, sizeof(text), "must be %s, not %s", wanted, json_kind(value));
	return bad(fault, param, param->help, text);
}

static int check_number(const struct rpc_param *param, const json_t *value, struct rpc_fault *fault)
{
	char text[160], remedy[64];
	json_int_t number;

	if (!json_is_integer(value))
		return wrong_type(fault, param, "a whole number", value);
	number = json_integer_value(value);
	if (number >= 0 && (uint64_t)number >= param->min &&
		(param->max == 0 || (uint64_t)number <= param->max))
		return 0;
	snprintf(text, sizeof(text), "is out of range: %lld", (long long)number);
	snprintf(remedy, sizeof(remedy), "give %" PRIu64 " to %" PRIu64, param->min, param->max);
	return bad(fault, param, remedy, text);
}

static bool has_control_characters(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static int check_word(const struct rpc_param *param, const char *word, struct rpc_fault *fault)
{
	char text[160], remedy[320] = "one of: ";

	if (word_index(param->values, word) >= 0)
		return 0;
	snprintf(text, sizeof(text), "cannot be '%.64s'", word);
	list_words(remedy, sizeof(remedy), param->values);
	return bad(fault, param, remedy, text);
}

static int check_string(const struct rpc_param *param, const json_t *value, struct rpc_fault *fault)
{
	uint64_t allowed[64];
	struct vsw_error err;
	uint8_t mac[6];
	const char *text;
	char what[400];
	int ret = 0;

	if (!json_is_string(value))
		return wrong_type(fault, param, "a string", value);
	text = json_string_value(value);
	if (text[0] == '\0')
		return bad(fault, param, "give it a value, or leave it out", "is empty");
	if (has_control_characters(text))
		return bad(fault, param, "leave them out", "contains control characters");
	if (param->type == RPC_ENUM)
		return check_word(param, text, fault);
	if (param->type == RPC_STRING && param->max != 0 &&
		json_string_length(value) > param->max) {
		snprintf(what, sizeof(what), "is longer than %" PRIu64 " bytes: '%.64s'",
			param->max, text);
		return bad(fault, param, "shorten it", what);
	}
	if (param->type == RPC_MAC && mac_parse(text, mac) < 0) {
		snprintf(what, sizeof(what), "is no MAC address: '%.64s'", text);
		return bad(fault, param, "such as 02:00:00:00:00:01", what);
	}
	if (param->type == RPC_NAME)
		ret = name_check(text, "the", &err);
	if (param->type == RPC_VLAN_LIST)
		ret = vlan_list_parse(text, allowed, &err);
	if (ret == 0)
		return 0;
	snprintf(what, sizeof(what), "is malformed: %s", err.reason);
	return bad(fault, param, err.remedy, what);
}

static int check_words(const struct rpc_param *param, const json_t *value, struct rpc_fault *fault)
{
	const json_t *word;
	size_t i;

	if (!json_is_array(value))
		return wrong_type(fault, param, "an array", value);
	if (json_array_size(value) == 0)
		return bad(fault, param, "leave it out for all", "is empty");
	json_array_foreach (value, i, word) {
		if (!json_is_string(word))
			return wrong_type(fault, param, "an array of strings", word);
		if (check_word(param, json_string_value(word), fault) < 0)
			return -EINVAL;
	}
	return 0;
}

static int check_value(const struct rpc_param *param, const json_t *value, struct rpc_fault *fault)
{
	switch (param->type) {
	case RPC_STRING:
	case RPC_NAME:
	case RPC_MAC:
	case RPC_ENUM:
	case RPC_VLAN_LIST: return check_string(param, value, fault);
	case RPC_UINT:
	case RPC_VLAN: return check_number(param, value, fault);
	case RPC_ENUMS: return check_words(param, value, fault);
	case RPC_BOOL:
		return json_is_boolean(value) ? 0
		                              : wrong_type(fault, param, "true or false", value);
	case RPC_OBJECT:
		return json_is_object(value) ? 0 : wrong_type(fault, param, "an object", value);
	case RPC_ARRAY:
		return json_is_array(value) ? 0 : wrong_type(fault, param, "an array", value);
	case RPC_NUMBER:
		return json_is_number(value) ? 0 : wrong_type(fault, param, "a number", value);
	case RPC_TYPE_COUNT: break;
	}
	return bad(fault, param, NULL, "has no type");
}

static int unknown_param(const struct rpc_method *method, const char *name, struct rpc_fault *fault)
{
	const struct rpc_param *param;
	const char *words[64];
	char remedy[320] = "it takes: ";
	unsigned n = 0;

	for (param = method->params; param != NULL && param->name != NULL; param++)
		if (!param->local && n < sizeof(words) / sizeof(words[0]) - 1)
			words[n++] = param->name;
	words[n] = NULL;
	list_words(remedy, sizeof(remedy), words);
	fault->param = NULL;
	vsw_fail(&fault->err, VSW_E_INVALID, n > 0 ? remedy : "it takes no parameters",
		"%s has no parameter '%.64s'", method->name, name);
	return -EINVAL;
}

// A flag that says false counts as not given.
static bool is_given(const json_t *params, const char *name)
{
	const json_t *value = json_object_get(params, name);

	return value != NULL && !json_is_false(value);
}

static int check_exclusive(
	const struct rpc_method *method, const json_t *params, struct rpc_fault *fault)
{
	const struct rpc_param *a, *b;
	char text[128];

	for (a = method->params; a->name != NULL; a++) {
		if (a->exclusive == 0 || !is_given(params, a->name))
			continue;
		for (b = a + 1; b->name != NULL; b++) {
			if (b->exclusive != a->exclusive || !is_given(params, b->name))
				continue;
			snprintf(text, sizeof(text), "excludes '%s'", b->name);
			return bad(fault, a, "give one of them", text);
		}
	}
	return 0;
}

int rpc_check_params(const struct rpc_method *method, json_t *params, struct rpc_fault *fault)
{
	const struct rpc_param *param;
	const char *name;
	json_t *value;

	fault->code = RPC_INVALID_PARAMS;
	json_object_foreach (params, name, value) {
		param = rpc_param_find(method, name);
		if (param == NULL)
			return unknown_param(method, name, fault);
		if (check_value(param, value, fault) < 0)
			return -EINVAL;
	}
	if (method->params == NULL)
		return 0;
	for (param = method->params; param->name != NULL; param++)
		if (param->required && json_object_get(params, param->name) == NULL)
			return bad(fault, param, param->help, "is missing");
	return check_exclusive(method, params, fault);
}
