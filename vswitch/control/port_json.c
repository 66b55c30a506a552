/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_rules.h"
#include "syntax.h"

int error_prefix(struct vsw_error *err, const char *fmt, ...)
{
	char reason[sizeof(err->reason)];
	va_list ap;
	size_t len;

	memcpy(reason, err->reason, sizeof(reason));
	va_start(ap, fmt);
	vsnprintf(err->reason, sizeof(err->reason), fmt, ap);
	va_end(ap);
	len = strlen(err->reason);
	snprintf(err->reason + len, sizeof(err->reason) - len, "%s", reason);
	return -(int)err->code;
}

int json_copy_string(const json_t *value, char *to, size_t size, struct vsw_error *err)
{
	const char *text = json_string_value(value);

	if (text == NULL)
		return vsw_fail(err, VSW_E_INVALID, NULL, "must be a string");
	if (strlen(text) != json_string_length(value))
		return vsw_fail(err, VSW_E_INVALID, NULL, "has a NUL character");
	if (strlen(text) >= size)
		return vsw_fail(err, VSW_E_INVALID, NULL, "is longer than %zu bytes", size - 1);
	snprintf(to, size, "%s", text);
	return 0;
}

int json_copy_uint(
	const json_t *value, uint64_t min, uint64_t max, uint64_t *to, struct vsw_error *err)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value))
		return vsw_fail(err, VSW_E_INVALID, NULL, "must be a whole number");
	if (number < 0 || (uint64_t)number < min || (uint64_t)number > max)
		return vsw_fail(err, VSW_E_INVALID, NULL, "%lld is not in %llu to %llu",
			(long long)number, (unsigned long long)min, (unsigned long long)max);
	*to = number;
	return 0;
}

int json_copy_mac(const json_t *value, uint8_t mac[6], struct vsw_error *err)
{
	char text[MAC_TEXT_SIZE];

	if (json_copy_string(value, text, sizeof(text), NULL) < 0 || mac_parse(text, mac) < 0)
		return vsw_fail(
			err, VSW_E_INVALID, "as in 02:00:00:00:00:01", "must be a MAC address");
	return 0;
}

int json_copy_word(const json_t *value, const char *const *words, int *index, struct vsw_error *err)
{
	const char *text = json_string_value(value);
	char list[80] = "";

	if (text != NULL && (*index = word_index(words, text)) >= 0)
		return 0;
	for (unsigned i = 0; words[i] != NULL; i++) {
		size_t len = strlen(list);

		snprintf(list + len, sizeof(list) - len, "%s%s", i == 0 ? "" : ", ", words[i]);
	}
	return vsw_fail(err, VSW_E_INVALID, NULL, "must be one of %s", list);
}

struct port_key {
	const char *name;
	int (*read)(const json_t *value, struct port_config *port, struct vsw_error *err);
	// NULL: as in `defaults`.
	json_t *(*write)(const struct port_config *port, const struct port_config *defaults);
	unsigned set;
	unsigned types; // bit per port_type that has it
};

static int read_name(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	return json_copy_string(value, port->name, sizeof(port->name), err);
}

static json_t *write_name(const struct port_config *port, const struct port_config *)
{
	return json_string(port->name);
}

static int read_switch(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	return json_copy_string(value, port->switch_name, sizeof(port->switch_name), err);
}

static json_t *write_switch(const struct port_config *port, const struct port_config *)
{
	return json_string(port->switch_name);
}

static int read_type(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	int index = 0, ret = json_copy_word(value, port_type_names, &index, err);

	port->type = index;
	return ret;
}

static json_t *write_type(const struct port_config *port, const struct port_config *)
{
	return json_string(port_type_names[port->type]);
}

static int read_ifname(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	return json_copy_string(value, port->ifname, sizeof(port->ifname), err);
}

static json_t *write_string(const char *is, const char *otherwise)
{
	return strcmp(is, otherwise) == 0 ? NULL : json_string(is);
}

static json_t *write_ifname(const struct port_config *port, const struct port_config *defaults)
{
	return write_string(port->ifname, defaults->ifname);
}

static int read_netns(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	return json_copy_string(value, port->netns, sizeof(port->netns), err);
}

static json_t *write_netns(const struct port_config *port, const struct port_config *)
{
	return write_string(port->netns, "");
}

static int read_devargs(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	return json_copy_string(value, port->devargs, sizeof(port->devargs), err);
}

