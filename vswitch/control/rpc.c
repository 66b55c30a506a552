/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/log.h>

// --- replies ---------------------------------------------------------------------------------

// Text that was cut to size may end within a character: whatever is no UTF-8 becomes '?'.
static json_t *text_json(const char *text)
{
	char copy[sizeof(((struct vsw_error *)NULL)->reason)];
	json_t *json = json_string(text);
	size_t i;

	if (json != NULL)
		return json;
	snprintf(copy, sizeof(copy), "%s", text);
	for (i = 0; copy[i] != '\0'; i++)
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	return json_string(copy);
}

static char *with_newline(char *text, size_t *len)
{
	char *line;

	if (text == NULL)
		return NULL;
	*len = strlen(text);
	line = realloc(text, *len + 2);
	if (line == NULL) {
		free(text);
		return NULL;
	}
	line[(*len)++] = '\n';
	line[*len] = '\0';
	return line;
}

static char *dump(json_t *reply, size_t *len)
{
	char *text =
		reply != NULL ? json_dumps(reply, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;

	json_decref(reply);
	return with_newline(text, len);
}

static const char *error_name(int code)
{
	const struct rpc_error *error;

	for (error = rpc_errors; error->name != NULL; error++)
		if (error->code == code)
			return error->name;
	return "internal";
}

// id is borrowed; NULL: the request's id cannot be known.
static char *error_reply(const json_t *id, const struct rpc_fault *fault, size_t *len)
{
	json_t *data = json_object(), *reply;

	json_object_set_new(data, "name", json_string(error_name(fault->code)));
	if (fault->param != NULL)
		json_object_set_new(data, "param", json_string(fault->param));
	if (fault->err.remedy[0] != '\0')
		json_object_set_new(data, "remedy", text_json(fault->err.remedy));
	reply = json_pack("{s:s, s:o, s:{s:i, s:o, s:o}}", "jsonrpc", "2.0", "id",
		id != NULL ? json_deep_copy(id) : json_null(), "error", "code", fault->code,
		"message", text_json(fault->err.reason), "data", data);
	return dump(reply, len);
}

// Not by printf: the result may be a hundred megabytes.
static char *text_reply(const json_t *id, char *result_text, size_t *len)
{
	char *id_text = json_dumps(id, JSON_COMPACT | JSON_ENCODE_ANY), *head = NULL, *line = NULL;
	size_t result_len = strlen(result_text);
	int n = -1;

	if (id_text != NULL)
		n = asprintf(&head, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":", id_text);
	free(id_text);
	if (n >= 0)
		line = malloc(n + result_len + sizeof("}\n"));
	if (line != NULL) {
		memcpy(line, head, n);
		memcpy(line + n, result_text, result_len);
		memcpy(line + n + result_len, "}\n", sizeof("}\n"));
		*len = n + result_len + 2;
	}
	if (n >= 0)
		free(head);
	free(result_text);
	return line;
}

static char *result_reply(const json_t *id, struct rpc_call *call, size_t *len)
{
	if (call->result_text != NULL) {
		json_decref(call->result);
		return text_reply(id, call->result_text, len);
	}
	if (call->result == NULL)
		call->result = json_object();
	return dump(json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", json_deep_copy(id),
			    "result", call->result),
		len);
}

char *rpc_refuse(int code, const char *reason, const char *remedy, size_t *reply_len)
{
	struct rpc_fault fault = {.code = code};

	vsw_fail(&fault.err, VSW_E_INVALID, remedy, "%s", reason);
	return error_reply(NULL, &fault, reply_len);
}

// --- requests --------------------------------------------------------------------------------

