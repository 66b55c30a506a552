/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "huge_pages.h"
#include "log.h"

#define MBUFS_HUGE    65536
#define MBUFS_NO_HUGE 32768
#define MBUF_BYTES    2560 // buffer, headers and the pool's own share
#define OTHER_MIB     128  // counters, stages, rings, drivers
// Pools leave the rest of a small page empty rather than have a buffer cross it, and this
// memory never grows: plan for drivers' own pools. What is not used is never touched.
#define MBUF_BYTES_NO_HUGE 4224
#define OTHER_MIB_NO_HUGE  768
#define DEFAULT_CORES      8

// The data cores: as asked, or what we may run on without the first, which the main thread has.
static int choose_cpus(
	const struct options *opt, cpu_set_t *data, cpu_set_t *control, struct vsw_error *err)
{
	cpu_set_t mine;
	unsigned n = 0;

	if (sched_getaffinity(0, sizeof(mine), &mine) < 0)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "cannot read the CPU affinity: %s",
			strerror(errno));
	CPU_ZERO(data);
	CPU_ZERO(control);
	if (opt->cpus_given) {
		*data = opt->cpus;
		CPU_AND(control, data, &mine);
		if (!CPU_EQUAL(control, data))
			return vsw_fail(err, VSW_E_INVALID,
				"name only CPUs that `taskset -cp $$` shows",
				"--cpus names a CPU that the daemon may not run on");
	} else {
		bool first = CPU_COUNT(&mine) > 1;

		for (unsigned cpu = 0; cpu < CPU_SETSIZE && n < DEFAULT_CORES; cpu++) {
			if (!CPU_ISSET(cpu, &mine))
				continue;
			if (!first) {
				CPU_SET(cpu, data);
				n++;
			}
			first = false;
		}
	}
	if (CPU_COUNT(data) > EAL_MAX_WORKERS)
		return vsw_fail(err, VSW_E_LIMIT, NULL, "at most %d data cores can be used",
			EAL_MAX_WORKERS);
	CPU_XOR(control, &mine, data);
	if (CPU_COUNT(control) == 0)
		*control = mine;
	return 0;
}

// --lcores: 0@(control CPUs),1@first data CPU,2@second …
static void lcores_text(const cpu_set_t *data, const cpu_set_t *control, char *text, size_t size,
	struct eal_result *result)
{
	size_t n = snprintf(text, size, "0@(");
	const char *comma = "";
	unsigned lcore = 1;

	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, control) || n > size / 2)
			continue;
		n += snprintf(text + n, size - n, "%s%u", comma, cpu);
		comma = ",";
	}
	n += snprintf(text + n, size - n, ")");
	result->n_workers = 0;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, data))
			continue;
		result->lcores[result->n_workers++] = lcore;
		n += snprintf(text + n, size - n, ",%u@%u", lcore++, cpu);
	}
}

static bool plan_memory(const struct options *opt, unsigned *mib, struct eal_result *result)
{
	uint32_t mbufs = opt->mbufs != 0 ? opt->mbufs : MBUFS_HUGE;

	*mib = OTHER_MIB + (uint64_t)mbufs * MBUF_BYTES / (1 << 20);
	result->mbufs = mbufs;
	result->huge = !opt->no_huge && huge_pages_ensure(*mib / 2);
	if (result->huge)
		return true;
	result->mbufs = opt->mbufs != 0 ? opt->mbufs : MBUFS_NO_HUGE;
	*mib = OTHER_MIB_NO_HUGE + (uint64_t)result->mbufs * MBUF_BYTES_NO_HUGE / (1 << 20);
	return false;
}

int eal_start(const struct options *opt, struct eal_result *result, struct vsw_error *err)
{
	char lcores[8192], prefix[48], memory[16];
	cpu_set_t data, control;
	unsigned mib;
	int ret = choose_cpus(opt, &data, &control, err);

	if (ret < 0)
		return ret;
	lcores_text(&data, &control, lcores, sizeof(lcores), result);
	snprintf(prefix, sizeof(prefix), "vswitch-%d", (int)getpid());
	char *argv[24] = {"vswitchd", "--lcores", lcores, "--main-lcore", "0", "--file-prefix",
		prefix, "--no-telemetry", "--iova-mode=va",
		// An allow-list of an impossible address: no foreign NIC is grabbed, and devices
	        // can still be attached later.
		"-a", "0000:00:00.0",
		opt->log_level >= LOG_LVL_DEBUG ? "--log-level=*:info" : "--log-level=*:error"};
	int argc = 12;

	if (plan_memory(opt, &mib, result)) {
		argv[argc++] = "--in-memory";
	} else {
		snprintf(memory, sizeof(memory), "%u", mib);
		argv[argc++] = "--no-huge";
		argv[argc++] = "--no-shconf";
		argv[argc++] = "-m";
		argv[argc++] = memory;
		log_info("memory", "running without huge pages, %u MiB", mib);
	}
	if (rte_eal_init(argc, argv) < 0) {
		huge_pages_return();
		return vsw_fail(err, VSW_E_INTERNAL, "look at the lines above, or try --no-huge",
			"DPDK did not start: %s", rte_strerror(rte_errno));
	}
	return 0;
}

void eal_stop(void)
{
	rte_eal_cleanup();
	huge_pages_return();
}
