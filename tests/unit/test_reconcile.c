/* SPDX-License-Identifier: BSD-3-Clause */
// The running switch follows the configuration, and a change that fails at any step has not
// happened: not live, not in memory, not on disk.
#include "config_fixture.h"

#include "fake_live.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <vswitch/control/reconcile.h>
#include <vswitch/control/state.h>

static char dir[64];

static int start(void **)
{
	strcpy(dir, "/dev/shm/vswitch-test-XXXXXX");
	if (mkdtemp(dir) == NULL) {
		strcpy(dir, "/tmp/vswitch-test-XXXXXX");
		if (mkdtemp(dir) == NULL)
			return -1;
	}
	fake_reset();
	config_set_live(&fake_ops);
	return config_restore(dir, &err);
}

static int stop(void **)
{
	char path[128];

	config_close();
	config_destroy(fake);
	fake = NULL;
	snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE);
	unlink(path);
	return rmdir(dir);
}

// As kill -9 and a new start.
static void restart(void)
{
	config_close();
	fake_reset();
	assert_done(config_restore(dir, &err));
}

static void assert_same(const struct config *a, const struct config *b)
{
	char *text_a = text_of(a), *text_b = text_of(b);

	assert_string_equal(text_a, text_b);
	free(text_a);
	free(text_b);
}

static void assert_nothing_prepared(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE_NEXT);
	assert_int_not_equal(access(path, F_OK), 0);
}

static int change(struct config *next, bool what_if, bool *changed)
{
	json_t *actions = NULL;
	int ret = config_apply_change(next, what_if, &actions, changed, &err);

	if (ret == 0)
		assert_int_equal(*changed, json_array_size(actions) > 0);
	else
		assert_null(actions);
	json_decref(actions);
	return ret;
}

static struct config *edit(void)
{
	struct config *next = config_copy(config_current());

	assert_non_null(next);
	return next;
}

static void put(struct config *next)
{
	bool changed;

	assert_done(change(next, false, &changed));
	assert_true(changed);
	assert_same(fake, config_current());
}

static struct config *sample(void)
{
	struct config *next = edit();

	assert_done(add_switch(next, "lan", SWITCH_EXTERNAL));
	assert_done(add_switch(next, "lab", SWITCH_INTERNAL));
	assert_done(add_port(next, "lan", "web1", PORT_TAP));
	assert_done(add_port(next, "lan", "web2", PORT_TAP));
	assert_done(add_port(next, "lab", "web3", PORT_VHOST));
	assert_done(bind(next, "lan", "eth0", 1));
	assert_done(add_fdb(next, "lan", 0, 1, "web1"));
	assert_done(add_fdb(next, "lan", 10, 2, "web2"));
	return next;
}

// A change with an action of every kind.
static struct config *everything(void)
{
	struct config *next = edit();
	struct port_config to = {.mtu = 9000, .mac = {2, 0, 0, 0, 9, 9}};
	struct switch_config sw = {.ageing_s = 5};

	assert_done(config_del_port(next, "web2", false, &err));
	assert_done(config_unbind_nic(next, "eth0", false, &err));
	assert_done(config_set_port(next, "web1", &to, SET_MTU | SET_MAC, &err));
	assert_done(config_rename_port(next, "web1", "www", &err));
	assert_done(config_set_switch(next, "lan", &sw, SET_AGEING, &err));
	assert_done(add_switch(next, "new", SWITCH_PRIVATE));
	assert_done(config_move_port(next, "web3", "new", &err));
	assert_done(config_del_switch(next, "lab", false, false, &err));
	assert_done(add_port(next, "lan", "web4", PORT_TAP));
	assert_done(add_port(next, "new", "web2", PORT_TAP));
	assert_done(add_fdb(next, "new", 0, 3, "web3"));
	return next;
}

static void change_is_live_and_survives(void **)
{
	put(sample());
	put(everything());
	restart();
	assert_int_equal(config_current()->n_ports, 4);
	assert_same(fake, config_current());
}

static void what_if_does_nothing(void **)
{
	bool changed;
	unsigned steps;

	put(sample());
	steps = fake_steps;
	assert_done(change(everything(), true, &changed));
	assert_true(changed);
	assert_int_equal(fake_steps, steps);
	assert_same(fake, config_current());
	assert_non_null(config_find_port(config_current(), "web1"));
}

static void nothing_to_do_is_not_a_change(void **)
{
	bool changed;
	unsigned steps;

	put(sample());
	steps = fake_steps;
	assert_done(change(edit(), false, &changed));
	assert_false(changed);
	assert_int_equal(fake_steps, steps);
}

