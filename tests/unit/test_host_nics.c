/* SPDX-License-Identifier: BSD-3-Clause */
// A partition's NICs, before a provider that is the test. No KVM: no processors, no machine.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <hypervisor/host/partition_state.h>

static char dir[] = "/tmp/host_nics.XXXXXX", path[64];
static struct options opt;
static struct partition p;
static char why[PARTITION_WHY_SIZE];

// The provider: answers each hello and READY, in a thread of its own.
static struct {
	int listener;
	uint16_t flags; // of its welcome
	const char *refusal;
	bool silent;
	struct handover_hello hello; // the last one
	unsigned n_hellos, n_detached;
	pthread_t thread;
} provider;

static void answer(int sock, const struct handover_header *m)
{
	struct handover_welcome welcome = {
		.hdr = {HANDOVER_WELCOME, sizeof(welcome)},
		.version = HANDOVER_VERSION,
		.flags = provider.flags,
	};
	struct handover_refused refused = {.hdr = {HANDOVER_REFUSED, sizeof(refused)}, .code = 3};
	struct handover_plain plain = {.hdr = {0, sizeof(plain)}};
	int kick;

	if (m->type == HANDOVER_HELLO) {
		memcpy(&provider.hello, m, sizeof(provider.hello));
		provider.n_hellos++;
	}
	if (m->type == HANDOVER_HELLO && provider.refusal != NULL) {
		strcpy(refused.reason, provider.refusal);
		handover_send(sock, &refused, sizeof(refused), -1);
	} else if (m->type == HANDOVER_HELLO && !provider.silent) {
		kick = eventfd(0, EFD_NONBLOCK);
		handover_send(sock, &welcome, sizeof(welcome), kick);
		close(kick);
	} else if (m->type == HANDOVER_READY && !provider.silent) {
		plain.hdr.type = HANDOVER_READY_DONE;
		handover_send(sock, &plain, sizeof(plain), -1);
	} else if (m->type == HANDOVER_DETACH) {
		plain.hdr.type = HANDOVER_DETACH_DONE;
		provider.n_detached++;
		handover_send(sock, &plain, sizeof(plain), -1);
	}
}

static void *serve(void *arg)
{
	static __thread _Alignas(8) uint8_t buffer[HANDOVER_MAX_MESSAGE];
	int sock = (intptr_t)arg, fd, len;
	struct pollfd pfd = {.fd = sock, .events = POLLIN};

	while (poll(&pfd, 1, -1) > 0) {
		len = handover_receive(sock, buffer, sizeof(buffer), &fd);
		if (len == -EAGAIN)
			continue;
		if (len <= 0)
			break;
		if (fd >= 0)
			close(fd);
		answer(sock, (const struct handover_header *)buffer);
	}
	close(sock);
	return NULL;
}

static void *provider_main(void *)
{
	pthread_t thread;
	int sock;

	while ((sock = accept(provider.listener, NULL, NULL)) >= 0) {
		assert_int_equal(pthread_create(&thread, NULL, serve, (void *)(intptr_t)sock), 0);
		pthread_detach(thread);
	}
	return NULL;
}

static void provider_start(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, path);
	provider.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(provider.listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(provider.listener, 16), 0);
	assert_int_equal(pthread_create(&provider.thread, NULL, provider_main, NULL), 0);
}

static int set_up(void **)
{
	memset(&provider, 0, sizeof(provider));
	provider.listener = -1;
	provider.flags = HANDOVER_TELLS_PORT | HANDOVER_HAS_PORT;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/vsp", dir);
	opt = (struct options){.name = "vm1", .cpus = 2, .vsp_socket = path, .require_port = true};
	p = (struct partition){.opt = &opt, .quiet = true};
	assert_int_equal(ram_create(&p.ram, "test", 32 << 20, RAM_PAGES_SMALL, why), 0);
	assert_int_equal(loop_create(&p), 0);
	p.synic = hv_synic_create(&p.ram.mem, 2, &partition_synic_host, &p);
	p.bus = vmbus_bus_create(&hv_synic_ops, p.synic, &p.ram.mem, 2);
	assert_non_null(p.bus);
	return 0;
}

static int tear_down(void **)
{
	nics_destroy(&p);
	vmbus_bus_destroy(p.bus);
	hv_synic_destroy(p.synic);
	loop_destroy(&p);
	ram_destroy(&p.ram);
	if (provider.listener >= 0) {
		shutdown(provider.listener, SHUT_RDWR);
		pthread_join(provider.thread, NULL);
		close(provider.listener);
		unlink(path);
	}
	rmdir(dir);
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	return 0;
}

static void add(const char *text)
{
	char word[128];
	struct options_nic nic;

	assert_int_equal(options_parse_nic(text, &nic, word), 0);
	assert_int_equal(partition_add_nic(&p, &nic, why), 0);
}