static json_t *write_devargs(const struct port_config *port, const struct port_config *)
{
	return write_string(port->devargs, "");
}

static int read_role(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	int index = 0, ret = json_copy_word(value, nic_role_names, &index, err);

	port->nic.role = index;
	return ret;
}

static json_t *write_role(const struct port_config *port, const struct port_config *)
{
	return port->nic.role == NIC_ROLE_UPLINK ? NULL
	                                         : json_string(nic_role_names[port->nic.role]);
}

static int read_driver(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	int index = 0, ret = json_copy_word(value, nic_driver_names, &index, err);

	port->nic.driver = index;
	return ret;
}

static json_t *write_driver(const struct port_config *port, const struct port_config *)
{
	return port->nic.driver == NIC_DRIVER_AUTO
	               ? NULL
	               : json_string(nic_driver_names[port->nic.driver]);
}

static int read_pci(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	char text[PCI_TEXT_SIZE];

	if (json_copy_string(value, text, sizeof(text), NULL) < 0 ||
		pci_parse(text, port->nic.pci) < 0)
		return vsw_fail(err, VSW_E_INVALID, "as in 0000:03:00.0", "must be a PCI address");
	return 0;
}

static json_t *write_pci(const struct port_config *port, const struct port_config *)
{
	return write_string(port->nic.pci, "");
}

static json_t *write_mac_value(const uint8_t mac[6])
{
	char text[MAC_TEXT_SIZE];

	mac_format(mac, text);
	return mac_is_zero(mac) ? NULL : json_string(text);
}

static int read_perm_mac(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	int ret = json_copy_mac(value, port->nic.perm_mac, err);

	return ret < 0 ? ret : mac_check(port->nic.perm_mac, err);
}

static json_t *write_perm_mac(const struct port_config *port, const struct port_config *)
{
	return write_mac_value(port->nic.perm_mac);
}

static int read_mac(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	int ret = json_copy_mac(value, port->mac, err);

	return ret < 0 ? ret : mac_check(port->mac, err);
}

static json_t *write_mac(const struct port_config *port, const struct port_config *)
{
	return write_mac_value(port->mac);
}

static int read_mtu(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	uint64_t number = 0;
	int ret = json_copy_uint(value, VSW_MTU_MIN, VSW_MTU_MAX, &number, err);

	port->mtu = number;
	return ret;
}

static json_t *write_mtu(const struct port_config *port, const struct port_config *)
{
	return port->mtu == 0 ? NULL : json_integer(port->mtu);
}

static int read_untagged(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	if (!json_is_boolean(value))
		return vsw_fail(err, VSW_E_INVALID, NULL, "must be true or false");
	return 0;
}

static bool vlan_is_default(const struct port_config *port, const struct port_config *defaults)
{
	return memcmp(&port->vlan, &defaults->vlan, sizeof(port->vlan)) == 0;
}

static json_t *write_untagged(const struct port_config *port, const struct port_config *defaults)
{
	return port->vlan.mode != VLAN_UNTAGGED || vlan_is_default(port, defaults) ? NULL
	                                                                           : json_true();
}

static int read_access(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	uint64_t number = 0;
	int ret = json_copy_uint(value, 1, VSW_VLAN_MAX, &number, err);

	port->vlan.access_id = number;
	return ret;
}

static json_t *write_access(const struct port_config *port, const struct port_config *)
{
	return port->vlan.mode != VLAN_ACCESS ? NULL : json_integer(port->vlan.access_id);
}

static int read_trunk(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
		return vsw_fail(err, VSW_E_INVALID, "as in \"10,20,30-40\" or \"all\"",
			"must be a list of VLAN ids in a string");
	return vlan_list_parse(json_string_value(value), port->vlan.allowed, err);
}

static json_t *write_trunk(const struct port_config *port, const struct port_config *defaults)
{
	char *text;
	json_t *value;

	if (port->vlan.mode != VLAN_TRUNK || vlan_is_default(port, defaults))
		return NULL;
	text = malloc(VLAN_LIST_TEXT_SIZE);
	if (text == NULL)
		return NULL;
	vlan_list_format(port->vlan.allowed, text, VLAN_LIST_TEXT_SIZE);
	value = json_string(text);
	free(text);
	return value;
}

static int read_native(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	uint64_t number = 0;
	int ret = json_copy_uint(value, 0, VSW_VLAN_MAX, &number, err);

	port->vlan.native_id = number;
	return ret;
}

