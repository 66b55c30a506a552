/* SPDX-License-Identifier: BSD-3-Clause */
// A vhost port and its guest, a virtio-user device, in one process:
//
//   test ── port_vhost_ops ── rte_vhost ══ socket, shared memory ══ virtio-user ── test
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <vswitch/ethdev.h>
#include <vswitch/offload.h>
#include "eal.h"

static struct rte_mempool *pool;
static struct vsw_error err;
static char dir[] = "/tmp/vhost-test-XXXXXX";

static void configure(struct vsw_port *port, const char *name, uint16_t queues)
{
	memset(port, 0, sizeof(*port));
	port->ops = &port_vhost_ops;
	port->pool = pool;
	port->socket_id = SOCKET_ID_ANY;
	port->cfg.queues = queues;
	snprintf(port->cfg.name, sizeof(port->cfg.name), "%s", name);
	snprintf(port->cfg.vhost.path, sizeof(port->cfg.vhost.path), "%s/%s", dir, name);
}

static void open_port(struct vsw_port *port, const char *name, uint16_t queues)
{
	configure(port, name, queues);
	if (port->ops->open(port, &err) != 0)
		fail_msg("%s", err.reason);
}

static bool is_up(struct vsw_port *port)
{
	struct port_link link;

	port->ops->get_link(port, &link);
	return link.up;
}

static void wait_link(struct vsw_port *port, bool up)
{
	for (int i = 0; i < 3000 && is_up(port) != up; i++)
		rte_delay_us_sleep(1000);
	assert_int_equal(is_up(port), up);
}

struct guest {
	struct vsw_port port;
	struct ethdev dev;
};

static void guest_start_as(
	struct guest *g, const char *as, const char *name, uint16_t queues, const char *more)
{
	char args[256];

	memset(g, 0, sizeof(*g));
	g->port.pool = pool;
	g->port.priv = &g->dev;
	snprintf(args, sizeof(args), "net_virtio_user_%s,path=%s/%s,queues=%u%s", as, dir, name,
		queues, more);
	if (ethdev_attach(args, &g->dev.id, &err) != 0 ||
		ethdev_start(&g->port, &g->dev, queues, queues, &err) != 0)
		fail_msg("%s", err.reason);
}

static void guest_start(struct guest *g, const char *name, uint16_t queues, const char *more)
{
	guest_start_as(g, name, name, queues, more);
}

static void guest_stop(struct guest *g)
{
	ethdev_stop(&g->dev);
	ethdev_detach(g->dev.id);
}

static struct rte_mbuf *frame(uint32_t len, uint8_t fill)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memset(rte_pktmbuf_append(m, len), fill, len);
	return m;
}

// Polls until n frames are there, or time is up.
static uint16_t rx_port(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t got = 0;

	for (int i = 0; i < 1000 && got < n; i++) {
		got += port->ops->rx_burst(port, queue, pkts + got, n - got);
		if (got < n)
			rte_delay_us_sleep(500);
	}
	return got;
}

static uint16_t rx_guest(struct guest *g, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t got = 0;

	for (int i = 0; i < 1000 && got < n; i++) {
		got += ethdev_rx(&g->dev, 0, pkts + got, n - got);
		if (got < n)
			rte_delay_us_sleep(500);
	}
	return got;
}

