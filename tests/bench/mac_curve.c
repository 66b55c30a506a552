/* SPDX-License-Identifier: BSD-3-Clause */
// How the switch's own work grows with the number of stations, from 2 to 1 000 000, without a
// driver in the way: two ports that make up frames in their rx_burst and forget them in their
// tx_burst. What the making costs stands in the column `rx`, the forgetting in `tx`.
//
//   mac_curve [--cpu N] [--seconds S] [MACS ...]
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include <vswitch/counters.h>
#include <vswitch/mbuf_pool.h>
#include <vswitch/notify.h>
#include <vswitch/switch_live.h>
#include <vswitch/worker.h>

#define FRAME    60
#define PATIENCE 60 // seconds until all stations must be known

struct maker {
	uint32_t at, step, n; // pairs; step: coprime to n, so that neighbours are not neighbours
	uint64_t dst, src;    // first addresses, as a little-endian load gives them
};

static struct maker makers[2];

static uint16_t make_frames(struct vsw_port *port, uint16_t, struct rte_mbuf **pkts, uint16_t n)
{
	struct maker *maker = port->priv;

	if (rte_pktmbuf_alloc_bulk(port->pool, pkts, n) != 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		char *p = rte_pktmbuf_mtod(pkts[i], char *);
		// The pair's number goes into the last four bytes of both addresses.
		const uint64_t pair = (uint64_t)maker->at << 16;
		const uint64_t dst = maker->dst | pair, src_type = maker->src | pair | 8ull << 48;

		memcpy(p, &dst, 8);
		memcpy(p + 6, &src_type, 8);
		pkts[i]->data_len = FRAME;
		pkts[i]->pkt_len = FRAME;
		maker->at += maker->step;
		if (maker->at >= maker->n)
			maker->at -= maker->n;
	}
	return n;
}

static uint16_t forget_frames(struct vsw_port *, uint16_t, struct rte_mbuf **pkts, uint16_t n)
{
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static int maker_open(struct vsw_port *port, struct vsw_error *)
{
	port->priv = &makers[port->cfg.name[0] - 'a'];
	port->n_rx_queues = 1;
	port->n_tx_queues = PORT_TX_ANY;
	port->wake = PORT_WAKE_TIMER;
	port->tx_caps = PORT_TX_SHARED;
	return 0;
}

static void maker_close(struct vsw_port *, bool)
{
}

static const struct vsw_port_ops maker_ops = {
	.type = "maker",
	.open = maker_open,
	.close = maker_close,
	.rx_burst = make_frames,
	.tx_burst = forget_frames,
};

static void die(const char *what)
{
	fprintf(stderr, "mac_curve: %s\n", what);
	exit(1);
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	return b == 0 ? a : gcd(b, a % b);
}

static void set_makers(uint32_t pairs)
{
	uint32_t step = pairs > 2 ? (uint32_t)(pairs * 0.618) | 1 : 1;

	while (pairs > 2 && gcd(step, pairs) != 1)
		step += 2;
	makers[0] = (struct maker){.step = step % pairs, .n = pairs, .dst = 0x0102, .src = 0x0002};
	makers[1] = (struct maker){.step = step % pairs, .n = pairs, .dst = 0x0002, .src = 0x0102};
}

static void build_switch(uint32_t pairs)
{
	static const struct switch_config sw = {.name = "s", .mac_limit = 1u << 21};
	struct vsw_error err;

	set_makers(pairs);
	if (switch_add(&sw, &err) < 0)
		die(err.reason);
	for (int i = 0; i < 2; i++) {
		const struct port_config cfg = {
			.type = PORT_DPDK, .switch_name = "s", .name = {'a' + i}};

		if (port_add_by(&maker_ops, &cfg, &err) < 0)
			die(err.reason);
	}
}

static void learn_all(uint32_t macs)
{
	struct fdb_stats stats;

	for (int i = 0; i < PATIENCE * 100; i++) {
		switch_drain_notifications(NULL);
		if (i % 100 == 99)
			switch_tick(NULL);
		fdb_get_stats(switch_find("s")->fdb, &stats);
		if (stats.entries == macs) {
			usleep(200000);
			return;
		}
		usleep(10000);
	}
	die("not all stations were learned");
}

struct reading {
	struct vsw_counters sum;
	struct worker_stats stats;
	uint64_t tsc;
};

static void read_all(struct reading *r)
{
	struct vsw_counters c[2];

	counters_sum(port_find("a")->id, &c[0]);
	counters_sum(port_find("b")->id, &c[1]);
	r->sum.tx_packets = c[0].tx_packets + c[1].tx_packets;
	r->sum.copies = c[0].copies + c[1].copies;
	workers_get_stats(0, &r->stats);
	r->tsc = rte_rdtsc();
}

static void measure(uint32_t macs, double seconds, bool profile, struct reading r[2])
{
	unsigned lcore = 1;

	if (workers_start(&(struct worker_options){
		    .lcores = &lcore, .n_workers = 1, .poll = true, .profile = profile}) < 0)
		die("no worker");
	build_switch(macs / 2);
	learn_all(macs);
	read_all(&r[0]);
	usleep(seconds * 1e6);
	read_all(&r[1]);
	if (r[1].sum.copies != r[0].sum.copies)
		die("frames were flooded while measuring");
	switch_shutdown();
	workers_stop();
}

static void row(uint32_t macs, double seconds)
{
	struct reading plain[2], staged[2];
	double frames, cycles;

	measure(macs, seconds, false, plain);
	measure(macs, seconds, true, staged);
	frames = plain[1].sum.tx_packets - plain[0].sum.tx_packets;
	cycles = plain[1].tsc - plain[0].tsc;
	printf("%9u  %6.1f  %7.1f  ", macs, frames / (cycles / rte_get_tsc_hz()) / 1e6,
		cycles / frames);
	frames = staged[1].sum.tx_packets - staged[0].sum.tx_packets;
	for (int i = 0; i < 6; i++)
		printf("  %7.1f",
			(staged[1].stats.stage_cycles[i] - staged[0].stats.stage_cycles[i]) /
				frames);
	printf("\n");
	fflush(stdout);
}

static void start_eal(const char *cpu)
{
	char lcores[64];
	char *argv[] = {"mac_curve", "--in-memory", "--no-pci", "--no-telemetry", "--lcores",
		lcores, "--log-level=*:error", "--file-prefix", "mac_curve"};

	snprintf(lcores, sizeof(lcores), "0@%c,1@%s", strcmp(cpu, "0") == 0 ? '1' : '0', cpu);
	if (rte_eal_init(RTE_DIM(argv), argv) < 0)
		die("DPDK did not start: are there huge pages?");
	if (mbuf_pools_create(16384) < 0 || notify_init() < 0)
		die("no memory");
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {{"cpu", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 's'}, {}};
	static const uint32_t usual[] = {2, 512, 8192, 65536, 131072, 262144, 524288, 1000000};
	const char *cpu = "1";
	double seconds = 2;
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (c == 'c')
			cpu = optarg;
		else if (c == 's')
			seconds = atof(optarg);
		else
			return 2;
	}
	start_eal(cpu);
	printf("     MACs    Mpps  cycles/frame");
	for (int i = 0; i < 6; i++)
		printf("  %7s", worker_stage_names[i]);
	printf("   (stages by a second run)\n");
	for (int i = optind; i < argc; i++)
		row(strtoul(argv[i], NULL, 10), seconds);
	for (size_t i = 0; optind == argc && i < RTE_DIM(usual); i++)
		row(usual[i], seconds);
	return 0;
}
