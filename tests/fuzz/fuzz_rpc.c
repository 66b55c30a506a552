/* SPDX-License-Identifier: BSD-3-Clause */
// Lines of any content through the parser of requests and the method table. Handlers only look
// at what they were given: it must be what the table says. Every reply must be one line of
// JSON with the request's id, and either a result or an error with a known code.
//
// Input: lines. Each is sent by somebody who may change and by somebody who may only look.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/control/rpc.h>
#include <vswitch/control/syntax.h>
#include <vswitch/log.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool held)
{
	if (!held)
		abort();
}

static void check_value(const struct rpc_param *param, const json_t *value)
{
	uint64_t number, vlans[64];
	const char *text;
	uint8_t mac[6];

	switch (param->type) {
	case RPC_BOOL: require(json_is_boolean(value)); break;
	case RPC_OBJECT: require(json_is_object(value)); break;
	case RPC_ENUMS: require(json_array_size(value) > 0); break;
	case RPC_UINT:
	case RPC_VLAN:
		number = json_integer_value(value);
		require(json_is_integer(value) && number >= param->min && number <= param->max);
		break;
	default:
		text = json_string_value(value);
		require(text != NULL && text[0] != '\0');
		require(param->max == 0 || strlen(text) <= param->max);
		require(param->type != RPC_MAC || mac_parse(text, mac) == 0);
		require(param->type != RPC_ENUM || word_index(param->values, text) >= 0);
		require(param->type != RPC_NAME || name_check(text, "name", NULL) == 0);
		require(param->type != RPC_VLAN_LIST || vlan_list_parse(text, vlans, NULL) == 0);
	}
}

static int look(struct rpc_call *call)
{
	const struct rpc_param *param;
	const char *name;
	json_t *value;

	require(!call->method->changes || call->peer->access == RPC_ACCESS_CHANGE);
	for (param = call->method->params; param != NULL && param->name != NULL; param++)
		require(!param->required || rpc_has(call, param->name));
	json_object_foreach (call->params, name, value) {
		param = rpc_param_find(call->method, name);
		require(param != NULL);
		check_value(param, value);
	}
	if (rpc_bool(call, "force"))
		return vsw_fail(&call->err, VSW_E_REFUSED, "remedy", "%.40s", "reason");
	if (rpc_bool(call, "drops"))
		call->result_text = strdup("[]");
	else
		call->result = json_incref(call->params);
	return 0;
}

static const struct rpc_binding *handlers(void)
{
	static struct rpc_binding table[64];
	const struct rpc_method *method = NULL;
	unsigned n = 0;

	if (table[0].name == NULL)
		while ((method = rpc_method_next(method)) != NULL)
			table[n++] = (struct rpc_binding){method->name,
				strcmp(method->name, "rpc.discover") == 0 ? rpc_discover : look};
	return table;
}

static bool is_known(json_int_t code)
{
	const struct rpc_error *error;

	for (error = rpc_errors; error->name != NULL; error++)
		if (error->code == code)
			return true;
	return false;
}

static void check_reply(const char *reply, size_t len)
{
	json_t *json, *error;

	require(strlen(reply) == len && len > 0);
	require(strchr(reply, '\n') == reply + len - 1);
	json = json_loadb(reply, len, JSON_REJECT_DUPLICATES, NULL);
	require(json != NULL && json_object_size(json) == 3);
	require(json_object_get(json, "id") != NULL);
	error = json_object_get(json, "error");
	require((error == NULL) != (json_object_get(json, "result") == NULL));
	if (error != NULL) {
		require(is_known(json_integer_value(json_object_get(error, "code"))));
		require(json_string_length(json_object_get(error, "message")) > 0);
		require(json_is_object(json_object_get(error, "data")));
	}
	json_decref(json);
}

static void send_line(const char *line, size_t len, enum rpc_access access)
{
	struct rpc_peer peer = {.access = access};
	size_t reply_len = 0;
	char *reply = rpc_handle(line, len, &peer, handlers(), &reply_len);

	if (reply != NULL)
		check_reply(reply, reply_len);
	free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data, *end;
	size_t len;

	log_set_level(LOG_LVL_ERROR);
	for (;;) {
		end = memchr(line, '\n', size);
		len = end != NULL ? (size_t)(end - line) : size;
		send_line(line, len, RPC_ACCESS_CHANGE);
		send_line(line, len, RPC_ACCESS_READ);
		if (end == NULL)
			return 0;
		size -= len + 1;
		line = end + 1;
	}
}