static json_t *write_native(const struct port_config *port, const struct port_config *)
{
	return port->vlan.native_id == 0 ? NULL : json_integer(port->vlan.native_id);
}

static int read_queues(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	uint64_t number = 0;
	int ret = json_copy_uint(value, 1, VSW_MAX_CHANNELS, &number, err);

	port->queues = number;
	return ret;
}

static json_t *write_queues(const struct port_config *port, const struct port_config *)
{
	return port->queues == 0 ? NULL : json_integer(port->queues);
}

static int read_mac_limit(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	uint64_t number = 0;
	int ret = json_copy_uint(value, 0, UINT32_MAX, &number, err);

	port->mac_limit = number;
	return ret;
}

static json_t *write_mac_limit(const struct port_config *port, const struct port_config *)
{
	return port->mac_limit == 0 ? NULL : json_integer(port->mac_limit);
}

static int read_link(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	static const char *const words[] = {"up", "down", NULL};
	int index = 0, ret = json_copy_word(value, words, &index, err);

	port->link_down = index == 1;
	return ret;
}

static json_t *write_link(const struct port_config *port, const struct port_config *)
{
	return port->link_down ? json_string("down") : NULL;
}

static int read_vhost_socket(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	return json_copy_string(value, port->vhost.path, sizeof(port->vhost.path), err);
}

static json_t *write_vhost_socket(const struct port_config *port, const struct port_config *)
{
	return write_string(port->vhost.path, "");
}

static int read_vhost_mode(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	int index = 0, ret = json_copy_word(value, vhost_mode_names, &index, err);

	port->vhost.mode = index;
	return ret;
}

static json_t *write_vhost_mode(const struct port_config *port, const struct port_config *)
{
	return port->vhost.mode == VHOST_SERVER ? NULL
	                                        : json_string(vhost_mode_names[port->vhost.mode]);
}

static int read_vhost_owner(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	return json_copy_string(value, port->vhost.owner, sizeof(port->vhost.owner), err);
}

static json_t *write_vhost_owner(const struct port_config *port, const struct port_config *)
{
	return write_string(port->vhost.owner, "");
}

static int read_vhost_perm(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	char text[5];
	unsigned mode = 0;
	const char *at = text;

	if (json_copy_string(value, text, sizeof(text), NULL) == 0)
		for (; *at >= '0' && *at <= '7'; at++)
			mode = mode << 3 | (unsigned)(*at - '0');
	if (at == text || *at != '\0' || mode == 0 || mode > 0777)
		return vsw_fail(err, VSW_E_INVALID, "as in 0660",
			"must be an octal file mode in a string, 0777 at most");
	port->vhost.perm = mode;
	return 0;
}

static json_t *write_vhost_perm(const struct port_config *port, const struct port_config *)
{
	return port->vhost.perm == 0 ? NULL : json_sprintf("%04o", port->vhost.perm);
}

static int read_user(const json_t *value, struct port_config *port, struct vsw_error *err)
{
	return json_copy_string(value, port->vmnic.user, sizeof(port->vmnic.user), err);
}

static json_t *write_user(const struct port_config *port, const struct port_config *)
{
	return write_string(port->vmnic.user, "");
}

#define ALL    ~0u
#define TAP    (1u << PORT_TAP)
#define NIC    (1u << PORT_NIC)
#define VHOST  (1u << PORT_VHOST)
#define DPDK   (1u << PORT_DPDK)
#define VMNIC  (1u << PORT_VMNIC)
#define NETDEV (1u << PORT_HOST | TAP | NIC)