__attribute__((format(printf, 4, 5))) static int reject(
	struct rpc_fault *fault, int code, const char *remedy, const char *fmt, ...)
{
	char reason[sizeof(fault->err.reason)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	fault->code = code;
	fault->param = NULL;
	vsw_fail(&fault->err, VSW_E_INVALID, remedy, "%s", reason);
	return -EINVAL;
}

// Before the parser, which recurses, sees it.
static bool is_too_deep(const char *line, size_t len)
{
	unsigned depth = 0;
	bool quoted = false;
	size_t i;

	for (i = 0; i < len; i++) {
		if (quoted) {
			if (line[i] == '\\')
				i++;
			else if (line[i] == '"')
				quoted = false;
		} else if (line[i] == '"') {
			quoted = true;
		} else if (line[i] == '{' || line[i] == '[') {
			if (++depth > RPC_DEPTH_MAX)
				return true;
		} else if ((line[i] == '}' || line[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static int parse(const char *line, size_t len, json_t **request, struct rpc_fault *fault)
{
	json_error_t error;

	if (is_too_deep(line, len))
		return reject(fault, RPC_PARSE_ERROR, NULL,
			"the line is nested more than %u levels deep", RPC_DEPTH_MAX);
	*request = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (*request == NULL)
		return reject(fault, RPC_PARSE_ERROR, "send one JSON-RPC 2.0 request per line",
			"the line is not JSON: %.160s (column %d)", error.text, error.column);
	return 0;
}

// The envelope. *id is NULL for a notification, and also when the id itself is at fault.
static int check_request(const json_t *request, const json_t **id, struct rpc_fault *fault)
{
	static const char *const remedy = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}";
	static const char *const members[] = {"jsonrpc", "id", "method", "params"};
	const char *key, *version;
	const json_t *value;
	unsigned i;

	*id = NULL;
	if (json_is_array(request))
		return reject(fault, RPC_INVALID_REQUEST, "send one request per line",
			"batches are not supported");
	if (!json_is_object(request))
		return reject(fault, RPC_INVALID_REQUEST, remedy, "a request is an object");
	value = json_object_get(request, "id");
	if (value != NULL && !json_is_string(value) && !json_is_number(value) &&
		!json_is_null(value))
		return reject(
			fault, RPC_INVALID_REQUEST, remedy, "'id' must be a string or a number");
	*id = value;
	version = json_string_value(json_object_get(request, "jsonrpc"));
	if (version == NULL || strcmp(version, "2.0") != 0)
		return reject(fault, RPC_INVALID_REQUEST, remedy, "'jsonrpc' must be \"2.0\"");
	if (!json_is_string(json_object_get(request, "method")))
		return reject(
			fault, RPC_INVALID_REQUEST, remedy, "'method' must be given, as a string");
	json_object_foreach ((json_t *)request, key, value) {
		for (i = 0; i < 4; i++)
			if (strcmp(key, members[i]) == 0)
				break;
		if (i == 4)
			return reject(fault, RPC_INVALID_REQUEST, "parameters go into 'params'",
				"a request has no member '%.64s'", key);
	}
	return 0;
}

static int forbid(struct rpc_fault *fault, const char *remedy, const char *reason)
{
	fault->code = VSW_E_PERMISSION;
	fault->param = NULL;
	vsw_fail(&fault->err, VSW_E_PERMISSION, remedy, "%s", reason);
	return -EACCES;
}

static int find_method(
	const json_t *request, size_t len, struct rpc_call *call, struct rpc_fault *fault)
{
	const char *name = json_string_value(json_object_get(request, "method"));
	char reason[200];

	if (call->peer->access == RPC_ACCESS_NONE) {
		snprintf(reason, sizeof(reason), "user %u may not control the switch",
			(unsigned)call->peer->uid);
		return forbid(fault,
			"be root or join the group vswitch, or vswitch-ro to look only", reason);
	}
	call->method = rpc_method_find(name);
	if (call->method == NULL)
		return reject(fault, RPC_UNKNOWN_METHOD, "see: rpc.discover",
			"there is no method '%.64s'", name);
	if (call->method->changes && call->peer->access < RPC_ACCESS_CHANGE) {
		snprintf(reason, sizeof(reason), "user %u may look but not change: %s",
			(unsigned)call->peer->uid, call->method->name);
		return forbid(fault, "be root or join the group vswitch", reason);
	}
	if (len > RPC_LINE_MAX && strcmp(name, "apply-config") != 0)
		return reject(fault, RPC_INVALID_REQUEST, NULL,
			"a request of %s may be %u bytes long, not %zu", call->method->name,
			RPC_LINE_MAX, len);
	return 0;
}

static int check_call(json_t *request, struct rpc_call *call, struct rpc_fault *fault)
{
	json_t *params = json_object_get(request, "params");

	if (params != NULL && !json_is_object(params))
		return reject(fault, RPC_INVALID_PARAMS, "{\"name\": value, …}",
			"'params' must be an object: parameters are given by name");
	call->params = params != NULL ? json_incref(params) : json_object();
	if (rpc_check_params(call->method, call->params, fault) < 0)
		return -EINVAL;
	call->what_if = rpc_bool(call, "what_if");
	return 0;
}

static rpc_handler find_handler(const struct rpc_binding *handlers, const char *name)
{
	for (; handlers->name != NULL; handlers++)
		if (strcmp(handlers->name, name) == 0)
			return handlers->handler;
	return NULL;
}

static void log_change(const struct rpc_call *call, int ret)
{
	const struct rpc_param *param;
	char what[256] = "";
	size_t used = 0;

	for (param = call->method->params; param->name != NULL; param++)
		if (param->position != 0 && rpc_string(call, param->name) != NULL &&
			used < sizeof(what))
			used += snprintf(what + used, sizeof(what) - used, " %s=%s", param->name,
				rpc_string(call, param->name));
	log_info("control", "%s%s%s uid=%u pid=%d result=%s", call->method->name, what,
		call->what_if ? " what_if=true" : "", (unsigned)call->peer->uid,
		(int)call->peer->pid, ret == 0 ? "ok" : call->err.reason);
}

static int execute(
	struct rpc_call *call, const struct rpc_binding *handlers, struct rpc_fault *fault)
{
	rpc_handler handler = find_handler(handlers, call->method->name);
	int ret;

	call->err = (struct vsw_error){};
	if (handler == NULL)
		ret = vsw_fail(&call->err, VSW_E_UNSUPPORTED, "see: rpc.discover",
			"this build cannot do %s", call->method->name);
	else
		ret = handler(call);
	if (call->method->changes)
		log_change(call, ret);
	if (ret == 0)
		return 0;
	if (call->err.code == VSW_OK)
		vsw_fail(&call->err, VSW_E_INTERNAL, NULL, "%s failed: %s", call->method->name,
			strerror(ret < 0 ? -ret : ret));
	fault->code = call->err.code;
	fault->param = NULL;
	fault->err = call->err;
	return ret;
}

char *rpc_handle(const char *line, size_t len, struct rpc_peer *peer,
	const struct rpc_binding *handlers, size_t *reply_len)
{
	struct rpc_call call = {.peer = peer};
	struct rpc_fault fault = {};
	bool answer = true; // a line that is no request is always answered
	const json_t *id = NULL;
	json_t *request = NULL;
	char *reply = NULL;
	int ret;

	ret = parse(line, len, &request, &fault);
	if (ret == 0)
		ret = check_request(request, &id, &fault);
	if (ret == 0) {
		answer = id != NULL;
		ret = find_method(request, len, &call, &fault);
	}
	if (ret == 0)
		ret = check_call(request, &call, &fault);
	if (ret == 0)
		ret = execute(&call, handlers, &fault);
	if (ret == 0 && answer) {
		reply = result_reply(id, &call, reply_len);
		call.result = NULL;
		call.result_text = NULL;
		if (reply == NULL)
			ret = reject(&fault, VSW_E_INTERNAL, NULL, "the result is no JSON");
	}
	if (ret != 0 && answer)
		reply = error_reply(id, &fault, reply_len);
	json_decref(call.result);
	free(call.result_text);
	json_decref(call.params);
	json_decref(request);
	return reply;
}

// --- for handlers ----------------------------------------------------------------------------

bool rpc_has(const struct rpc_call *call, const char *name)
{
	return json_object_get(call->params, name) != NULL;
}

const char *rpc_string(const struct rpc_call *call, const char *name)
{
	return json_string_value(json_object_get(call->params, name));
}

bool rpc_bool(const struct rpc_call *call, const char *name)
{
	return json_is_true(json_object_get(call->params, name));
}

uint64_t rpc_uint(const struct rpc_call *call, const char *name, uint64_t otherwise)
{
	const json_t *value = json_object_get(call->params, name);

	return value != NULL ? (uint64_t)json_integer_value(value) : otherwise;
}
