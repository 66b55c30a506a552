/* SPDX-License-Identifier: BSD-3-Clause */
#include "control_rpc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	enum control_code code;
	const char *name, *help;
} errors[] = {
	{CONTROL_PARSE_ERROR, "parse-error", "the line is not JSON"},
	{CONTROL_INVALID_REQUEST, "invalid-request",
		"the line is JSON, but not a request of JSON-RPC 2.0"},
	{CONTROL_UNKNOWN_METHOD, "unknown-method", "there is no such method"},
	{CONTROL_INVALID_PARAMS, "invalid-params",
		"a parameter is unknown, missing, ill-typed or out of range; the message names it"},
	{CONTROL_EXISTS, "exists", "a thing of that name is there already"},
	{CONTROL_NOT_FOUND, "not-found", "no thing of that name"},
	{CONTROL_BUSY, "busy", "in use by something else"},
	{CONTROL_REFUSED, "refused", "not in this state of the machine"},
	{CONTROL_INVALID, "invalid", "a value is malformed or out of range"},
	{CONTROL_PERMISSION, "permission", "the caller may not do this"},
	{CONTROL_UNSUPPORTED, "unsupported", "the machine cannot do it"},
	{CONTROL_LIMIT, "limit", "a limit is reached"},
	{CONTROL_INTERNAL, "internal", "a fault of hvhost itself"},
};

#define N_ERRORS (sizeof(errors) / sizeof(errors[0]))

// --- replies ---------------------------------------------------------------------------------

static const char *error_name(enum control_code code)
{
	for (unsigned i = 0; i < N_ERRORS; i++)
		if (errors[i].code == code)
			return errors[i].name;
	return "internal";
}

// Text that was cut to size may end within a character: whatever is no UTF-8 becomes '?'.
json_t *control_text(const char *text)
{
	json_t *json = json_string(text);
	char copy[512];

	if (json != NULL)
		return json;
	snprintf(copy, sizeof(copy), "%s", text);
	for (size_t i = 0; copy[i] != '\0'; i++)
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	return json_string(copy);
}

static char *dump(json_t *reply, size_t *len)
{
	char *text = reply != NULL ? json_dumps(reply, JSON_COMPACT) : NULL, *line = NULL;
	size_t n = text != NULL ? strlen(text) : 0;

	json_decref(reply);
	if (text != NULL)
		line = realloc(text, n + 2);
	if (line == NULL) {
		free(text);
		return NULL;
	}
	line[n] = '\n';
	line[n + 1] = '\0';
	*len = n + 1;
	return line;
}

// id is borrowed; NULL: the request's cannot be known.
static char *error_reply(const json_t *id, const struct control_call *call, size_t *len)
{
	json_t *data = json_object();

	json_object_set_new(data, "name", json_string(error_name(call->code)));
	if (call->param != NULL)
		json_object_set_new(data, "param", control_text(call->param));
	if (call->remedy[0] != '\0')
		json_object_set_new(data, "remedy", control_text(call->remedy));
	return dump(json_pack("{s:s, s:o, s:{s:i, s:o, s:o}}", "jsonrpc", "2.0", "id",
			    id != NULL ? json_deep_copy(id) : json_null(), "error", "code",
			    (int)call->code, "message", control_text(call->why), "data", data),
		len);
}

char *control_rpc_refuse(
	enum control_code code, const char *why, const char *remedy, size_t *reply_len)
{
	struct control_call call = {};

	control_fail(&call, code, remedy, "%s", why);
	return error_reply(NULL, &call, reply_len);
}

int control_fail(
	struct control_call *call, enum control_code code, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(call->why, sizeof(call->why), fmt, ap);
	va_end(ap);
	call->code = code;
	snprintf(call->remedy, sizeof(call->remedy), "%s", remedy != NULL ? remedy : "");
	return -1;
}

// --- requests --------------------------------------------------------------------------------

