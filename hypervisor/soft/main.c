/* SPDX-License-Identifier: BSD-3-Clause */
// hvsoft: the partition's bus and its link to vswitchd here, the guest in threads of its own.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <hypervisor/vmbus/bus.h>
#include <hypervisor/vmbus/identity.h>
#include <hypervisor/vmbus/vsp_link.h>

#include "guest.h"
#include "options.h"
#include "stats.h"

#define REMOVE_MS 2000 // for the switch to let go of the NIC

struct partition {
	struct options opt;
	struct guest_pages pages;
	struct synic *synic;
	struct vmbus_bus *bus;
	struct vsp_link *link;
	struct hypercall hypercall;
	struct endpoint *ep;
	struct guest guest;
	int room_fd, signal_fd, timer_fd, epoll;
	struct timespec start;
	bool was_attached, attached;
	uint64_t reconnects;
};

static void tell(void *, bool warning, const char *text)
{
	fprintf(stderr, "hvsoft: %s%s\n", warning ? "warning: " : "", text);
}

// From the guest's thread.
static void on_room(void *arg)
{
	eventfd_write(((struct partition *)arg)->room_fd, 1);
}

static int handle_message(void *arg, uint32_t connection_id, const void *msg, size_t len)
{
	return vmbus_bus_message(((struct partition *)arg)->bus, connection_id, msg, len);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec + (now.tv_nsec - start->tv_nsec) / 1e9;
}

static void write_stats(const struct partition *p, bool ended)
{
	static const char *const names[] = {
		[VSP_LINK_AWAY] = "away",
		[VSP_LINK_ATTACHING] = "attaching",
		[VSP_LINK_ATTACHED] = "attached",
		[VSP_LINK_REFUSED] = "refuses",
		[VSP_LINK_REMOVED] = "detached",
	};
	char reason[HANDOVER_REASON_SIZE];
	enum vsp_link_state state = VSP_LINK_AWAY;
	struct stats_extra extra = {
		.seconds = seconds_since(&p->start),
		.reconnects = p->reconnects,
		.ended = ended,
	};

	if (p->link != NULL)
		state = vsp_link_state(p->link, reason, sizeof(reason));
	extra.link = names[state];

	stats_write(stdout, &p->guest, &extra);
}

static void run_link(struct partition *p)
{
	char reason[HANDOVER_REASON_SIZE];
	bool attached;

	if (p->link == NULL)
		return;
	vsp_link_run(p->link);
	attached = vsp_link_state(p->link, reason, sizeof(reason)) == VSP_LINK_ATTACHED;
	if (attached && !p->attached && p->was_attached)
		p->reconnects++;
	p->was_attached |= attached;
	p->attached = attached;
	atomic_store(&p->guest.host_is_there, attached);
}

static void on_signal(struct partition *p)
{
	struct signalfd_siginfo si;

	while (read(p->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGUSR1)
			write_stats(p, false);
		else
			guest_stop(&p->guest);
	}
}

// Waits for something and deals with it. True: the guest has ended.
static bool run_once(struct partition *p, int ms)
{
	struct epoll_event ev[8];
	int n = epoll_wait(p->epoll, ev, 8, ms);
	bool ended = false;
	eventfd_t count;

	for (int i = 0; i < n; i++) {
		if (ev[i].data.fd == p->hypercall.fd)
			hypercall_run(&p->hypercall, handle_message, p);
		else if (ev[i].data.fd == p->signal_fd)
			on_signal(p);
		else if (ev[i].data.fd == p->guest.ended_fd)
			ended = true;
		else if (ev[i].data.fd == p->room_fd)
			eventfd_read(p->room_fd, &count);
		else if (ev[i].data.fd == p->timer_fd) {
			eventfd_read(p->timer_fd, &count);
			guest_stop(&p->guest);
		}
	}
	run_link(p);
	vmbus_bus_flush(p->bus);
	return ended;
}

// Takes the NIC away and gives the switch a moment to say that it has let go.
static void remove_nic(struct partition *p)
{
	char reason[HANDOVER_REASON_SIZE];
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	epoll_ctl(p->epoll, EPOLL_CTL_DEL, p->guest.ended_fd, NULL);
	vsp_link_remove(p->link);
	while (vsp_link_state(p->link, reason, sizeof(reason)) == VSP_LINK_ATTACHED &&
		seconds_since(&start) * 1000 < REMOVE_MS)
		run_once(p, 50);
}