static void failure_at_any_step_undoes_all(void **)
{
	uint8_t mac[6];
	unsigned failed = 0;
	bool changed;

	put(sample());
	fake_port_mac("web1", mac);
	for (unsigned k = 1;; k++) {
		char *before = text_of(config_current()), *live;

		fake_fail_at = fake_steps + k;
		if (change(everything(), false, &changed) == 0) {
			free(before);
			break;
		}
		failed++;
		assert_false(changed);
		assert_int_equal(err.code, VSW_E_DEVICE);
		assert_nothing_prepared();
		live = text_of(fake);
		assert_string_equal(live, before);
		free(live);
		live = text_of(config_current());
		assert_string_equal(live, before);
		free(live);
		assert_memory_equal(fake_mac_of("web1"), mac, 6);
		fake_fail_at = 0;
		restart();
		live = text_of(config_current());
		assert_string_equal(live, before);
		free(live);
		free(before);
		fake_port_mac("web1", mac);
	}
	assert_int_equal(failed, 11);
	assert_same(fake, config_current());
}

static void unwritable_state_touches_nothing(void **)
{
	struct config *next;
	char path[128];
	unsigned steps;
	bool changed;

	put(sample());
	steps = fake_steps;
	// A directory where the new file should go.
	snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE_NEXT);
	assert_int_equal(mkdir(path, 0700), 0);
	next = everything();
	assert_refused(change(next, false, &changed), VSW_E_STATE, dir);
	assert_int_equal(fake_steps, steps);
	assert_same(fake, config_current());
	assert_int_equal(rmdir(path), 0);
}

// The last step of all, the rename, is made to fail by a directory in its way.
static void failing_commit_undoes_all(void **)
{
	char path[128], aside[128];
	struct config *next;
	unsigned n_ports;
	bool changed;

	put(sample());
	n_ports = config_current()->n_ports;
	snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE);
	snprintf(aside, sizeof(aside), "%s/aside", dir);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	next = everything();
	assert_refused(change(next, false, &changed), VSW_E_STATE, dir);
	assert_same(fake, config_current());
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(aside, path), 0);
	restart();
	assert_int_equal(config_current()->n_ports, n_ports);
	assert_non_null(config_find_port(config_current(), "web1"));
}

static void lost_port_does_not_keep_others_down(void **)
{
	put(sample());
	config_close();
	fake_reset();
	fake_broken = "web1";
	assert_done(config_restore(dir, &err));
	assert_int_equal(fake->n_ports, 3);
	assert_int_equal(config_current()->n_ports, 4);
	assert_string_equal(config_port_failure("web1"), "its device is gone");
	assert_null(config_port_failure("web2"));
	assert_null(config_port_failure("nobody"));

	config_retry_now();
	assert_non_null(config_port_failure("web1"));
	fake_broken = NULL;
	config_retry_tick(); // not due yet
	assert_non_null(config_port_failure("web1"));
	config_retry_now();
	assert_null(config_port_failure("web1"));
	assert_same(fake, config_current());
	assert_int_equal(fake->n_statics, 2);
}

static void port_that_is_down_can_be_changed(void **)
{
	struct port_config to = {.mtu = 9000};
	struct config *next;
	bool changed;

	put(sample());
	config_close();
	fake_reset();
	fake_broken = "web1";
	assert_done(config_restore(dir, &err));
	next = edit();
	assert_done(config_set_port(next, "web1", &to, SET_MTU, &err));
	assert_done(config_rename_port(next, "web1", "www", &err));
	assert_done(add_fdb(next, "lan", 7, 7, "www"));
	assert_done(change(next, false, &changed));
	assert_true(changed);
	assert_non_null(config_port_failure("www"));
	next = edit();
	assert_done(config_del_port(next, "web2", false, &err));
	assert_done(config_rename_switch(next, "lan", "wan", &err));
	fake_fail_at = fake_steps + 2;
	assert_refused(change(next, false, &changed), VSW_E_DEVICE, "fails here");
	assert_non_null(config_port_failure("www"));

	config_retry_now();
	assert_null(config_port_failure("www"));
	assert_same(fake, config_current());
}

static void port_that_is_down_can_be_deleted(void **)
{
	struct config *next;
	unsigned releases;

	put(sample());
	config_close();
	fake_reset();
	fake_broken = "web1";
	assert_done(config_restore(dir, &err));
	next = edit();
	assert_done(config_del_port(next, "web1", false, &err));
	releases = fake_releases;
	put(next);
	assert_int_equal(fake_releases, releases + 1);
	config_retry_now();
	assert_same(fake, config_current());
}

static void device_that_went_is_opened_again(void **)
{
	put(sample());
	assert_done(config_port_lost("eth0", "unplugged", &err));
	assert_int_equal(fake_closed_keep, 1);
	assert_null(config_find_port(fake, "eth0"));
	assert_string_equal(config_port_failure("eth0"), "unplugged");
	assert_done(config_port_lost("eth0", "still unplugged", &err));
	config_retry_now();
	assert_same(fake, config_current());
	assert_refused(config_port_lost("no", "x", &err), VSW_E_NOT_FOUND, "'no'");
}