static void frames_go_both_ways(void **)
{
	struct vsw_port port;
	struct guest g;
	struct rte_mbuf *out[VSW_BURST], *in[VSW_BURST];

	open_port(&port, "both", 1);
	assert_false(is_up(&port));
	assert_int_equal(port.ops->rx_burst(&port, 0, in, VSW_BURST), 0);
	out[0] = frame(60, 1);
	assert_int_equal(port.ops->tx_burst(&port, 0, out, 1), 0);
	rte_pktmbuf_free(out[0]);
	guest_start(&g, "both", 1, "");
	wait_link(&port, true);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < VSW_BURST; i++)
			out[i] = frame(60 + i, i);
		assert_int_equal(ethdev_tx(&g.dev, 0, out, VSW_BURST), VSW_BURST);
		assert_int_equal(rx_port(&port, 0, in, VSW_BURST), VSW_BURST);
		for (int i = 0; i < VSW_BURST; i++) {
			assert_int_equal(in[i]->pkt_len, 60 + i);
			assert_int_equal(*rte_pktmbuf_mtod(in[i], uint8_t *), i);
			assert_int_equal(in[i]->ol_flags & OFFLOAD_WORK, 0);
		}
		assert_int_equal(port.ops->tx_burst(&port, 0, in, VSW_BURST), VSW_BURST);
		assert_int_equal(rx_guest(&g, in, VSW_BURST), VSW_BURST);
		for (int i = 0; i < VSW_BURST; i++)
			assert_int_equal(in[i]->pkt_len, 60 + i);
		rte_pktmbuf_free_bulk(in, VSW_BURST);
	}
	guest_stop(&g);
	wait_link(&port, false);
	port.ops->close(&port, false);
	assert_int_equal(access(port.cfg.vhost.path, F_OK), -1);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

// 3 000 bytes of TCP payload whose checksum is left at the pseudo-header's sum.
static struct rte_mbuf *tcp_frame(void)
{
	struct rte_mbuf *m = frame(54 + 1900, 0), *tail = frame(1100, 7);
	uint8_t *b = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(b + 14);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(b + 34);

	b[12] = 8;
	ip->version_ihl = 0x45;
	ip->total_length = rte_cpu_to_be_16(3040);
	ip->next_proto_id = 6;
	ip->src_addr = rte_cpu_to_be_32(0x0a4d0001);
	ip->dst_addr = rte_cpu_to_be_32(0x0a4d0002);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->data_off = 0x50;
	tcp->cksum = rte_ipv4_phdr_cksum(ip, 0);
	assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = 20;
	m->tso_segsz = 1448;
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
	return m;
}