// Before the parser, which recurses, sees it.
static bool is_too_deep(const char *line, size_t len)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted) {
			if (line[i] == '\\')
				i++;
			else if (line[i] == '"')
				quoted = false;
		} else if (line[i] == '"') {
			quoted = true;
		} else if (line[i] == '{' || line[i] == '[') {
			if (++depth > CONTROL_DEPTH_MAX)
				return true;
		} else if ((line[i] == '}' || line[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static int parse(const char *line, size_t len, json_t **request, struct control_call *call)
{
	json_error_t error;

	if (is_too_deep(line, len))
		return control_fail(call, CONTROL_PARSE_ERROR, NULL,
			"the line is nested more than %u levels deep", CONTROL_DEPTH_MAX);
	*request = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (*request == NULL)
		return control_fail(call, CONTROL_PARSE_ERROR,
			"send one JSON-RPC 2.0 request a line", "the line is not JSON: %.120s",
			error.text);
	return 0;
}

static const json_t *find_id(const json_t *request)
{
	const json_t *id = json_object_get(request, "id");

	return json_is_string(id) || json_is_number(id) || json_is_null(id) ? id : NULL;
}

// The envelope.
static int check_request(const json_t *request, struct control_call *call)
{
	static const char remedy[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"show\"}";
	static const char *const members[] = {"jsonrpc", "id", "method", "params"};
	const enum control_code bad = CONTROL_INVALID_REQUEST;
	const char *key, *version;
	const json_t *value;
	unsigned i;

	if (json_is_array(request))
		return control_fail(
			call, bad, "send one request a line", "batches are not supported");
	if (!json_is_object(request))
		return control_fail(call, bad, remedy, "a request is an object");
	if (json_object_get(request, "id") != NULL && find_id(request) == NULL)
		return control_fail(call, bad, remedy, "'id' must be a string or a number");
	version = json_string_value(json_object_get(request, "jsonrpc"));
	if (version == NULL || strcmp(version, "2.0") != 0)
		return control_fail(call, bad, remedy, "'jsonrpc' must be \"2.0\"");
	if (!json_is_string(json_object_get(request, "method")))
		return control_fail(call, bad, remedy, "'method' must be given, as a string");
	json_object_foreach ((json_t *)request, key, value) {
		for (i = 0; i < 4 && strcmp(key, members[i]) != 0; i++)
			;
		if (i == 4)
			return control_fail(call, bad, "parameters go into 'params'",
				"a request has no member '%.64s'", key);
	}
	return 0;
}

static const struct control_method *find_method(const char *name)
{
	for (const struct control_method *m = control_methods; m->name != NULL; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static int check_value(
	struct control_call *call, const struct control_param *param, const json_t *value)
{
	const enum control_code bad = CONTROL_INVALID_PARAMS;
	const char *text = json_string_value(value);
	uint8_t mac[6];

	call->param = param->name;
	switch (param->type) {
	case CONTROL_BOOL:
		if (!json_is_boolean(value))
			return control_fail(
				call, bad, NULL, "'%s' must be true or false", param->name);
		break;
	case CONTROL_UINT:
		if (!json_is_integer(value) || json_integer_value(value) < 0 ||
			(uint64_t)json_integer_value(value) < param->min ||
			(uint64_t)json_integer_value(value) > param->max)
			return control_fail(call, bad, NULL,
				"'%s' must be a whole number from %llu to %llu", param->name,
				(unsigned long long)param->min, (unsigned long long)param->max);
		break;
	case CONTROL_NAME:
		if (text == NULL || strlen(text) != json_string_length(value) ||
			!control_name_is_valid(text))
			return control_fail(call, bad, NULL,
				"'%s' must be a name: 1 to 63 letters, digits, '.', '_', '-' or "
				"':', not beginning with '-' or '.'",
				param->name);
		break;
	case CONTROL_MAC:
		if (text == NULL || strlen(text) != json_string_length(value) ||
			!control_mac_parse(text, mac))
			return control_fail(call, bad, NULL,
				"'%s' must be the MAC address of one card, as in "
				"02:00:00:00:00:05",
				param->name);
		break;
	}
	call->param = NULL;
	return 0;
}

static const struct control_param *find_param(const struct control_method *method, const char *name)
{
	for (const struct control_param *p = method->params; p->name != NULL; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static int check_params(
	struct control_call *call, const struct control_method *method, const json_t *params)
{
	const struct control_param *param;
	const json_t *value;
	const char *key;

	if (params != NULL && !json_is_object(params))
		return control_fail(call, CONTROL_INVALID_PARAMS, "{\"name\": value, …}",
			"'params' must be an object: parameters are given by name");
	json_object_foreach ((json_t *)params, key, value) {
		param = find_param(method, key);
		if (param == NULL) {
			call->param = key;
			return control_fail(call, CONTROL_INVALID_PARAMS, "see: rpc.discover",
				"%s has no parameter '%.64s'", method->name, key);
		}
		if (check_value(call, param, value) < 0)
			return -1;
	}
	for (param = method->params; param->name != NULL; param++) {
		if (!param->required || json_object_get(params, param->name) != NULL)
			continue;
		call->param = param->name;
		return control_fail(call, CONTROL_INVALID_PARAMS, "see: rpc.discover",
			"%s needs the parameter '%s'", method->name, param->name);
	}
	call->params = params;
	return 0;
}

static int carry_out(struct control_call *call, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "method"));
	const struct control_method *method = find_method(name);

	if (method == NULL)
		return control_fail(call, CONTROL_UNKNOWN_METHOD, "see: rpc.discover",
			"there is no method '%.64s'", name);
	if (check_params(call, method, json_object_get(request, "params")) < 0)
		return -1;
	return method->run(call);
}

char *control_rpc(const struct control_subject *subject, const char *line, size_t len,
	struct control_call *call, size_t *reply_len)
{
	json_t *request = NULL;
	const json_t *id = NULL;
	bool answer = true; // a line that is no request is always answered
	char *reply = NULL;
	int ret;

	*call = (struct control_call){.subject = subject};
	ret = parse(line, len, &request, call);
	if (ret == 0) {
		id = find_id(request);
		ret = check_request(request, call);
	}
	if (ret == 0) {
		answer = id != NULL;
		ret = carry_out(call, request);
		// Without a reply nobody knows where the console begins.
		call->is_console = call->is_console && answer;
	}
	if (ret == 0 && answer)
		reply = dump(
			json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", json_deep_copy(id),
				"result",
				call->result != NULL ? json_incref(call->result) : json_object()),
			reply_len);
	else if (ret < 0 && answer)
		reply = error_reply(id, call, reply_len);
	json_decref(call->result);
	json_decref(request);
	call->result = NULL;
	call->params = NULL;
	call->param = NULL;
	return reply;
}

json_t *control_discover(void)
{
	json_t *methods = json_array(), *codes = json_array();

	for (const struct control_method *m = control_methods; m->name != NULL; m++) {
		json_t *params = json_array();

		for (const struct control_param *p = m->params; p->name != NULL; p++) {
			json_t *param = json_pack("{s:s, s:s, s:b, s:s}", "name", p->name, "type",
				control_type_name(p->type), "required", p->required, "help",
				p->help);

			if (p->type == CONTROL_UINT) {
				json_object_set_new(param, "min", json_integer(p->min));
				json_object_set_new(param, "max", json_integer(p->max));
			}
			json_array_append_new(params, param);
		}
		json_array_append_new(methods, json_pack("{s:s, s:s, s:o}", "name", m->name,
						       "summary", m->summary, "params", params));
	}
	for (unsigned i = 0; i < N_ERRORS; i++)
		json_array_append_new(
			codes, json_pack("{s:i, s:s, s:s}", "code", (int)errors[i].code, "name",
				       errors[i].name, "help", errors[i].help));
	return json_pack("{s:i, s:o, s:o}", "protocol", 1, "methods", methods, "errors", codes);
}
