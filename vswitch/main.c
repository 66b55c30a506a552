/* SPDX-License-Identifier: BSD-3-Clause */
// vswitchd: options, DPDK, workers, configuration, then events until told to stop.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include <jansson.h>

#include "address.h"
#include "eal.h"
#include "hotplug.h"
#include "log.h"
#include "mbuf_pool.h"
#include "notify.h"
#include "options.h"
#include "switch.h"
#include "worker.h"
#include <vswitch/control/control.h>
#include <vswitch/control/events.h>
#include <vswitch/control/live.h>
#include <vswitch/control/reconcile.h>
#include <vswitch/vmnic/nics.h>

#define TICK_USEC 1000000

static void on_link(struct vsw_port *port)
{
	log_info("port", "link %s port=%s%s%s", port->link.up ? "up" : "down", port->cfg.name,
		port->link.reason[0] != '\0' ? " reason=" : "", port->link.reason);
	events_publish(port->link.up ? "link-up" : "link-down",
		json_pack("{s:s, s:s, s:s}", "switch", port->cfg.switch_name, "port",
			port->cfg.name, "reason", port->link.reason));
}

static void on_loop(struct vsw_switch *sw, struct vsw_port *port, struct vsw_port *other,
	const uint8_t mac[6], uint16_t vlan)
{
	char text[MAC_TEXT_SIZE];

	mac_format(mac, text);
	log_warn("loop", "the same station on two ports switch=%s mac=%s vlan=%u port=%s other=%s",
		sw->cfg.name, text, vlan, port->cfg.name, other != NULL ? other->cfg.name : "?");
	events_publish(
		"loop-detected", json_pack("{s:s, s:s, s:s, s:i, s:s*}", "switch", sw->cfg.name,
					 "port", port->cfg.name, "mac", text, "vlan", vlan,
					 "other_port", other != NULL ? other->cfg.name : NULL));
}

static int on_notify(sd_event_source *, int, uint32_t, void *)
{
	switch_drain_notifications(on_loop);
	nics_poked();
	return 0;
}

// Interfaces that were deleted, or their namespace with them: closed, and tried again until they
// can be made anew.
static void close_lost_ports(void)
{
	struct vsw_error err = {};
	struct vsw_port *port = NULL;
	char reason[sizeof(port->link.reason)];

	while ((port = port_next(port)) != NULL) {
		if (!port->link.lost)
			continue;
		memcpy(reason, port->link.reason, sizeof(reason));
		if (config_port_lost(port->cfg.name, reason, &err) < 0) {
			log_error("port", "%s", err.reason);
			return;
		}
		port = NULL; // that one is freed
	}
}

static int on_tick(sd_event_source *s, uint64_t usec, void *)
{
	switch_tick(on_link);
	nics_tick();
	close_lost_ports();
	config_retry_tick();
	sd_event_source_set_time(s, usec + TICK_USEC);
	return sd_event_source_set_enabled(s, SD_EVENT_ON);
}

static int watch(sd_event *event)
{
	uint64_t now;
	int ret = sd_event_now(event, CLOCK_MONOTONIC, &now);

	if (ret < 0)
		return ret;
	ret = sd_event_add_io(event, NULL, notify_fd(), EPOLLIN, on_notify, NULL);
	if (ret < 0)
		return ret;
	ret = sd_event_add_time(
		event, NULL, CLOCK_MONOTONIC, now + TICK_USEC, 100000, on_tick, NULL);
	if (ret < 0)
		return ret;
	ret = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
	if (ret < 0)
		return ret;
	return sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
}

// Before any thread is made, so that none of them takes these signals.
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int fail(const struct vsw_error *err)
{
	log_error(
		"vswitchd", "%s%s%s", err->reason, err->remedy[0] != '\0' ? "; " : "", err->remedy);
	return 1;
}

static int serve(const struct options *opt, struct vsw_error *err)
{
	const struct control_options control = {
		.socket_path = opt->socket,
		.state_dir = opt->state_dir,
		.run_dir = opt->run_dir,
		.poll = opt->poll,
	};
	sd_event *event = NULL;
	int ret = sd_event_default(&event);

	if (ret < 0 || watch(event) < 0) {
		sd_event_unref(event);
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "no event loop: %s", strerror(-ret));
	}
	config_set_live(&live_switch_ops);
	ret = hotplug_start(event, on_link, err);
	if (ret < 0)
		goto out;
	ret = config_restore(opt->state_dir, err);
	if (ret < 0)
		goto out;
	// Guests of a daemon before this one wait without their network.
	ret = nics_start(event, opt->vsp_socket, err);
	if (ret < 0)
		goto out;
	ret = control_start(event, &control, err);
	if (ret < 0)
		goto out;
	log_info("vswitchd", "ready version=%s workers=%u socket=%s", VSW_VERSION, workers_count(),
		opt->socket);
	sd_notifyf(0, "READY=1\nSTATUS=%u workers, socket %s", workers_count(), opt->socket);
	ret = sd_event_loop(event);
	sd_notify(0, "STOPPING=1");
	log_info("vswitchd", "stopping");
	control_stop();
out:
	nics_stop();
	hotplug_stop();
	switch_shutdown();
	config_close();
	sd_event_unref(event);
	return ret;
}

static int run(const struct options *opt, struct vsw_error *err)
{
	struct eal_result eal;
	struct worker_options workers = {.poll = opt->poll, .profile = opt->profile};
	int ret = eal_start(opt, &eal, err);

	if (ret < 0)
		return ret;
	ret = mbuf_pools_create(eal.mbufs);
	if (ret < 0) {
		vsw_fail(err, VSW_E_INTERNAL, "use fewer: --mbufs, or free huge pages",
			"no memory for %u packet buffers", eal.mbufs);
		goto out;
	}
	ret = notify_init();
	if (ret < 0) {
		vsw_fail(err, VSW_E_INTERNAL, NULL, "no memory for notifications");
		goto out;
	}
	workers.lcores = eal.lcores;
	workers.n_workers = eal.n_workers;
	ret = workers_start(&workers);
	if (ret < 0) {
		vsw_fail(err, VSW_E_INTERNAL, NULL, "workers did not start: %s", strerror(-ret));
		goto out;
	}
	ret = serve(opt, err);
	workers_stop();
out:
	notify_fini();
	mbuf_pools_destroy();
	eal_stop();
	return ret;
}

int main(int argc, char **argv)
{
	struct vsw_error err = {};
	struct options opt;
	int ret = options_parse(argc, argv, &opt);

	if (ret != 0)
		return ret > 0 ? 0 : 2;
	log_set_level(opt.log_level);
	block_signals();
	if (mkdir(opt.run_dir, 0755) < 0 && errno != EEXIST) {
		vsw_fail(&err, VSW_E_STATE, "make it, or name another with --run-dir",
			"run directory %s cannot be made: %s", opt.run_dir, strerror(errno));
		return fail(&err);
	}
	return run(&opt, &err) < 0 ? fail(&err) : 0;
}
