/* SPDX-License-Identifier: BSD-3-Clause */
#include "syntax.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const switch_type_names[] = {"external", "internal", "private", NULL};
const char *const port_type_names[] = {"host", "tap", "nic", "vhost", "dpdk", "vmnic", NULL};
const char *const nic_role_names[] = {"uplink", "access", NULL};
const char *const nic_driver_names[] = {"auto", "af-xdp", "af-packet", NULL};
const char *const vhost_mode_names[] = {"server", "client", NULL};
const char *const vlan_mode_names[] = {"untagged", "access", "trunk", NULL};

int word_index(const char *const *names, const char *word)
{
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], word) == 0)
			return i;
	return -EINVAL;
}

int name_check(const char *name, const char *what, struct vsw_error *err)
{
	static const char remedy[] = "1 to 63 letters, digits, '.', '_', '-' or ':', not beginning "
				     "with '-' or '.'";
	size_t len = strlen(name);

	if (len == 0)
		return vsw_fail(err, VSW_E_INVALID, remedy, "the %s's name is empty", what);
	if (len >= VSW_NAME_SIZE)
		return vsw_fail(err, VSW_E_INVALID, remedy,
			"%s name '%.80s' is too long: %zu characters", what, name, len);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("._-:", name[i]) == NULL)
			return vsw_fail(err, VSW_E_INVALID, remedy,
				"%s name '%s' has a character that is not allowed", what, name);
	if (name[0] == '-' || name[0] == '.')
		return vsw_fail(err, VSW_E_INVALID, remedy, "%s name '%s' begins with '%c'", what,
			name, name[0]);
	return 0;
}

// As the kernel's dev_valid_name() has it, and nothing that is not printable. "all" and "default"
// are taken by the folders of its settings.
bool ifname_is_valid(const char *ifname)
{
	size_t len = strlen(ifname);

	if (len == 0 || len >= VSW_IFNAME_SIZE || strcmp(ifname, ".") == 0 ||
		strcmp(ifname, "..") == 0 || strcmp(ifname, "all") == 0 ||
		strcmp(ifname, "default") == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)ifname[i]) || strchr("/:%", ifname[i]) != NULL)
			return false;
	return true;
}

int mac_check(const uint8_t mac[6], struct vsw_error *err)
{
	char text[MAC_TEXT_SIZE];

	mac_format(mac, text);
	if (mac_is_zero(mac))
		return vsw_fail(err, VSW_E_INVALID, "give a unicast address",
			"MAC address %s is all zero", text);
	if (mac[0] & 1)
		return vsw_fail(err, VSW_E_INVALID, "give a unicast address: the first byte even",
			"MAC address %s is a group address", text);
	return 0;
}

int vlan_check(long id, struct vsw_error *err)
{
	if (id < 1 || id > VSW_VLAN_MAX)
		return vsw_fail(err, VSW_E_INVALID, "VLAN ids are 1 to 4094",
			"VLAN id %ld is out of range", id);
	return 0;
}

static int vlan_list_bad(const char *text, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_INVALID, "write ids and ranges, as in 10,20,30-40, or all",
		"'%.60s' is not a list of VLAN ids", text);
}

// One id, at most five digits so that it cannot overflow.
static long vlan_number(const char **at)
{
	long id = 0;
	int n = 0;

	while (isdigit((unsigned char)**at)) {
		if (++n > 5)
			return -1;
		id = id * 10 + (*(*at)++ - '0');
	}
	return n == 0 ? -1 : id;
}

int vlan_list_parse(const char *text, uint64_t allowed[64], struct vsw_error *err)
{
	uint64_t map[64] = {};
	const char *at = text;

	if (strcmp(text, "all") == 0) {
		vlan_list_all(allowed);
		return 0;
	}
	for (;;) {
		long first = vlan_number(&at), last = first;
		int ret;

		if (first >= 0 && *at == '-') {
			at++;
			last = vlan_number(&at);
		}
		if (first < 0 || last < 0 || (*at != ',' && *at != '\0'))
			return vlan_list_bad(text, err);
		if ((ret = vlan_check(first, err)) < 0 || (ret = vlan_check(last, err)) < 0)
			return ret;
		if (last < first)
			return vsw_fail(err, VSW_E_INVALID, "write the lower id first",
				"VLAN range %ld-%ld is backwards", first, last);
		for (long id = first; id <= last; id++)
			vlan_bit_set(map, id);
		if (*at++ == '\0')
			break;
	}
	memcpy(allowed, map, sizeof(map));
	return 0;
}

void vlan_list_all(uint64_t allowed[64])
{
	memset(allowed, 0, 64 * sizeof(allowed[0]));
	for (unsigned id = 1; id <= VSW_VLAN_MAX; id++)
		vlan_bit_set(allowed, id);
}

void vlan_list_format(const uint64_t allowed[64], char *text, size_t size)
{
	uint64_t all[64];
	size_t len = 0;

	vlan_list_all(all);
	if (memcmp(all, allowed, sizeof(all)) == 0) {
		snprintf(text, size, "all");
		return;
	}
	text[0] = '\0';
	for (unsigned id = 1; id <= VSW_VLAN_MAX && len < size; id++) {
		unsigned last = id;

		if (!vlan_bit(allowed, id))
			continue;
		while (last < VSW_VLAN_MAX && vlan_bit(allowed, last + 1))
			last++;
		len += snprintf(text + len, size - len, "%s%u", len == 0 ? "" : ",", id);
		if (last > id && len < size)
			len += snprintf(text + len, size - len, "-%u", last);
		id = last;
	}
}

void vlan_format(const struct vlan_config *vlan, char *text, size_t size)
{
	size_t len;

	switch (vlan->mode) {
	case VLAN_UNTAGGED: snprintf(text, size, "untagged"); break;
	case VLAN_ACCESS: snprintf(text, size, "access %u", vlan->access_id); break;
	case VLAN_TRUNK:
		len = snprintf(text, size, "trunk ");
		if (len >= size)
			break;
		vlan_list_format(vlan->allowed, text + len, size - len);
		len = strlen(text);
		if (vlan->native_id != 0)
			snprintf(text + len, size - len, " native %u", vlan->native_id);
		break;
	}
}
