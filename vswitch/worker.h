/* SPDX-License-Identifier: BSD-3-Clause */
// Workers: one thread per data core, each running its queues' frames to completion.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "port.h"

#define VSW_MAX_WORKERS 32

struct worker_stats {
	unsigned cpu;
	uint16_t n_queues;
	uint64_t loops, busy_loops; // busy: at least one frame
	uint64_t packets;
	uint64_t sleeps;
	uint64_t busy_cycles, idle_cycles, sleep_cycles;
	uint64_t stage_cycles[6];   // see worker_stage_names; only while profiling is on
	uint64_t ring_in, ring_out; // frames from and to other workers
	double load;                // busy share of the last second, 0..1
};

extern const char *const worker_stage_names[6];

struct worker_options {
	const unsigned *lcores; // EAL lcores the workers run on
	unsigned n_workers;
	bool poll;       // never sleep
	bool profile;    // cycles per stage (costs a few per burst)
	bool no_threads; // the caller runs the data path itself, as fuzzers do
};

// Main thread. 0 or -errno.
int workers_start(const struct worker_options *options);
void workers_stop(void);
unsigned workers_count(void);

// Main thread. Attach gives the port's queues to the least loaded workers; detach returns when
// no worker touches the port any more and no ring holds a frame for it.
int workers_attach(struct vsw_port *port);
void workers_detach(struct vsw_port *port);
// Which worker polls a queue.
int workers_owner(const struct vsw_port *port, uint16_t queue);

// Main thread: returns when every worker has passed a quiescent state.
void workers_synchronize(void);
// Called in the main thread, from within the above or workers_tick(), when a worker takes
// suspiciously long: it may hang in a system call that somebody has made block. NULL: nothing.
void workers_set_rescue(void (*rescue)(void));
void workers_get_stats(unsigned worker, struct worker_stats *stats);
// Once a second: the share of time each worker was busy.
void workers_tick(void);
