/* SPDX-License-Identifier: BSD-3-Clause */
// A snapshot's file may hold anything: what is not as the kernel tells it is refused, with a
// reason. (Numbers in it are in this machine's order of bytes: little endian here.)
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vswitch/takeover/hex.h>
#include <vswitch/takeover/snapshot.h>

static const char base[] =
	"{\"version\":1,\"boot_id\":\"b\",\"boot_seconds\":5,\"real_seconds\":6,\"ifindex\":3,"
	"\"link\":{\"name\":\"eno2\",\"kind\":\"\",\"qdisc\":\"\",\"alias\":\"\","
	"\"mac\":\"020000000001\",\"token\":\"00000000000000000000000000000077\",\"mtu\":1500,"
	"\"txqueuelen\":1000,\"group\":0,\"flags\":4097,"
	"\"altnames\":[\"enp0s5\"]},\"links\":[\"eno3\"],"
	"\"addresses\":[{\"header\":\"0218000000000000\",\"attributes\":[[1,\"0a4d0002\"],"
	"[2,\"0a4d0002\"],[3,\"3a3100\"],[8,\"00000000\"]]}],"
	"\"nexthops\":[{\"header\":\"0200000000000000\",\"attributes\":[[1,\"05000000\"],"
	"[5,\"00000000\"],[6,\"0a4d0001\"]]}],"
	"\"routes\":[{\"header\":\"021800000003000100000000\",\"attributes\":[[15,\"fe000000\"],"
	"[1,\"0a4d0900\"],[8,\"08000200dc050000\"],"
	"[9,\"1000000000000000080005000a4d0001\"]]}],"
	"\"neighbours\":[{\"header\":\"020000000000000080000000\",\"attributes\":["
	"[1,\"0a4d0007\"],[2,\"020000000007\"]]}],"
	"\"rules\":[{\"header\":\"020000000000000100000000\",\"attributes\":[[6,\"e8030000\"],"
	"[3,\"00\"],[15,\"64000000\"]]}],"
	"\"sysctls\":{\"ipv4/conf\":{\"rp_filter\":\"2\"},\"ipv6/conf\":{},\"ipv4/neigh\":{},"
	"\"ipv6/neigh\":{}},\"multicast\":[\"333300001111\"],\"left\":[\"member of br0\"]}";

// The base with the first occurrence of one text replaced by another.
static struct host_snapshot *unpack_with(const char *from, const char *to, struct vsw_error *err)
{
	char text[2 * sizeof(base)];
	const char *at = strstr(base, from);
	struct host_snapshot *snapshot;
	json_t *json;

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (json == NULL)
		fail_msg("no JSON: %s", text);
	snapshot = host_snapshot_unpack(json, err);
	json_decref(json);
	return snapshot;
}

static void test_reads_what_it_writes(void **)
{
	struct vsw_error err = {};
	struct host_snapshot *snapshot = unpack_with("eno2", "eno2", &err), *again;
	json_t *one, *two;

	if (snapshot == NULL)
		fail_msg("%s", err.reason);
	for (unsigned kind = 0; kind < HOST_N_KINDS; kind++)
		assert_int_equal(snapshot->records[kind].n, 1);
	one = host_snapshot_pack(snapshot);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(one, "routes"), 0), "text")),
		"route add 10.77.9.0/24 nexthop via 10.77.0.1 dev eno2 weight 1 mtu 1500");
	again = host_snapshot_unpack(one, &err);
	assert_non_null(again);
	two = host_snapshot_pack(again);
	assert_true(json_equal(one, two));
	json_decref(one);
	json_decref(two);
	host_snapshot_destroy(snapshot);
	host_snapshot_destroy(again);
}

static void test_names_need_not_be_utf8(void **)
{
	static const char name[] = "caf\xe9", plain[] = "eno2";
	json_t *packed = text_pack(name);
	char back[8];

	assert_non_null(packed);
	assert_int_equal(text_unpack(packed, back, sizeof(back)), 0);
	assert_string_equal(back, name);
	assert_int_equal(text_unpack(packed, back, sizeof(name) - 1), -1);
	json_decref(packed);
	packed = text_pack(plain);
	assert_string_equal(json_string_value(packed), plain);
	json_decref(packed);
}

