/* SPDX-License-Identifier: BSD-3-Clause */
// Requests: what is refused, with which code and which words, and what is carried out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/control/rpc.h>
#include <vswitch/log.h>

#define REQ(method, params) \
	"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" method "\",\"params\":" params "}"

static unsigned n_calls;

static int handle_ok(struct rpc_call *call)
{
	n_calls++;
	call->result = json_pack("{s:b}", "what_if", call->what_if);
	return 0;
}

static int handle_nothing(struct rpc_call *)
{
	n_calls++;
	return 0;
}

static int handle_text(struct rpc_call *call)
{
	n_calls++;
	call->result_text = strdup("{\"entries\":[1,2]}");
	return 0;
}

static int handle_fail(struct rpc_call *call)
{
	n_calls++;
	return vsw_fail(&call->err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
		"port '%s' does not exist", rpc_string(call, "port"));
}

static int handle_wordless(struct rpc_call *)
{
	return -5;
}

// A reason cut within a character
static int handle_cut(struct rpc_call *call)
{
	return vsw_fail(&call->err, VSW_E_DEVICE, NULL, "caf\xc3");
}

static const struct rpc_binding handlers[] = {
	{"version", handle_ok},
	{"add-port", handle_ok},
	{"add-switch", handle_ok},
	{"set-port", handle_ok},
	{"show-stats", handle_ok},
	{"subscribe", handle_ok},
	{"add-fdb", handle_ok},
	{"apply-config", handle_ok},
	{"list-ports", handle_nothing},
	{"show-fdb", handle_text},
	{"del-port", handle_fail},
	{"show-workers", handle_wordless},
	{"list-nics", handle_cut},
	{"rpc.discover", rpc_discover},
	{},
};

static char *handle_as(const char *line, size_t len, enum rpc_access access)
{
	struct rpc_peer peer = {.access = access, .uid = 1234};
	size_t reply_len = 0;
	char *reply = rpc_handle(line, len, &peer, handlers, &reply_len);

	if (reply != NULL) {
		assert_int_equal(strlen(reply), reply_len);
		assert_int_equal(reply[reply_len - 1], '\n');
		assert_ptr_equal(strchr(reply, '\n'), reply + reply_len - 1);
	}
	return reply;
}

static char *handle(const char *line)
{
	return handle_as(line, strlen(line), RPC_ACCESS_CHANGE);
}

static json_t *reply_json(char *reply)
{
	json_t *json;

	assert_non_null(reply);
	json = json_loads(reply, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "jsonrpc")), "2.0");
	free(reply);
	return json;
}

// The error's code, and words that its message must contain.
static void expect_error(char *reply, int code, const char *words)
{
	json_t *json = reply_json(reply), *error = json_object_get(json, "error");
	const char *message = json_string_value(json_object_get(error, "message"));

	assert_null(json_object_get(json, "result"));
	assert_non_null(message);
	if (json_integer_value(json_object_get(error, "code")) != code ||
		strstr(message, words) == NULL)
		fail_msg("wanted %d '%s', got %d '%s'", code, words,
			(int)json_integer_value(json_object_get(error, "code")), message);
	assert_non_null(json_object_get(json_object_get(error, "data"), "name"));
	json_decref(json);
}

static void bad_lines_are_refused(void **)
{
	static const struct {
		const char *line;
		int code;
		const char *words;
	} cases[] = {
		{"garbage", -32700, "not JSON"},
		{"{\"jsonrpc\":\"2.0\",", -32700, "not JSON"},
		{"{\"a\":1,\"a\":2}", -32700, "duplicate"},
		{"{\"a\":\"\xff\"}", -32700, "not JSON"},
		{"{\"a\":\"\\u0000\"}", -32700, "not JSON"},
		{"{\"a\":123456789012345678901234567890}", -32700, "not JSON"},
		{"17", -32600, "object"},
		{"\"version\"", -32600, "object"},
		{"null", -32600, "object"},
		{"[]", -32600, "batches"},
		{"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}]", -32600, "batches"},
		{"{}", -32600, "jsonrpc"},
		{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"version\"}", -32600, "jsonrpc"},
		{"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"version\"}", -32600, "jsonrpc"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1}", -32600, "method"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}", -32600, "method"},
		{"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"version\"}", -32600, "id"},
		{"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"version\"}", -32600, "id"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\",\"param\":{}}", -32600,
			"param"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fly\"}", -32601, "fly"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", -32601, "method"},
	};
	unsigned i;

	n_calls = 0;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_error(handle(cases[i].line), cases[i].code, cases[i].words);
	assert_int_equal(n_calls, 0);
}