static int watch(struct partition *p, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	return fd < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int create_link(struct partition *p)
{
	struct vsp_link_options options = {
		.bus = p->bus,
		.synic = &hv_synic_ops,
		.synic_arg = synic_hv(p->synic),
		.mem = &p->pages.mem,
		.n_vps = p->opt.queues,
		.socket_path = p->opt.vsp_socket,
		.partition = p->opt.partition,
		.nic = p->opt.nic,
		.port = p->opt.port,
		.software = "hvsoft " VSW_VERSION,
		.instance = identity_guid(p->opt.partition, p->opt.nic),
		.tell = tell,
	};

	if (p->opt.mac_given)
		memcpy(options.mac, p->opt.mac, sizeof(options.mac));
	else
		identity_mac(&options.instance, options.mac);
	p->link = vsp_link_create(&options);
	return p->link == NULL ? -errno : watch(p, vsp_link_fd(p->link));
}

static int start_timer(struct partition *p)
{
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)p->opt.seconds,
		.it_value.tv_nsec = (p->opt.seconds - (time_t)p->opt.seconds) * 1e9,
	};

	p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (p->timer_fd < 0 || timerfd_settime(p->timer_fd, 0, &when, NULL) < 0)
		return -errno;
	return watch(p, p->timer_fd);
}

static int create_fds(struct partition *p)
{
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	// Before any thread is made, so that none of them takes these.
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	p->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = p->epoll < 0 ? -errno : watch(p, p->signal_fd);
	if (ret == 0)
		ret = watch(p, p->room_fd);
	return ret < 0 ? ret : start_timer(p);
}

static int create(struct partition *p)
{
	int ret = guest_mem_catch_faults();

	if (ret == 0)
		ret = create_fds(p);
	if (ret == 0)
		ret = hypercall_init(&p->hypercall);
	if (ret == 0)
		ret = watch(p, p->hypercall.fd);
	if (ret == 0)
		ret = guest_pages_create(&p->pages, p->opt.memory);
	if (ret < 0)
		return ret;
	p->synic = synic_create(&p->pages.mem, p->opt.queues);
	if (p->synic == NULL)
		return -errno;
	synic_on_room(p->synic, on_room, p);
	p->bus = vmbus_bus_create(&hv_synic_ops, synic_hv(p->synic), &p->pages.mem, p->opt.queues);
	return p->bus == NULL ? -errno : 0;
}

static int run(struct partition *p)
{
	bool ended = false;
	int ret = guest_start(&p->guest, &p->opt, &p->pages, p->synic, &p->hypercall, p->ep);

	if (ret == 0)
		ret = watch(p, p->guest.ended_fd);
	if (ret < 0)
		return ret;
	clock_gettime(CLOCK_MONOTONIC, &p->start);
	// The guest's first contact goes before ours: the switch is then told the bus's version.
	while (vmbus_bus_version(p->bus) == 0 && !atomic_load(&p->guest.stop) && !ended)
		ended = run_once(p, -1);
	ret = create_link(p);
	if (ret < 0) {
		tell(NULL, true, strerror(-ret));
		guest_stop(&p->guest);
	}
	while (!run_once(p, -1))
		;
	write_stats(p, true);
	if (p->link != NULL)
		remove_nic(p);
	if (ret == 0)
		ret = p->guest.status;
	if (ret == 0 && stats_faults(&p->guest) > 0)
		ret = -EPROTO;
	hypercall_close(&p->hypercall);
	guest_stop(&p->guest);
	guest_join(&p->guest);
	return ret;
}

static void destroy(struct partition *p)
{
	vsp_link_destroy(p->link);
	vmbus_bus_destroy(p->bus);
	synic_destroy(p->synic);
	guest_pages_destroy(&p->pages);
	if (p->ep != NULL)
		p->ep->ops->destroy(p->ep);
}

int main(int argc, char **argv)
{
	static struct partition p;
	int ret = options_parse(argc, argv, &p.opt);

	if (ret != 0)
		return ret > 0 ? 0 : 2;
	ret = create(&p);
	if (ret < 0) {
		fprintf(stderr, "hvsoft: cannot start: %s\n", strerror(-ret));
		return 1;
	}
	p.ep = p.opt.pktgen != PKTGEN_NONE ? pktgen_create(&p.opt) : tap_create(&p.opt);
	if (p.ep == NULL)
		return 1;
	ret = run(&p);
	destroy(&p);
	return ret < 0 ? 1 : 0;
}