static void test_refuses_what_no_kernel_told(void **)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"\"version\":1", "\"version\":2"},
		{"\"boot_seconds\":5", "\"boot_seconds\":-5"},
		{"\"real_seconds\":6", "\"real_seconds\":9223372036854775807"},
		{"\"ifindex\":3", "\"ifindex\":4294967296"},
		{"\"name\":\"eno2\"", "\"name\":\"../all\""},
		{"\"name\":\"eno2\"", "\"name\":\"..\""},
		{"\"name\":\"eno2\"", "\"name\":\"\""},
		{"\"name\":\"eno2\"", "\"name\":\"eno2eno2eno2eno2\""},
		{"\"name\":\"eno2\"", "\"name\":\"\\u00012e2e2f61\""},
		{"\"name\":\"eno2\"", "\"name\":\"\\u00016100\""}, // with a zero in it
		{"\"mac\":\"02", "\"mac\":\"zz"},
		{"\"token\":\"00", "\"token\":\""},
		{"\"mtu\":1500", "\"mtu\":-1"},
		{"\"mtu\":1500", "\"mtu\":\"1500\""},
		{"\"flags\":4097", "\"flags\":4099"}, // BROADCAST is the driver's
		{"enp0s5", "enp 0s5"},
		{"\"links\":[\"eno3\"]", "\"links\":[\"a/b\"]"},
		{"\"links\":[\"eno3\"]", "\"links\":{}"},
		// addresses
		{"\"addresses\":[{", "\"addresses\":[7,{"},
		{"0218000000000000", "02180000000000"},
		{"0218000000000000", "0221000000000000"}, // a prefix of 33
		{"0218000000000000", "0218000003000000"}, // an ifindex
		{"0218000000000000", "1118000000000000"}, // another family
		{"[2,\"0a4d0002\"]", "[2,\"0a4d00\"]"},
		{"[2,\"0a4d0002\"]", "[1,\"0a4d0002\"]"}, // twice
		{"[2,\"0a4d0002\"]", "[77,\"0a4d0002\"]"},
		{"[2,\"0a4d0002\"]", "[-1,\"0a4d0002\"]"},
		{"[2,\"0a4d0002\"]", "[32769,\"0a4d0002\"]"},
		{"[2,\"0a4d0002\"]", "[2]"},
		{"[3,\"3a3100\"]", "[3,\"3a31\"]"}, // no end
		{"[3,\"3a3100\"]", "[3,\"3a003100\"]"},
		{"[3,\"3a3100\"]", "[6,\"0000\"]"},
		{",[8,\"00000000\"]", ""}, // no flags
		// next hops
		{"[5,\"00000000\"]", "[5,\"02000000\"]"}, // an interface that is not in there
		{"[1,\"05000000\"]", "[1,\"00000000\"]"},
		{"[5,\"00000000\"]", "[2,\"0500000000\"]"},
		// routes
		{"021800000003000100000000", "0218000000030001ffffffff"},
		{"021800000003000100000000", "02180000000300ff00000000"},
		{"021800000003000100000000", "02180000fe03000100000000"},
		{"[15,\"fe000000\"],[1", "[1"},
		{"[1,\"0a4d0900\"],[8", "[8"},
		{"08000200dc050000", "08000200dc05"},
		{"08000200dc050000", "0800ff00dc050000"},
		{"08000200dc050000", "ffff0200dc050000"},
		{"1000000000000000080005000a4d0001", "ff00000000000000080005000a4d0001"},
		{"1000000000000000080005000a4d0001", "0000000000000000080005000a4d0001"},
		{"1000000000000000080005000a4d0001", "1000000002000000080005000a4d0001"},
		{"1000000000000000080005000a4d0001", "10000000ffffffff080005000a4d0001"},
		{"1000000000000000080005000a4d0001", "1000000000000000090005000a4d0001"},
		{"1000000000000000080005000a4d0001", "1000000000000000080055000a4d0001"},
		{"1000000000000000080005000a4d0001", "100000000000000008000500"},
		{"[9,\"1000000000000000080005000a4d0001\"]", "[9,\"\"]"},
		{"[9,\"1000000000000000080005000a4d0001\"]", "[30,\"05000000\"],[4,\"00000000\"]"},
		// neighbours and rules
		{"020000000000000080000000", "020000000000000002000000"},
		{"020000000000000080000000", "020000000300000080000000"},
		{"[2,\"020000000007\"]", "[2,\"\"]"},
		{"[3,\"00\"]", "[3,\"6c6f00\"]"}, // names another interface only
		{"020000000000000100000000", "0200000000000001000000ff"},
		{"020000000000000100000000", "022000000000000100000000"},
		// the rest
		{"rp_filter", "../rp_filter"},
		{"rp_filter", "RP"},
		{"\"rp_filter\":\"2\"", "\"rp_filter\":\"\""},
		{"\"rp_filter\":\"2\"", "\"rp_filter\":2"},
		{"\"rp_filter\":\"2\"", "\"rp_filter\":\"2\\n3\""},
		{"\"ipv6/neigh\":{}", "\"ipv6/neigh\":[]"},
		{"333300001111", "3333000011"},
		{"333300001111", "323300001111"}, // one station's
		{"\"left\":[\"member of br0\"]", "\"left\":[0]"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vsw_error err = {};
		struct host_snapshot *snapshot = unpack_with(cases[i].from, cases[i].to, &err);

		if (snapshot != NULL)
			fail_msg("case %zu: took %s for %s", i, cases[i].to, cases[i].from);
		assert_int_equal(err.code, VSW_E_INVALID);
		assert_non_null(strstr(err.reason, "damaged: "));
	}
}

static void test_refuses_what_is_no_document(void **)
{
	static const char *const texts[] = {"{}", "[]", "{\"version\":1}"};

	assert_null(host_snapshot_unpack(NULL, NULL));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *json = json_loads(texts[i], 0, NULL);
		struct vsw_error err = {};

		assert_null(host_snapshot_unpack(json, &err));
		assert_int_equal(err.code, VSW_E_INVALID);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_it_writes),
		cmocka_unit_test(test_names_need_not_be_utf8),
		cmocka_unit_test(test_refuses_what_no_kernel_told),
		cmocka_unit_test(test_refuses_what_is_no_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
