/* SPDX-License-Identifier: BSD-3-Clause */
// What hypervisors may not do to us, nor to each other.
#include "vmnic_fixture.h"

static void only_who_may_attaches(void **)
{
	struct port_config cfg = config_of("g1"), roots;
	int sock;

	if (getuid() != 0)
		skip();
	// Somebody who may have no guest's port at all.
	add_port(&cfg);
	sock = connect_as(NOBODY);
	settle();
	expect_refusal(sock, HANDOVER_R_PERMISSION, "no port has this user");
	delete_port("g1");

	snprintf(cfg.vmnic.user, sizeof(cfg.vmnic.user), "%d", NOBODY);
	add_port(&cfg);
	sock = connect_as(NOBODY);
	say_hello(sock, "g1", "vm1");
	assert_int_equal(hear(sock), HANDOVER_WELCOME);
	hang_up(sock);
	roots = config_of("roots");
	add_port(&roots);
	sock = connect_as(NOBODY);
	say_hello(sock, "roots", "vm1");
	expect_refusal(sock, HANDOVER_R_PERMISSION, "may not attach port 'roots'");
	delete_port("roots");

	// He may wait for a port, but not keep others from it.
	sock = connect_as(NOBODY);
	say_hello(sock, "g2", "vm1");
	assert_int_equal(hear(sock), HANDOVER_WELCOME);
	snprintf(cfg.name, sizeof(cfg.name), "g2");
	cfg.vmnic.user[0] = '\0';
	add_port(&cfg);
	expect_refusal(sock, HANDOVER_R_PERMISSION, "may not attach port 'g2'");
	delete_port("g1");
	delete_port("g2");
}

static void silent_connections_are_few(void **)
{
	int sock[80], n = 0, refused = 0;

	for (; n < 80; n++) {
		int fd, len;

		sock[n] = connect_as(geteuid());
		settle();
		len = recv(sock[n], &fd, sizeof(fd), MSG_DONTWAIT);
		refused += len > 0;
	}
	assert_int_equal(refused, 16);
	// Nobody else has less room for that.
	assert_null(nic_no_room(geteuid() + 1, 0));
	while (n > 0)
		close(sock[--n]);
	settle();
	assert_null(nics_first());
}

static void hypervisor_that_makes_us_block_is_let_go(void **)
{
	int sock = attach("g1");

	nics_first()->tampered = true;
	nics_tick();
	settle();
	expect_refusal(sock, HANDOVER_R_PROTOCOL, "block");
	assert_null(nics_first());
	// Root, and who we are, may come again.
	assert_false(nic_ban(geteuid(), 0));
	assert_null(nic_no_room(geteuid(), 1));
	assert_true(nic_ban(4711, 0));
	assert_non_null(nic_no_room(4711, 1));
	assert_null(nic_no_room(4711, 600000001));
	assert_null(nic_no_room(4712, 1));
}

// The eventfd outlives us at the other side.
static void kick_after_the_end_wakes_nobody(void **)
{
	const uint64_t one = 1;
	int sock;

	for (int i = 0; i < 3; i++) {
		sock = attach("g1");
		hang_up(sock);
		assert_null(nics_first());
		assert_int_equal(write(kick, &one, sizeof(one)), sizeof(one));
		// Neither the one that is gone nor anything else.
		assert_int_equal(sd_event_run(event, 0), 0);
	}
}

// A signal for each look at the rings would be enough to keep the administrator waiting.
static void guest_without_a_port_has_a_share_of_the_time(void **)
{
	const uint64_t one = 1;
	int sock = attach("g1");
	unsigned polls = fake_netvsp->n_polls;

	fake_netvsp->poll_usec = 5000;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(write(kick, &one, sizeof(one)), sizeof(one));
		settle();
	}
	// One look at one queue has used up the time of many (more if we were kept waiting).
	assert_in_range(fake_netvsp->n_polls, polls + 1, polls + 5);
	polls = fake_netvsp->n_polls;
	for (int i = 0; i < 500 && fake_netvsp->n_polls == polls; i++) {
		usleep(10000);
		settle();
	}
	assert_true(fake_netvsp->n_polls > polls);
	hang_up(sock);
}

// Nor would one with many channels leave a worker time for others.
static void guest_with_many_channels_has_a_share_of_the_worker(void **)
{
	const struct port_config cfg = config_of("g1");
	struct vsw_port *port = add_port(&cfg);
	int sock = attach("g1");
	struct rte_mbuf *pkts[VSW_BURST];
	unsigned polls = fake_netvsp->n_polls;

	nics_first()->n_queues = NETVSP_MAX_QUEUES;
	assert_int_equal(vmnic_rx(port, 0, pkts, VSW_BURST), 0);
	assert_true(fake_netvsp->n_polls > polls);
	polls = fake_netvsp->n_polls;
	fake_netvsp->poll_usec = 1000;
	assert_int_equal(vmnic_rx(port, 0, pkts, VSW_BURST), 0);
	assert_int_equal(fake_netvsp->n_polls, polls + 1);
	fake_netvsp->poll_usec = 0;
	hang_up(sock);
	delete_port("g1");
}

static void coming_and_going_does_not_fill_the_log(void **)
{
	FILE *log = tmpfile();
	int was = dup(STDERR_FILENO), lines = 0;

	assert_non_null(log);
	nics_tick();
	dup2(fileno(log), STDERR_FILENO);
	for (int i = 0; i < 200; i++)
		hang_up(attach("g1"));
	dup2(was, STDERR_FILENO);
	close(was);
	rewind(log);
	for (int c; (c = getc(log)) != EOF;)
		lines += c == '\n';
	fclose(log);
	assert_int_equal(lines, 256);
	nics_tick();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_who_may_attaches),
		cmocka_unit_test(silent_connections_are_few),
		cmocka_unit_test(hypervisor_that_makes_us_block_is_let_go),
		cmocka_unit_test(kick_after_the_end_wakes_nobody),
		cmocka_unit_test(coming_and_going_does_not_fill_the_log),
		cmocka_unit_test(guest_without_a_port_has_a_share_of_the_time),
		cmocka_unit_test(guest_with_many_channels_has_a_share_of_the_worker),
	};

	return cmocka_run_group_tests_name("vmnic_limits", tests, start, stop);
}