static void port_that_cannot_be_brought_back_is_down(void **)
{
	struct config *next;
	bool changed;

	put(sample());
	// web2 is deleted first, because web5 wants its interface; then a step fails.
	next = edit();
	assert_done(config_del_port(next, "web2", false, &err));
	assert_done(add_port(next, "lan", "web5", PORT_TAP));
	strcpy(config_find_port(next, "web5")->cfg.ifname, "web2");
	fake_broken = "web2";
	fake_fail_at = fake_steps + 3;
	assert_refused(change(next, false, &changed), VSW_E_DEVICE, "fails here");
	assert_string_equal(config_port_failure("web2"), "its device is gone");
	fake_broken = NULL;
	config_retry_now();
	assert_same(fake, config_current());
}

static unsigned pick(unsigned n)
{
	return (unsigned)rand() % n;
}

static void random_change(struct config *next)
{
	static const char *const switches[] = {"s0", "s1", "s2"};
	static const char *const ports[] = {"p0", "p1", "p2", "p3", "p4"};
	const char *sw = switches[pick(3)], *port = ports[pick(5)];
	struct port_config to = {.mtu = 1400 + pick(200), .vlan = {.access_id = 1 + pick(9)}};
	struct switch_config values = {.type = pick(3), .ageing_s = pick(9)};
	struct config *before = config_copy(next);
	int ret = 0;

	switch (pick(13)) {
	case 0: ret = add_switch(next, sw, pick(3)); break;
	case 1: ret = config_del_switch(next, sw, false, pick(2), &err); break;
	case 2: ret = config_set_switch(next, sw, &values, SET_TYPE | SET_AGEING, &err); break;
	case 3: ret = config_rename_switch(next, sw, switches[pick(3)], &err); break;
	case 4:
	case 5: ret = add_port(next, sw, port, pick(2) ? PORT_TAP : PORT_HOST); break;
	case 6: ret = config_del_port(next, port, false, &err); break;
	case 7: ret = config_set_port(next, port, &to, SET_MTU | SET_ACCESS, &err); break;
	case 8: ret = config_rename_port(next, port, ports[pick(5)], &err); break;
	case 9: ret = config_move_port(next, port, sw, &err); break;
	case 10: ret = bind(next, sw, "eth0", 1); break;
	case 11: ret = config_unbind_nic(next, "eth0", false, &err); break;
	case 12: ret = add_fdb(next, sw, pick(2), pick(4), port); break;
	}
	// A refused transform may have changed half: throw it away, as a handler does.
	if (ret < 0) {
		struct config refused = *next;

		*next = *before;
		*before = refused;
	}
	config_destroy(before);
}

static void random_changes_are_all_or_nothing(void **)
{
	unsigned done = 0, failed = 0;

	srand(1);
	for (unsigned i = 0; i < 3000; i++) {
		struct config *next = edit();
		char *before = text_of(config_current()), *expected, *is;
		bool changed;

		random_change(next);
		fake_fail_at = pick(3) == 0 ? fake_steps + 1 + pick(2) : 0;
		expected = text_of(next);
		if (change(next, false, &changed) == 0) {
			done += changed;
		} else {
			failed++;
			free(expected);
			expected = strdup(before);
		}
		is = text_of(fake);
		assert_string_equal(is, expected);
		free(is);
		is = text_of(config_current());
		assert_string_equal(is, expected);
		free(is);
		free(before);
		free(expected);
		if (i % 100 == 0)
			restart();
	}
	assert_true(done > 300);
	assert_true(failed > 50);
}

// Any document, from any configuration.
static void random_documents_are_reached(void **)
{
	struct config *goal = config_create();

	srand(2);
	for (unsigned i = 0; i < 1000; i++) {
		struct config *next = edit();
		char *before = text_of(config_current()), *expected, *is;
		json_t *doc;
		bool changed;

		for (unsigned n = 0; n < 6; n++)
			random_change(goal);
		doc = config_to_json(goal);
		assert_done(config_apply(next, doc, true, &err));
		json_decref(doc);
		fake_fail_at = pick(2) == 0 ? fake_steps + 1 + pick(12) : 0;
		expected = change(next, false, &changed) == 0 ? text_of(goal) : strdup(before);
		is = text_of(fake);
		assert_string_equal(is, expected);
		free(is);
		free(before);
		free(expected);
	}
	config_destroy(goal);
}

#define started(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		started(change_is_live_and_survives),
		started(what_if_does_nothing),
		started(nothing_to_do_is_not_a_change),
		started(failure_at_any_step_undoes_all),
		started(unwritable_state_touches_nothing),
		started(failing_commit_undoes_all),
		started(lost_port_does_not_keep_others_down),
		started(port_that_is_down_can_be_changed),
		started(port_that_is_down_can_be_deleted),
		started(device_that_went_is_opened_again),
		started(port_that_cannot_be_brought_back_is_down),
		started(random_changes_are_all_or_nothing),
		started(random_documents_are_reached),
	};

	return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
