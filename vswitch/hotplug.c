/* SPDX-License-Identifier: BSD-3-Clause */
#include "hotplug.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include <jansson.h>

#include "address.h"
#include "log.h"
#include "port_nic.h"
#include <vswitch/control/config_model.h>
#include <vswitch/control/events.h>
#include <vswitch/control/reconcile.h>
#include <vswitch/nic/watch.h>

// A new card is first called eth0 or so; udev renames it, which it cannot once it is in use.
#define SETTLE_USEC 500000

static struct nic_watch *watch;
static sd_event_source *io_source, *settle_source;
static void (*tell_link)(struct vsw_port *port);
static bool retry_now;

static void publish(const char *event, const char *ifname, const uint8_t mac[6])
{
	char text[MAC_TEXT_SIZE];
	json_t *fields;

	mac_format(mac, text);
	fields = json_pack("{s:s, s:s}", "nic", ifname, "mac", text);
	if (fields != NULL) // the kernel allows names that are no UTF-8
		events_publish(event, fields);
}

// A port without its device waits for this NIC, as far as can be told from here.
static bool is_wanted(const struct nic_link *link)
{
	const struct config *config = config_current();

	for (unsigned i = 0; config != NULL && i < config->n_ports; i++) {
		const struct port_config *port = &config->ports[i].cfg;

		if (port->type != PORT_NIC || config_port_failure(port->name) == NULL)
			continue;
		if (strcmp(port->ifname, link->ifname) == 0 ||
			(port->nic.pci[0] != '\0' && link->physical) ||
			(!mac_is_zero(port->nic.perm_mac) &&
				memcmp(port->nic.perm_mac, link->perm_mac, 6) == 0))
			return true;
	}
	return false;
}

static void retry_for(const struct nic_link *link, bool settled)
{
	if (!is_wanted(link))
		return;
	if (settled || !link->physical ||
		sd_event_source_set_time_relative(settle_source, SETTLE_USEC) < 0 ||
		sd_event_source_set_enabled(settle_source, SD_EVENT_ONESHOT) < 0)
		retry_now = true;
}

static void lose(struct vsw_port *port, const struct nic_link *link)
{
	const bool told = port->link_told;
	struct vsw_error err = {};
	char reason[sizeof(port->link.reason)];

	snprintf(reason, sizeof(reason), "the interface %s is gone", link->ifname);
	port->link = (struct port_link){};
	memcpy(port->link.reason, reason, sizeof(reason));
	port->link_told = false;
	if (told)
		tell_link(port);
	if (config_port_lost(port->cfg.name, reason, &err) < 0)
		log_error("nic", "%s: %s", link->ifname, err.reason);
}

static void on_change(
	enum link_change change, const struct nic_link *link, const char *old_name, void *)
{
	struct vsw_port *port = port_nic_by_index(link->ifindex);

	switch (change) {
	case LINK_ADDED:
		publish("nic-added", link->ifname, link->mac);
		if (port == NULL)
			retry_for(link, false);
		break;
	case LINK_REMOVED:
		publish("nic-removed", link->ifname, link->mac);
		if (port != NULL)
			lose(port, link);
		break;
	case LINK_RENAMED:
		log_info("nic", "%s is called %s now", old_name, link->ifname);
		publish("nic-removed", old_name, link->mac);
		publish("nic-added", link->ifname, link->mac);
		if (port == NULL)
			retry_for(link, true);
		break;
	case LINK_FLAGS: break;
	}
	if (port != NULL && change != LINK_REMOVED)
		port_refresh_link(port, tell_link);
}

static int on_readable(sd_event_source *, int, uint32_t, void *)
{
	nic_watch_handle(watch, on_change, NULL);
	if (retry_now) {
		retry_now = false;
		config_retry_now();
	}
	return 0;
}

static int on_settled(sd_event_source *, uint64_t, void *)
{
	config_retry_now();
	return 0;
}

int hotplug_start(sd_event *event, void (*on_link)(struct vsw_port *port), struct vsw_error *err)
{
	int ret = nic_watch_open(&watch);

	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "cannot follow the host's NICs: %s",
			strerror(-ret));
	tell_link = on_link;
	ret = sd_event_add_io(event, &io_source, nic_watch_fd(watch), EPOLLIN, on_readable, NULL);
	if (ret >= 0)
		ret = sd_event_add_time_relative(
			event, &settle_source, CLOCK_MONOTONIC, 0, 10000, on_settled, NULL);
	if (ret >= 0)
		ret = sd_event_source_set_enabled(settle_source, SD_EVENT_OFF);
	if (ret >= 0)
		return 0;
	hotplug_stop();
	return vsw_fail(err, VSW_E_INTERNAL, NULL, "no event source: %s", strerror(-ret));
}

void hotplug_stop(void)
{
	settle_source = sd_event_source_disable_unref(settle_source);
	io_source = sd_event_source_disable_unref(io_source);
	nic_watch_close(watch);
	watch = NULL;
}