static void unfinished_frames_stay_whole(void **)
{
	struct vsw_port port;
	struct guest g;
	struct rte_mbuf *m, *back;

	open_port(&port, "whole", 1);
	guest_start(&g, "whole", 1, ",mrg_rxbuf=1");
	wait_link(&port, true);
	assert_true(g.port.tx_caps & PORT_TX_TSO4);
	// virtio-user asks for no receive offloads here, so the port may not send it any.
	m = tcp_frame();
	assert_int_equal(ethdev_tx(&g.dev, 0, &m, 1), 1);
	assert_int_equal(rx_port(&port, 0, &back, 1), 1);
	assert_int_equal(back->pkt_len, 3054);
	assert_int_equal(
		back->ol_flags & OFFLOAD_WORK, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM);
	assert_true(back->ol_flags & RTE_MBUF_F_TX_IPV4);
	assert_int_equal(back->l2_len, 14);
	assert_int_equal(back->l3_len, 20);
	assert_int_equal(back->l4_len, 20);
	assert_int_equal(back->tso_segsz, 1448);
	if (!offload_fits(back, port.tx_caps)) {
		assert_int_equal(port.ops->tx_burst(&port, 0, &back, 1), 0);
		rte_pktmbuf_free(back);
	} else {
		// Shared: not to be written to
		rte_pktmbuf_refcnt_update(back, 1);
		m = back;
		assert_int_equal(port.ops->tx_burst(&port, 0, &m, 1), 1);
		rte_pktmbuf_free(back);
		assert_int_equal(rx_guest(&g, &m, 1), 1);
		assert_int_equal(m->pkt_len, 3054);
		rte_pktmbuf_free(m);
	}
	guest_stop(&g);
	port.ops->close(&port, false);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

static void a_sleeping_worker_is_woken(void **)
{
	struct vsw_port port;
	struct guest g;
	struct rte_mbuf *m, *in[4];
	int fd;

	open_port(&port, "wake", 1);
	fd = port.queue[0].rx_fd;
	assert_int_equal(port.wake, PORT_WAKE_ARMED);
	assert_true(port.ops->arm(&port, 0));
	assert_false(readable(fd, 0));
	guest_start(&g, "wake", 1, "");
	wait_link(&port, true);
	for (int i = 0; i < 20; i++) {
		port.ops->disarm(&port, 0);
		assert_int_equal(port.ops->rx_burst(&port, 0, in, 4), 0);
		assert_true(port.ops->arm(&port, 0));
		assert_false(readable(fd, 0));
		m = frame(60, i);
		assert_int_equal(ethdev_tx(&g.dev, 0, &m, 1), 1);
		assert_true(readable(fd, 1000));
		port.ops->disarm(&port, 0);
		assert_false(readable(fd, 0));
		assert_int_equal(port.ops->rx_burst(&port, 0, in, 4), 1);
		rte_pktmbuf_free(in[0]);
	}
	// While it polls the guest is silent; arming sees what waits.
	m = frame(60, 1);
	assert_int_equal(ethdev_tx(&g.dev, 0, &m, 1), 1);
	assert_false(port.ops->arm(&port, 0));
	port.ops->disarm(&port, 0);
	assert_int_equal(rx_port(&port, 0, in, 1), 1);
	rte_pktmbuf_free(in[0]);
	guest_stop(&g);
	assert_true(readable(fd, 1000)); // that the guest has gone is worth a look, too
	port.ops->close(&port, false);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

// The guest's side is an ethdev with receive interrupts: what a dpdk port sleeps on.
static void an_ethdev_with_interrupts_wakes_too(void **)
{
	struct vsw_port port;
	struct guest g;
	struct rte_mbuf *m, *in[4];

	open_port(&port, "intr", 1);
	guest_start(&g, "intr", 1, "");
	wait_link(&port, true);
	assert_int_equal(g.port.wake, PORT_WAKE_ARMED);
	for (int i = 0; i < 20; i++) {
		assert_true(ethdev_arm(&g.port, 0));
		assert_false(readable(g.port.queue[0].rx_fd, 0));
		m = frame(60, i);
		assert_int_equal(port.ops->tx_burst(&port, 0, &m, 1), 1);
		assert_true(readable(g.port.queue[0].rx_fd, 1000));
		ethdev_disarm(&g.port, 0);
		assert_false(readable(g.port.queue[0].rx_fd, 0));
		assert_int_equal(ethdev_rx(&g.dev, 0, in, 4), 1);
		rte_pktmbuf_free(in[0]);
	}
	guest_stop(&g);
	port.ops->close(&port, false);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void guests_come_and_go(void **)
{
	struct vsw_port port;
	struct guest g;
	struct rte_mbuf *m, *in[4];

	open_port(&port, "again", 2);
	for (int i = 0; i < 6; i++) {
		guest_start(&g, "again", i % 2 + 1, i % 3 == 0 ? ",mrg_rxbuf=0" : "");
		wait_link(&port, true);
		m = frame(100, i);
		assert_int_equal(ethdev_tx(&g.dev, i % 2, &m, 1), 1);
		assert_int_equal(rx_port(&port, i % 2, in, 1), 1);
		assert_int_equal(port.ops->tx_burst(&port, 0, in, 1), 1);
		assert_int_equal(rx_guest(&g, in, 1), 1);
		rte_pktmbuf_free(in[0]);
		guest_stop(&g);
		wait_link(&port, false);
	}
	port.ops->close(&port, false);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void every_queue_of_a_guest_is_served(void **)
{
	struct vsw_port port;
	struct guest g;
	struct rte_mbuf *m, *in[4];

	open_port(&port, "many", 2);
	guest_start(&g, "many", 4, "");
	wait_link(&port, true);
	for (uint16_t q = 0; q < 4; q++) {
		m = frame(60 + q, q);
		assert_int_equal(ethdev_tx(&g.dev, q, &m, 1), 1);
		assert_int_equal(rx_port(&port, q % 2, in, 1), 1);
		assert_int_equal(in[0]->pkt_len, 60 + q);
		rte_pktmbuf_free(in[0]);
	}
	guest_stop(&g);
	port.ops->close(&port, false);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void a_client_waits_for_its_server(void **)
{
	struct vsw_port port;
	struct guest g;
	struct rte_mbuf *m, *in[4];

	configure(&port, "client", 1);
	port.cfg.vhost.mode = VHOST_CLIENT;
	assert_int_equal(port.ops->open(&port, &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_false(is_up(&port));
		guest_start(&g, "client", 1, ",server=1");
		wait_link(&port, true);
		m = frame(77, i);
		assert_int_equal(ethdev_tx(&g.dev, 0, &m, 1), 1);
		assert_int_equal(rx_port(&port, 0, in, 1), 1);
		assert_int_equal(port.ops->tx_burst(&port, 0, in, 1), 1);
		assert_int_equal(rx_guest(&g, in, 1), 1);
		rte_pktmbuf_free(in[0]);
		guest_stop(&g);
		wait_link(&port, false);
	}
	port.ops->close(&port, false);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void a_second_guest_waits(void **)
{
	struct vsw_port port;
	struct guest first, second;
	struct rte_mbuf *m, *in[4];

	open_port(&port, "two", 1);
	guest_start(&first, "two", 1, "");
	wait_link(&port, true);
	guest_start_as(&second, "two_b", "two", 1, "");
	m = frame(70, 2);
	assert_int_equal(ethdev_tx(&second.dev, 0, &m, 1), 1);
	rte_delay_us_sleep(20000);
	assert_int_equal(port.ops->rx_burst(&port, 0, in, 4), 0);
	m = frame(60, 1);
	assert_int_equal(ethdev_tx(&first.dev, 0, &m, 1), 1);
	assert_int_equal(rx_port(&port, 0, in, 1), 1);
	assert_int_equal(in[0]->pkt_len, 60);
	rte_pktmbuf_free(in[0]);
	guest_stop(&second);
	assert_true(is_up(&port));
	guest_stop(&first);
	wait_link(&port, false);
	port.ops->close(&port, false);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

struct worker_args {
	struct vsw_port *port;
	_Atomic bool stop;
	_Atomic uint64_t echoed;
};

// What a worker does, sleeping included, without a moment's peace.
static void *echo(void *arg)
{
	struct worker_args *w = arg;
	struct rte_mbuf *pkts[VSW_BURST];

	while (!w->stop) {
		uint16_t n = w->port->ops->rx_burst(w->port, 0, pkts, VSW_BURST);
		uint16_t sent = w->port->ops->tx_burst(w->port, 0, pkts, n);

		w->echoed += sent;
		rte_pktmbuf_free_bulk(pkts + sent, n - sent);
		if (n == 0) {
			w->port->ops->arm(w->port, 0);
			w->port->ops->disarm(w->port, 0);
			sched_yield(); // the guest may have no other core
		}
	}
	return NULL;
}

static void guests_come_and_go_under_traffic(void **)
{
	struct vsw_port port;
	struct worker_args w = {.port = &port};
	pthread_t thread;
	struct guest g;
	struct rte_mbuf *pkts[32];
	uint64_t goal;

	open_port(&port, "busy", 1);
	assert_int_equal(pthread_create(&thread, NULL, echo, &w), 0);
	for (int i = 0; i < 4; i++) {
		guest_start(&g, "busy", 1, "");
		wait_link(&port, true);
		goal = w.echoed + 2000;
		for (int k = 0; k < 100000 && w.echoed < goal; k++) {
			uint16_t n;

			for (int j = 0; j < 32; j++)
				pkts[j] = frame(64 + j, k);
			n = ethdev_tx(&g.dev, 0, pkts, 32);
			rte_pktmbuf_free_bulk(pkts + n, 32 - n);
			n = ethdev_rx(&g.dev, 0, pkts, 32);
			rte_pktmbuf_free_bulk(pkts, n);
			sched_yield();
		}
		assert_true(w.echoed >= goal);
		guest_stop(&g); // in the middle of it
		wait_link(&port, false);
	}
	w.stop = true;
	pthread_join(thread, NULL);
	port.ops->close(&port, false);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static int listening_socket(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int refused(struct vsw_port *port, const char *word)
{
	int ret = port->ops->open(port, &err);

	assert_true(ret < 0);
	assert_null(port->priv);
	if (strstr(err.reason, word) == NULL)
		fail_msg("'%s' says nothing of '%s'", err.reason, word);
	return ret;
}

static void socket_paths_are_checked(void **)
{
	struct vsw_port port, twin;
	struct stat st;
	FILE *f;
	int fd;

	configure(&port, "paths", 1);
	snprintf(port.cfg.vhost.path, sizeof(port.cfg.vhost.path), "relative");
	assert_int_equal(refused(&port, "absolute"), -VSW_E_INVALID);
	snprintf(port.cfg.vhost.path, sizeof(port.cfg.vhost.path), "%s/missing/x", dir);
	assert_int_equal(refused(&port, "missing"), -VSW_E_INVALID);
	snprintf(port.cfg.vhost.path, sizeof(port.cfg.vhost.path), "%s/file", dir);
	f = fopen(port.cfg.vhost.path, "w");
	fclose(f);
	assert_int_equal(refused(&port, "not a socket"), -VSW_E_REFUSED);
	unlink(port.cfg.vhost.path);
	fd = listening_socket(port.cfg.vhost.path);
	assert_int_equal(refused(&port, "listens"), -VSW_E_BUSY);
	close(fd);
	assert_int_equal(access(port.cfg.vhost.path, F_OK), 0);
	// Now it is what a killed daemon leaves behind.
	snprintf(port.cfg.vhost.owner, sizeof(port.cfg.vhost.owner), "no-such-user");
	assert_int_equal(refused(&port, "no-such-user"), -VSW_E_INVALID);
	snprintf(port.cfg.vhost.owner, sizeof(port.cfg.vhost.owner), "%u:%u", getuid(), getgid());
	port.cfg.vhost.perm = 0600;
	assert_int_equal(port.ops->open(&port, &err), 0);
	assert_int_equal(stat(port.cfg.vhost.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	twin = port;
	twin.priv = NULL;
	assert_int_equal(refused(&twin, "listens"), -VSW_E_BUSY);
	port.ops->close(&port, false);
	port.cfg.vhost.perm = 0;
	assert_int_equal(port.ops->open(&port, &err), 0);
	assert_int_equal(stat(port.cfg.vhost.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	port.ops->close(&port, false);
	port.cfg.vhost.mode = VHOST_CLIENT;
	assert_int_equal(port.ops->open(&port, &err), 0);
	twin = port;
	twin.priv = NULL;
	assert_int_equal(refused(&twin, "another port"), -VSW_E_BUSY);
	port.ops->close(&port, false);
}

static void no_descriptor_stays_behind(void **)
{
	struct vsw_port port;
	struct guest g;
	int before, after;

	for (int i = 0; i < 3; i++) {
		before = dup(0);
		close(before);
		open_port(&port, "fds", 2);
		guest_start(&g, "fds", 2, "");
		wait_link(&port, true);
		guest_stop(&g);
		wait_link(&port, false);
		port.ops->close(&port, false);
		after = dup(0);
		close(after);
	}
	assert_int_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_go_both_ways),
		cmocka_unit_test(unfinished_frames_stay_whole),
		cmocka_unit_test(a_sleeping_worker_is_woken),
		cmocka_unit_test(an_ethdev_with_interrupts_wakes_too),
		cmocka_unit_test(guests_come_and_go),
		cmocka_unit_test(guests_come_and_go_under_traffic),
		cmocka_unit_test(every_queue_of_a_guest_is_served),
		cmocka_unit_test(a_client_waits_for_its_server),
		cmocka_unit_test(a_second_guest_waits),
		cmocka_unit_test(socket_paths_are_checked),
		cmocka_unit_test(no_descriptor_stays_behind),
	};
	int ret;

	if (eal_start() < 0 || mkdtemp(dir) == NULL)
		return 1;
	pool = rte_pktmbuf_pool_create("vhost", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL)
		return 1;
	ret = cmocka_run_group_tests_name("port vhost", tests, NULL, NULL);
	rmdir(dir);
	return ret;
}
