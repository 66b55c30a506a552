/* SPDX-License-Identifier: BSD-3-Clause */
// Events: who gets which, in which order, and what a slow reader loses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <vswitch/control/events.h>
#include <vswitch/control/methods.h>

#define ALL UINT32_MAX

static void count_wake(void *arg)
{
	++*(unsigned *)arg;
}

// The params of the next event, or NULL.
static json_t *next(struct subscriber *sub)
{
	json_t *json, *params;
	size_t len = 0;
	char *line = events_next(sub, &len);

	if (line == NULL)
		return NULL;
	assert_int_equal(strlen(line), len);
	assert_int_equal(line[len - 1], '\n');
	json = json_loads(line, 0, NULL);
	free(line);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "method")), "event");
	assert_null(json_object_get(json, "id"));
	params = json_incref(json_object_get(json, "params"));
	json_decref(json);
	return params;
}

static void expect(struct subscriber *sub, const char *event, const char *port)
{
	json_t *params = next(sub);

	assert_non_null(params);
	assert_string_equal(json_string_value(json_object_get(params, "event")), event);
	if (port != NULL)
		assert_string_equal(json_string_value(json_object_get(params, "port")), port);
	assert_int_equal(strlen(json_string_value(json_object_get(params, "time"))),
		strlen("2026-01-02T03:04:05.678Z"));
	json_decref(params);
}

static void each_gets_what_it_chose(void **)
{
	unsigned all_wakes = 0, link_wakes = 0;
	struct subscriber *all = events_subscribe(ALL, count_wake, &all_wakes);
	struct subscriber *link =
		events_subscribe(1u << rpc_event_index("link-up"), count_wake, &link_wakes);
	uint64_t seq = events_seq();

	events_publish("port-added", json_pack("{s:s}", "port", "a"));
	events_publish("link-up", json_pack("{s:s}", "port", "a"));
	assert_int_equal(events_seq(), seq + 2);
	assert_int_equal(all_wakes, 1);
	assert_int_equal(link_wakes, 1);
	expect(all, "port-added", "a");
	expect(all, "link-up", "a");
	assert_null(next(all));
	expect(link, "link-up", "a");
	assert_null(next(link));
	events_publish("link-up", NULL);
	assert_int_equal(link_wakes, 2);
	events_choose(link, 1u << rpc_event_index("link-down"));
	events_publish("link-up", NULL);
	expect(link, "link-up", NULL);
	assert_null(next(link));
	events_unsubscribe(all);
	events_unsubscribe(link);
}

static void nobody_listens(void **)
{
	uint64_t seq = events_seq();

	events_publish("link-up", json_pack("{s:s}", "port", "a"));
	assert_int_equal(events_seq(), seq + 1);
	events_unsubscribe(NULL);
}

static void fields_cannot_forge_the_envelope(void **)
{
	unsigned wakes = 0;
	struct subscriber *sub = events_subscribe(ALL, count_wake, &wakes);

	events_publish("link-up", json_pack("{s:s, s:s}", "event", "forged", "port", "a"));
	expect(sub, "link-up", "a");
	events_unsubscribe(sub);
}

static void the_oldest_are_lost_and_counted(void **)
{
	unsigned wakes = 0, i;
	struct subscriber *sub = events_subscribe(ALL, count_wake, &wakes);
	uint64_t first = events_seq() + 1;
	json_t *params;

	for (i = 0; i < EVENTS_QUEUE_MAX + 10; i++)
		events_publish("link-up", json_pack("{s:i}", "n", (int)i));
	assert_int_equal(wakes, 1);
	params = next(sub);
	assert_string_equal(json_string_value(json_object_get(params, "event")), "overflow");
	assert_int_equal(json_integer_value(json_object_get(params, "lost")), 10);
	json_decref(params);
	for (i = 10; i < EVENTS_QUEUE_MAX + 10; i++) {
		params = next(sub);
		assert_non_null(params);
		assert_int_equal(json_integer_value(json_object_get(params, "n")), i);
		assert_int_equal(json_integer_value(json_object_get(params, "seq")), first + i);
		json_decref(params);
	}
	assert_null(next(sub));
	events_unsubscribe(sub);
}

static void bytes_are_bounded_too(void **)
{
	unsigned wakes = 0, i, n = 0;
	struct subscriber *sub = events_subscribe(ALL, count_wake, &wakes);
	size_t len, sum = 0;
	char text[60001], *line;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (i = 0; i < 100; i++)
		events_publish("link-down", json_pack("{s:s}", "reason", text));
	while ((line = events_next(sub, &len)) != NULL) {
		sum += len;
		n++;
		free(line);
	}
	assert_true(n > 10 && n < 20); // one of them the overflow
	assert_true(sum < EVENTS_QUEUE_BYTES + 1000);
	events_unsubscribe(sub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_gets_what_it_chose),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(fields_cannot_forge_the_envelope),
		cmocka_unit_test(the_oldest_are_lost_and_counted),
		cmocka_unit_test(bytes_are_bounded_too),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
