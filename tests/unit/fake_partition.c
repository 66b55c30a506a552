/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_partition.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

void fake_partition_init(struct partition *p, const char *name)
{
	struct timespec now;

	*p = (struct partition){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	clock_gettime(CLOCK_MONOTONIC, &now);
	p->info = (struct partition_info){
		.name = name,
		.console = "none",
		.memory = 512ull << 20,
		.n_vcpus = 2,
		.vmbus_version = 0x50003,
		.started_us = now.tv_sec * 1000000ull,
		.exits = {.returns = 12, .port = 5, .synic = 4, .other = 3},
		.n_nics = 1,
		.nic[0] = {.name = "nic0",
			.port = "web1",
			.instance = "11111111-2222-3333-4444-555555555555",
			.mac = {2, 0, 0, 0, 0, 1},
			.link = VSP_LINK_ATTACHED},
	};
	for (unsigned i = 0; i < FAKE_WATCHES; i++)
		p->watch[i].fd = -1;
}

void fake_partition_close(struct partition *p)
{
	close(p->epoll);
}

void partition_get_info(struct partition *p, struct partition_info *info)
{
	*info = p->info;
}

void partition_stop(struct partition *p, unsigned seconds)
{
	p->n_stops++;
	p->stop_seconds = seconds;
	p->info.state = PARTITION_STOPPING;
}

void partition_kill(struct partition *p)
{
	p->killed = true;
	p->info.state = PARTITION_OFF;
}

int partition_reset(struct partition *p)
{
	p->n_resets++;
	p->info.n_resets++;
	return p->reset_result;
}

static struct partition_nic_info *find_nic(struct partition *p, const char *name)
{
	for (unsigned i = 0; i < p->info.n_nics; i++)
		if (strcmp(p->info.nic[i].name, name) == 0)
			return &p->info.nic[i];
	return NULL;
}

int partition_add_nic(
	struct partition *p, const struct options_nic *nic, char why[PARTITION_WHY_SIZE])
{
	struct partition_nic_info *info = &p->info.nic[p->info.n_nics];

	snprintf(why, PARTITION_WHY_SIZE, "as the test wants");
	p->added = *nic;
	if (p->nic_result < 0)
		return p->nic_result;
	if (p->info.n_nics == OPTIONS_MAX_NICS)
		return -ENOSPC;
	if (find_nic(p, nic->name) != NULL) {
		snprintf(why, PARTITION_WHY_SIZE, "there is a NIC '%s' already; see: hvctl show %s",
			nic->name, p->info.name);
		return -EEXIST;
	}
	*info = (struct partition_nic_info){.link = VSP_LINK_AWAY, .reason = "no provider"};
	snprintf(info->name, sizeof(info->name), "%s", nic->name);
	snprintf(info->port, sizeof(info->port), "%s", nic->port);
	memcpy(info->mac, nic->mac, 6);
	p->info.n_nics++;
	return 0;
}

int partition_del_nic(struct partition *p, const char *name, char why[PARTITION_WHY_SIZE])
{
	struct partition_nic_info *nic = find_nic(p, name);

	snprintf(p->removed, sizeof(p->removed), "%s", name);
	if (p->nic_result < 0)
		return p->nic_result;
	if (nic == NULL) {
		snprintf(why, PARTITION_WHY_SIZE, "there is no NIC '%s'; see: hvctl show %s", name,
			p->info.name);
		return -ENOENT;
	}
	p->info.n_nics--;
	memmove(nic, nic + 1, (char *)&p->info.nic[p->info.n_nics] - (char *)nic);
	return 0;
}

static struct fake_watch *find_watch(struct partition *p, int fd)
{
	for (unsigned i = 0; i < FAKE_WATCHES; i++)
		if (p->watch[i].fd == fd)
			return &p->watch[i];
	return NULL;
}

int partition_watch(struct partition *p, int fd, uint32_t events,
	void (*ready)(void *arg, uint32_t events), void *arg)
{
	struct fake_watch *w = find_watch(p, -1);
	struct epoll_event ev = {.events = events, .data.fd = fd};

	if (w == NULL)
		return -ENOSPC;
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	*w = (struct fake_watch){fd, ready, arg};
	return 0;
}

int partition_rewatch(struct partition *p, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	if (find_watch(p, fd) == NULL)
		abort();
	return epoll_ctl(p->epoll, EPOLL_CTL_MOD, fd, &ev) < 0 ? -errno : 0;
}

void partition_unwatch(struct partition *p, int fd)
{
	struct fake_watch *w = find_watch(p, fd);

	// Only what is watched, and before it is closed.
	if (w == NULL || epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL) < 0)
		abort();
	w->fd = -1;
}

bool fake_partition_run(struct partition *p, int ms)
{
	struct epoll_event ev[8];
	int n = epoll_wait(p->epoll, ev, 8, ms);

	for (int i = 0; i < n; i++) {
		struct fake_watch *w = find_watch(p, ev[i].data.fd);

		if (w != NULL)
			w->ready(w->arg, ev[i].events);
	}
	return n > 0;
}

void fake_partition_settle(struct partition *p)
{
	unsigned turns = 0;

	// Who is always ready never lets the machine sleep.
	while (fake_partition_run(p, 5))
		if (++turns > 100000)
			abort();
}

unsigned fake_partition_watches(const struct partition *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_WATCHES; i++)
		n += p->watch[i].fd >= 0;
	return n;
}
