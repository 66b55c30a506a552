/* SPDX-License-Identifier: BSD-3-Clause */
// What there is to tell of a partition.
#include <stdio.h>
#include <string.h>

#include "partition_state.h"

void partition_add_stats(struct vm_stats *sum, const struct vm_stats *s)
{
	sum->returns += s->returns;
	sum->port += s->port;
	sum->mmio += s->mmio;
	sum->synic += s->synic;
	sum->hypercall += s->hypercall;
	sum->signal += s->signal;
	sum->other += s->other;
}

// The bus lock is held.
static void describe(const struct nic *nic, struct partition_nic_info *info)
{
	// The first three fields of a GUID are numbers, little endian.
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	const uint8_t *bytes = (const uint8_t *)&nic->instance;
	char *at = info->instance;

	memcpy(info->name, nic->opt.name, sizeof(info->name));
	memcpy(info->port, nic->opt.port, sizeof(info->port));
	memcpy(info->mac, nic->mac, sizeof(info->mac));
	for (unsigned i = 0; i < sizeof(order); i++)
		at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
			bytes[order[i]]);
	info->link = vsp_link_state(nic->link, info->reason, sizeof(info->reason));
	info->removing = nic->removing;
}

void partition_get_info(struct partition *p, struct partition_info *info)
{
	struct vm_stats now = {};

	if (p->vm != NULL)
		vm_get_stats(p->vm, &now);
	partition_add_stats(&now, &p->past);
	*info = (struct partition_info){
		.name = p->opt->name,
		.console = p->console != NULL ? console_place(p->console) : "none",
		.state = p->state,
		.memory = p->ram.size,
		.huge = p->ram.huge,
		.n_vcpus = p->opt->cpus,
		.started_us = p->started_us,
		.n_resets = p->n_resets,
		.exits = now,
	};
	pthread_mutex_lock(&p->bus_lock);
	info->vmbus_version = vmbus_bus_version(p->bus);
	for (unsigned i = 0; i < OPTIONS_MAX_NICS; i++)
		if (p->nic[i].link != NULL)
			describe(&p->nic[i], &info->nic[info->n_nics++]);
	pthread_mutex_unlock(&p->bus_lock);
}
