/* SPDX-License-Identifier: BSD-3-Clause */
#include "counters.h"

#include <string.h>

#include "datapath.h"

const char *const vsw_drop_names[DROP_COUNT] = {
#define X(sym, name, help) name,
	VSW_DROPS(X)
#undef X
};

const char *const vsw_drop_help[DROP_COUNT] = {
#define X(sym, name, help) help,
	VSW_DROPS(X)
#undef X
};

static void add(struct vsw_counters *to, const struct vsw_counters *from)
{
	to->rx_packets += from->rx_packets;
	to->rx_bytes += from->rx_bytes;
	to->tx_packets += from->tx_packets;
	to->tx_bytes += from->tx_bytes;
	to->copies += from->copies;
	to->segments += from->segments;
	for (int i = 0; i < DROP_COUNT; i++)
		to->drops[i] += from->drops[i];
}

void counters_sum(uint16_t port_id, struct vsw_counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < vsw_n_workers; i++)
		add(sum, &vsw_workers[i]->ctr[port_id]);
}

void counters_retire(uint16_t port_id)
{
	struct vsw_counters sum;

	counters_sum(port_id, &sum);
	for (unsigned i = 0; i < vsw_n_workers; i++)
		memset(&vsw_workers[i]->ctr[port_id], 0, sizeof(struct vsw_counters));
	// No worker has port 0: only this thread writes there.
	add(&vsw_workers[0]->ctr[0], &sum);
}