static int add_fails(const char *text, const char *says)
{
	char word[128];
	struct options_nic nic;
	int ret;

	assert_int_equal(options_parse_nic(text, &nic, word), 0);
	ret = partition_add_nic(&p, &nic, why);
	if (ret >= 0 || strstr(why, says) == NULL)
		fail_msg("%s: %d, '%s' does not say '%s'", text, ret, why, says);
	return ret;
}

static void require_fails(const char *says)
{
	assert_true(nics_require(&p, why) < 0);
	if (strstr(why, says) == NULL)
		fail_msg("'%s' does not say '%s'", why, says);
}

static void ports_that_are_there_will_do(void **)
{
	provider_start();
	add("port=web1,queues=3,mac=02:00:00:00:00:05");
	assert_int_equal(nics_require(&p, why), 0);
	assert_string_equal(provider.hello.partition, "vm1");
	assert_string_equal(provider.hello.nic, "nic0");
	assert_string_equal(provider.hello.port, "web1");
	assert_int_equal(provider.hello.max_queues, 3);
	assert_int_equal(provider.hello.n_vps, 2);
	assert_int_equal(provider.hello.mac[5], 5);
	add("port=web2");
	assert_int_equal(nics_require(&p, why), 0);
	assert_string_equal(provider.hello.nic, "nic1");
}

static void older_providers_do_not_tell(void **)
{
	provider.flags = 0;
	provider_start();
	add("port=web1");
	assert_int_equal(nics_require(&p, why), 0);
}

static void required_port_that_is_missing(void **)
{
	provider.flags = HANDOVER_TELLS_PORT;
	provider_start();
	add("port=web1");
	require_fails("add-port SWITCH web1 --type vmnic");
}

static void required_provider_that_is_away(void **)
{
	add("port=web1");
	require_fails("see that vswitchd runs");
}

static void required_provider_that_refuses(void **)
{
	provider.refusal = "user 7 may not attach port 'web1': see add-port --user";
	provider_start();
	add("port=web1");
	require_fails("add-port --user");
}

static void names_and_ports_are_each_nics_own(void **)
{
	add("port=a");
	add("port=b,name=nic1");
	add("port=c");
	assert_int_equal(add_fails("port=d,name=nic1", "NIC 'nic1' is there already"), -EEXIST);
	assert_int_equal(add_fails("port=a", "has NIC 'nic0' already"), -EEXIST);
	assert_string_equal(p.nic[2].opt.name, "nic2");
	for (char port[] = "port=e"; p.nic[OPTIONS_MAX_NICS - 1].link == NULL; port[5]++)
		add(port);
	assert_int_equal(add_fails("port=z", "16 NICs"), -ENOSPC);
}

static void nic_goes_when_both_sides_have_let_go(void **)
{
	struct partition_info info;

	provider_start();
	add("port=a");
	add("port=b");
	assert_int_equal(nics_require(&p, why), 0);
	assert_int_equal(partition_del_nic(&p, "nic7", why), -ENOENT);
	assert_int_equal(partition_del_nic(&p, "nic0", why), 0);
	partition_get_info(&p, &info);
	assert_int_equal(info.n_nics, 2);
	assert_true(info.nic[0].removing);
	assert_int_equal(partition_del_nic(&p, "nic0", why), -EALREADY);
	add_fails("port=a,name=x", "try later");
	for (int i = 0; i < 500 && p.nic[0].link != NULL; i++) {
		loop_turn(&p, 10);
		nics_sweep(&p);
	}
	assert_null(p.nic[0].link);
	assert_int_equal(provider.n_detached, 1);
	partition_get_info(&p, &info);
	assert_int_equal(info.n_nics, 1);
	assert_string_equal(info.nic[0].name, "nic1");
	assert_int_equal(info.nic[0].link, VSP_LINK_ATTACHED);
	add("port=a");
	assert_int_equal(nics_require(&p, why), 0);
}

static void identity_is_of_the_names(void **)
{
	struct partition_info info;

	add("port=a");
	partition_get_info(&p, &info);
	// A version 5 UUID, as people write it: the first three fields are numbers.
	assert_int_equal(info.nic[0].instance[14], '5');
	assert_int_equal(strlen(info.nic[0].instance), 36);
	assert_int_equal(info.nic[0].mac[0] & 3, 2);
}

static void end_of_waiting(void **)
{
	provider.silent = true;
	provider_start();
	add("port=a");
	p.state = PARTITION_OFF; // SIGTERM meanwhile
	require_fails("stopped");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(ports_that_are_there_will_do),
		T(older_providers_do_not_tell),
		T(required_port_that_is_missing),
		T(required_provider_that_is_away),
		T(required_provider_that_refuses),
		T(names_and_ports_are_each_nics_own),
		T(nic_goes_when_both_sides_have_let_go),
		T(identity_is_of_the_names),
		T(end_of_waiting),
	};

	return cmocka_run_group_tests_name("host_nics", tests, NULL, NULL);
}