// In the order of the document.
static const struct port_key keys[] = {
	{"name", read_name, write_name, 0, ALL},
	{"switch", read_switch, write_switch, 0, ALL},
	{"type", read_type, write_type, 0, ALL},
	{"ifname", read_ifname, write_ifname, 0, NETDEV},
	{"netns", read_netns, write_netns, 0, TAP},
	{"devargs", read_devargs, write_devargs, 0, DPDK},
	{"role", read_role, write_role, 0, NIC},
	{"driver", read_driver, write_driver, 0, NIC},
	{"pci", read_pci, write_pci, 0, NIC},
	{"perm_mac", read_perm_mac, write_perm_mac, 0, NIC},
	{"mac", read_mac, write_mac, SET_MAC, ALL},
	{"mtu", read_mtu, write_mtu, SET_MTU, ALL},
	{"untagged", read_untagged, write_untagged, SET_UNTAGGED, ALL},
	{"access_vlan", read_access, write_access, SET_ACCESS, ALL},
	{"trunk_vlans", read_trunk, write_trunk, SET_TRUNK, ALL},
	{"native_vlan", read_native, write_native, SET_NATIVE, ALL},
	{"queues", read_queues, write_queues, 0, ALL},
	{"mac_limit", read_mac_limit, write_mac_limit, SET_MAC_LIMIT, ALL},
	{"link", read_link, write_link, SET_LINK, ALL},
	{"vhost_socket", read_vhost_socket, write_vhost_socket, 0, VHOST},
	{"vhost_mode", read_vhost_mode, write_vhost_mode, 0, VHOST},
	{"vhost_owner", read_vhost_owner, write_vhost_owner, 0, VHOST},
	{"vhost_perm", read_vhost_perm, write_vhost_perm, 0, VHOST},
	{"user", read_user, write_user, 0, VMNIC},
};

#define N_KEYS   (sizeof(keys) / sizeof(keys[0]))
#define IDENTITY 3 // name, switch, type: a document has them always, a request says them elsewhere

static int read_key(const struct port_key *key, const json_t *value, struct port_config *port,
	unsigned *set, struct vsw_error *err)
{
	int ret = key->read(value, port, err);

	if (ret < 0)
		return error_prefix(err, "%s: ", key->name);
	// "untagged": false says nothing.
	if (!json_is_false(value))
		*set |= key->set;
	return 0;
}

static int check_type(const struct port_key *key, enum port_type type, struct vsw_error *err)
{
	if (key->types & 1u << type)
		return 0;
	return vsw_fail(err, VSW_E_INVALID, "see: vswitchctl add-port --help",
		"%s: ports of type %s have no such setting", key->name, port_type_names[type]);
}

int port_read_settings(
	const json_t *obj, struct port_config *port, unsigned *set, struct vsw_error *err)
{
	*set = 0;
	for (unsigned i = IDENTITY; i < N_KEYS; i++) {
		const json_t *value = json_object_get(obj, keys[i].name);
		int ret;

		if (value != NULL && ((ret = check_type(&keys[i], port->type, err)) < 0 ||
					     (ret = read_key(&keys[i], value, port, set, err)) < 0))
			return ret;
	}
	return 0;
}

int port_from_json(const json_t *obj, struct port_config *port, struct vsw_error *err)
{
	struct port_config read = {}, defaults;
	unsigned set = 0;
	const char *name;
	json_t *value;
	int ret;

	json_object_foreach ((json_t *)obj, name, value) {
		unsigned i = 0;

		while (i < N_KEYS && strcmp(keys[i].name, name) != 0)
			i++;
		if (i == N_KEYS)
			return vsw_fail(err, VSW_E_INVALID, NULL, "%.60s: unknown key", name);
		if ((ret = read_key(&keys[i], value, &read, &set, err)) < 0)
			return ret;
	}
	for (unsigned i = 0; i < IDENTITY; i++)
		if (json_object_get(obj, keys[i].name) == NULL)
			return vsw_fail(err, VSW_E_INVALID, NULL, "%s: missing", keys[i].name);
	for (unsigned i = 0; i < N_KEYS; i++)
		if (json_object_get(obj, keys[i].name) != NULL &&
			(ret = check_type(&keys[i], read.type, err)) < 0)
			return ret;
	port_config_init(&defaults, read.name, read.switch_name, read.type, read.nic.role);
	*port = read;
	port->vlan = defaults.vlan;
	if ((ret = vlan_resolve(&port->vlan, &read.vlan, set, err)) < 0)
		return ret;
	port_normalise(port);
	return 0;
}

json_t *port_to_json(const struct port_config *port)
{
	json_t *obj = json_object();
	struct port_config defaults;

	if (obj == NULL)
		return NULL;
	port_config_init(&defaults, port->name, port->switch_name, port->type, port->nic.role);
	if (port->type == PORT_HOST || port->type == PORT_TAP)
		port_default_ifname(port->name, defaults.ifname);
	for (unsigned i = 0; i < N_KEYS; i++) {
		json_t *value = keys[i].write(port, &defaults);

		if (value != NULL && json_object_set_new(obj, keys[i].name, value) < 0) {
			json_decref(obj);
			return NULL;
		}
	}
	return obj;
}