static void a_nul_byte_is_no_end(void **)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}\0x";

	expect_error(handle_as(line, sizeof(line) - 1, RPC_ACCESS_CHANGE), -32700, "not JSON");
}

static void deep_nesting_is_refused(void **)
{
	char line[200000];

	memset(line, '[', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	expect_error(handle(line), -32700, "nested");
	// Brackets in strings are no nesting
	snprintf(line, sizeof(line), REQ("add-port", "{\"ifname\":\"%s\\\"[\"}"),
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
	expect_error(handle(line), -32602, "ifname");
}

static void bad_parameters_are_named(void **)
{
	static const struct {
		const char *line;
		const char *words;
	} cases[] = {
		{REQ("version", "[]"), "'params' must be an object"},
		{REQ("version", "null"), "'params' must be an object"},
		{REQ("version", "{\"x\":1}"), "'x'"},
		{REQ("show-stats", "{\"watch\":true}"), "'watch'"}, // vswitchctl's own
		{REQ("add-switch", "{}"), "'name' is missing"},
		{REQ("add-switch", "{\"name\":5}"), "'name' must be a string, not a whole number"},
		{REQ("add-switch", "{\"name\":null}"), "'name' must be a string, not null"},
		{REQ("add-switch", "{\"name\":\"\"}"), "'name' is empty"},
		{REQ("add-switch", "{\"name\":\"a b\"}"), "'name' is malformed"},
		{REQ("add-switch", "{\"name\":\"-a\"}"), "'name' is malformed"},
		{REQ("add-switch", "{\"name\":\"a\\u0007\"}"), "'name' contains control"},
		{REQ("add-switch",
			 "{\"name\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			 "aaaaa\"}"),
			"'name' is malformed"},
		{REQ("add-switch", "{\"name\":\"a\",\"type\":\"public\"}"),
			"'type' cannot be 'public'"},
		{REQ("add-switch", "{\"name\":\"a\",\"ageing\":-1}"), "'ageing' is out of range"},
		{REQ("add-switch", "{\"name\":\"a\",\"ageing\":1.5}"),
			"'ageing' must be a whole number"},
		{REQ("add-switch", "{\"name\":\"a\",\"ageing\":\"60\"}"),
			"'ageing' must be a whole number, not a string"},
		{REQ("add-switch", "{\"name\":\"a\",\"mac_limit\":0}"),
			"'mac_limit' is out of range: 0"},
		{REQ("add-switch", "{\"name\":\"a\",\"may_exist\":1}"),
			"'may_exist' must be true or false"},
		{REQ("add-switch", "{\"name\":\"a\",\"what_if\":\"yes\"}"), "'what_if'"},
		{REQ("set-port", "{\"port\":\"a\",\"mtu\":67}"), "'mtu' is out of range: 67"},
		{REQ("set-port", "{\"port\":\"a\",\"mtu\":9217}"), "'mtu' is out of range: 9217"},
		{REQ("set-port", "{\"port\":\"a\",\"access_vlan\":0}"),
			"'access_vlan' is out of range: 0"},
		{REQ("set-port", "{\"port\":\"a\",\"access_vlan\":4095}"),
			"'access_vlan' is out of range: 4095"},
		{REQ("set-port", "{\"port\":\"a\",\"native_vlan\":4095}"), "'native_vlan'"},
		{REQ("set-port", "{\"port\":\"a\",\"trunk_vlans\":\"10-\"}"), "'trunk_vlans'"},
		{REQ("set-port", "{\"port\":\"a\",\"trunk_vlans\":\"4095\"}"), "'trunk_vlans'"},
		{REQ("set-port", "{\"port\":\"a\",\"mac\":\"02:00\"}"), "'mac' is no MAC address"},
		{REQ("set-port", "{\"port\":\"a\",\"untagged\":true,\"access_vlan\":5}"),
			"'untagged' excludes 'access_vlan'"},
		{REQ("add-port", "{\"switch\":\"a\",\"port\":\"b\"}"), "'type' is missing"},
		{REQ("add-port",
			 "{\"switch\":\"a\",\"port\":\"b\",\"type\":\"tap\",\"queues\":65}"),
			"'queues' is out of range"},
		{REQ("add-port", "{\"switch\":\"a\",\"port\":\"b\",\"type\":\"tap\",\"ifname\":"
				 "\"sixteencharacter\"}"),
			"'ifname' is longer than 15"},
		{REQ("add-fdb", "{\"switch\":\"a\",\"mac\":\"zz:00:00:00:00:01\",\"port\":\"b\"}"),
			"'mac' is no MAC address"},
		{REQ("subscribe", "{\"events\":\"link-up\"}"), "'events' must be an array"},
		{REQ("subscribe", "{\"events\":[]}"), "'events' is empty"},
		{REQ("subscribe", "{\"events\":[1]}"), "'events' must be an array of strings"},
		{REQ("subscribe", "{\"events\":[\"link-up\",\"dawn\"]}"),
			"'events' cannot be 'dawn'"},
		{REQ("apply-config", "{\"config\":[]}"), "'config' must be an object"},
		{REQ("apply-config", "{}"), "'config' is missing"},
	};
	unsigned i;

	n_calls = 0;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_error(handle(cases[i].line), -32602, cases[i].words);
	assert_int_equal(n_calls, 0);
}

static void fault_tells_parameter_and_remedy(void **)
{
	json_t *json = reply_json(handle(REQ("set-port", "{\"port\":\"a\",\"mtu\":1}")));
	json_t *data = json_object_get(json_object_get(json, "error"), "data");

	assert_int_equal(json_integer_value(json_object_get(json, "id")), 7);
	assert_string_equal(json_string_value(json_object_get(data, "name")), "invalid-params");
	assert_string_equal(json_string_value(json_object_get(data, "param")), "mtu");
	assert_string_equal(json_string_value(json_object_get(data, "remedy")), "give 68 to 9216");
	json_decref(json);
}

static void good_requests_are_carried_out(void **)
{
	static const char *const lines[] = {
		REQ("version", "{}"),
		"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"version\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"version\"}",
		"  {\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"version\"}\r",
		REQ("set-port", "{\"port\":\"a\",\"untagged\":false,\"access_vlan\":4094}"),
		REQ("set-port", "{\"port\":\"a\",\"trunk_vlans\":\"all\",\"native_vlan\":0}"),
		REQ("subscribe", "{\"events\":[\"link-up\"]}"),
		REQ("apply-config", "{\"config\":{\"anything\":[{}]}}"),
	};
	json_t *json;
	unsigned i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json = reply_json(handle(lines[i]));
		if (json_object_get(json, "result") == NULL)
			fail_msg("%s", lines[i]);
		json_decref(json);
	}
}

static void ids_come_back_as_they_were(void **)
{
	char *reply = handle("{\"jsonrpc\":\"2.0\",\"id\":\"a\\n\",\"method\":\"list-ports\"}");

	assert_string_equal(reply, "{\"jsonrpc\":\"2.0\",\"id\":\"a\\n\",\"result\":{}}\n");
	free(reply);
	reply = handle("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"show-fdb\","
		       "\"params\":{\"switch\":\"a\"}}");
	assert_string_equal(
		reply, "{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{\"entries\":[1,2]}}\n");
	free(reply);
}

static void notifications_are_not_answered(void **)
{
	n_calls = 0;
	assert_null(handle("{\"jsonrpc\":\"2.0\",\"method\":\"version\"}"));
	assert_int_equal(n_calls, 1);
	assert_null(handle(
		"{\"jsonrpc\":\"2.0\",\"method\":\"show-fdb\",\"params\":{\"switch\":\"a\"}}"));
	assert_int_equal(n_calls, 2);
	assert_null(handle("{\"jsonrpc\":\"2.0\",\"method\":\"no-such\"}"));
	assert_null(handle(
		"{\"jsonrpc\":\"2.0\",\"method\":\"del-port\",\"params\":{\"port\":\"a\"}}"));
	assert_int_equal(n_calls, 3);
}

static void failures_are_told(void **)
{
	json_t *json = reply_json(handle(REQ("del-port", "{\"port\":\"web1\"}")));
	json_t *error = json_object_get(json, "error");

	assert_int_equal(json_integer_value(json_object_get(error, "code")), 1002);
	assert_string_equal(
		json_string_value(json_object_get(error, "message")), "port 'web1' does not exist");
	error = json_object_get(error, "data");
	assert_string_equal(json_string_value(json_object_get(error, "name")), "not-found");
	assert_string_equal(
		json_string_value(json_object_get(error, "remedy")), "see: vswitchctl list-ports");
	json_decref(json);
	expect_error(handle(REQ("show-workers", "{}")), 1011, "show-workers");
	expect_error(handle(REQ("list-nics", "{}")), 1010, "caf?");
	expect_error(handle(REQ("flush-fdb", "{\"switch\":\"a\"}")), 1007, "flush-fdb");
}

static void rights_are_held(void **)
{
	static const char look[] = REQ("list-ports", "{}");
	static const char change[] = REQ("del-port", "{\"port\":\"a\"}");
	static const char unknown[] = REQ("fly", "{}");

	n_calls = 0;
	expect_error(handle_as(look, strlen(look), RPC_ACCESS_NONE), 1006, "user 1234");
	expect_error(handle_as(change, strlen(change), RPC_ACCESS_NONE), 1006, "user 1234");
	expect_error(handle_as(unknown, strlen(unknown), RPC_ACCESS_NONE), 1006, "user 1234");
	expect_error(handle_as(change, strlen(change), RPC_ACCESS_READ), 1006, "del-port");
	assert_int_equal(n_calls, 0);
	free(handle_as(look, strlen(look), RPC_ACCESS_READ));
	assert_int_equal(n_calls, 1);
	expect_error(handle_as(change, strlen(change), RPC_ACCESS_CHANGE), 1002, "does not exist");
	assert_int_equal(n_calls, 2);
}

static void only_documents_may_be_long(void **)
{
	static char line[RPC_LINE_MAX + 300];
	const size_t len = RPC_LINE_MAX + 100;
	size_t n;

	n = sprintf(line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"");
	memset(line + n, ' ', len);
	strcpy(line + n + len, "}");
	expect_error(handle(line), -32600, "version");
	n = sprintf(line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"apply-config\",\"params\":{"
			  "\"config\":{}}");
	memset(line + n, ' ', len);
	strcpy(line + n + len, "}");
	json_decref(reply_json(handle(line)));
}

static void discover_tells_the_table(void **)
{
	json_t *json = reply_json(handle(REQ("rpc.discover", "{}"))), *result, *method;
	const struct rpc_method *next = NULL;
	unsigned n = 0;

	result = json_object_get(json, "result");
	assert_int_equal(json_integer_value(json_object_get(result, "protocol")), 1);
	while ((next = rpc_method_next(next)) != NULL) {
		method = json_array_get(json_object_get(result, "methods"), n++);
		assert_string_equal(json_string_value(json_object_get(method, "name")), next->name);
		assert_int_equal(json_is_true(json_object_get(method, "changes")), next->changes);
		assert_true(json_is_array(json_object_get(method, "params")));
		assert_true(json_array_size(json_object_get(method, "result")) > 0);
	}
	assert_int_equal(json_array_size(json_object_get(result, "methods")), n);
	assert_true(json_array_size(json_object_get(result, "errors")) == 15);
	assert_true(json_array_size(json_object_get(result, "events")) == 16);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_lines_are_refused),
		cmocka_unit_test(a_nul_byte_is_no_end),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(bad_parameters_are_named),
		cmocka_unit_test(fault_tells_parameter_and_remedy),
		cmocka_unit_test(good_requests_are_carried_out),
		cmocka_unit_test(ids_come_back_as_they_were),
		cmocka_unit_test(notifications_are_not_answered),
		cmocka_unit_test(failures_are_told),
		cmocka_unit_test(rights_are_held),
		cmocka_unit_test(only_documents_may_be_long),
		cmocka_unit_test(discover_tells_the_table),
	};

	log_set_level(LOG_LVL_ERROR);
	return cmocka_run_group_tests_name("rpc", tests, NULL, NULL);
}
