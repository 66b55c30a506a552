/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "syntax.h"

struct list {
	char *text;
	size_t size;
	const char *between;
};

static void __attribute__((format(printf, 2, 3))) append(struct list *list, const char *fmt, ...)
{
	size_t len = strlen(list->text);
	va_list ap;

	if (len > 0)
		len += snprintf(list->text + len, list->size - len, "%s", list->between);
	if (len >= list->size)
		return;
	va_start(ap, fmt);
	vsnprintf(list->text + len, list->size - len, fmt, ap);
	va_end(ap);
}

static unsigned mtu_of(const struct port_config *port)
{
	return port->mtu == 0 ? 1500 : port->mtu;
}

static unsigned queues_of(const struct port_config *port)
{
	if (port->queues != 0)
		return port->queues;
	return port->type == PORT_VMNIC ? VSW_CHANNELS_DEFAULT : 1;
}

static const char *mac_text(const uint8_t mac[6], char text[MAC_TEXT_SIZE])
{
	if (mac_is_zero(mac))
		return "chosen by itself";
	mac_format(mac, text);
	return text;
}

void port_describe_changes(
	const struct port_config *from, const struct port_config *to, char *text, size_t size)
{
	struct list list = {text, size, ", "};
	char vlan[80], mac[MAC_TEXT_SIZE];

	text[0] = '\0';
	if (memcmp(&from->vlan, &to->vlan, sizeof(to->vlan)) != 0) {
		vlan_format(&to->vlan, vlan, sizeof(vlan));
		append(&list, "VLAN %s", vlan);
	}
	if (from->mtu != to->mtu)
		append(&list, "MTU %u", mtu_of(to));
	if (memcmp(from->mac, to->mac, sizeof(to->mac)) != 0)
		append(&list, "MAC %s", mac_text(to->mac, mac));
	if (from->mac_limit != to->mac_limit)
		append(&list, "MAC limit %u", to->mac_limit);
	if (from->link_down != to->link_down)
		append(&list, "link %s", to->link_down ? "down" : "up");
}

static void differ_word(struct list *list, const char *what, const char *is, const char *asked)
{
	if (strcmp(is, asked) != 0)
		append(list, "its %s is '%.40s', not '%.40s'", what, is, asked);
}

void port_describe_difference(
	const struct port_config *is, const struct port_config *asked, char *text, size_t size)
{
	struct list list = {text, size, " and "};
	char vlan[2][80], mac[2][MAC_TEXT_SIZE];

	text[0] = '\0';
	differ_word(&list, "switch", is->switch_name, asked->switch_name);
	differ_word(&list, "type", port_type_names[is->type], port_type_names[asked->type]);
	if (is->type != asked->type)
		return;
	differ_word(&list, "interface", is->ifname, asked->ifname);
	differ_word(&list, "netns", is->netns, asked->netns);
	differ_word(&list, "devargs", is->devargs, asked->devargs);
	differ_word(&list, "role", nic_role_names[is->nic.role], nic_role_names[asked->nic.role]);
	differ_word(&list, "driver", nic_driver_names[is->nic.driver],
		nic_driver_names[asked->nic.driver]);
	differ_word(&list, "vhost socket", is->vhost.path, asked->vhost.path);
	differ_word(&list, "vhost mode", vhost_mode_names[is->vhost.mode],
		vhost_mode_names[asked->vhost.mode]);
	differ_word(&list, "vhost owner", is->vhost.owner, asked->vhost.owner);
	if (is->vhost.perm != asked->vhost.perm)
		append(&list, "its vhost permissions are not %04o", asked->vhost.perm);
	differ_word(&list, "user", is->vmnic.user, asked->vmnic.user);
	vlan_format(&is->vlan, vlan[0], sizeof(vlan[0]));
	vlan_format(&asked->vlan, vlan[1], sizeof(vlan[1]));
	if (memcmp(&is->vlan, &asked->vlan, sizeof(is->vlan)) != 0)
		append(&list, "its VLAN is %s, not %s", vlan[0], vlan[1]);
	if (is->mtu != asked->mtu)
		append(&list, "its MTU is %u, not %u", mtu_of(is), mtu_of(asked));
	if (memcmp(is->mac, asked->mac, 6) != 0)
		append(&list, "its MAC is %s, not %s", mac_text(is->mac, mac[0]),
			mac_text(asked->mac, mac[1]));
	if (is->queues != asked->queues)
		append(&list, "it has %u queues, not %u", queues_of(is), queues_of(asked));
	if (is->mac_limit != asked->mac_limit)
		append(&list, "its MAC limit is %u, not %u", is->mac_limit, asked->mac_limit);
	if (is->link_down != asked->link_down)
		append(&list, "its link is %s", is->link_down ? "down" : "up");
}
