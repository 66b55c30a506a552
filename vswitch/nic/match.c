/* SPDX-License-Identifier: BSD-3-Clause */
// Which NIC is meant, and may it be taken: judged on the inventory alone.
#include "inventory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; len > 0 && (at = strstr(at, word)) != NULL; at += len)
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static bool has_mac(const struct nic_info *nic, const uint8_t mac[6])
{
	return memcmp(nic->mac, mac, 6) == 0 || memcmp(nic->perm_mac, mac, 6) == 0;
}

static void add_candidate(char *text, size_t size, const struct nic_info *nic)
{
	size_t used = strlen(text);
	const char *name = nic->ifname[0] != '\0' ? nic->ifname : nic->pci;

	if (used + strlen(name) + strlen(nic->pci) + 6 > size)
		return;
	used += snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", name);
	if (nic->ifname[0] != '\0' && nic->pci[0] != '\0')
		snprintf(text + used, size - used, " (%s)", nic->pci);
}

static int no_such_nic(
	const struct nic_info *list, size_t n, const char *what, struct vsw_error *err)
{
	char names[240] = "", remedy[320];

	for (size_t i = 0; i < n; i++)
		if (!list[i].loopback && !list[i].own)
			add_candidate(names, sizeof(names), &list[i]);
	snprintf(remedy, sizeof(remedy), "there are: %s; see: vswitchctl list-nics",
		names[0] != '\0' ? names : "none");
	return vsw_fail(err, VSW_E_NOT_FOUND, remedy,
		"there is no NIC '%.64s' (looked for an interface name, PCI address and MAC)",
		what);
}

int nic_match(const struct nic_info *list, size_t n, const char *what, struct nic_info *out,
	struct vsw_error *err)
{
	const struct nic_info *found = NULL;
	unsigned n_found = 0, n_physical = 0;
	char pci[PCI_TEXT_SIZE], names[160] = "";
	uint8_t mac[6];

	for (size_t i = 0; what[0] != '\0' && i < n; i++)
		if (strcmp(list[i].ifname, what) == 0 || has_word(list[i].altnames, what)) {
			*out = list[i];
			return 0;
		}
	if (pci_parse(what, pci) == 0) {
		for (size_t i = 0; i < n; i++)
			if (strcmp(list[i].pci, pci) == 0) {
				n_found++;
				found = &list[i];
				add_candidate(names, sizeof(names), found);
			}
	} else if (mac_parse(what, mac) == 0 && !mac_is_zero(mac)) {
		// Bridges, VLANs and host ports borrow a NIC's address: the NIC is meant.
		for (size_t i = 0; i < n; i++)
			if (has_mac(&list[i], mac)) {
				bool physical = list[i].kind == NIC_PHYSICAL;

				n_found++;
				n_physical += physical;
				if (found == NULL || (physical && found->kind != NIC_PHYSICAL))
					found = &list[i];
				add_candidate(names, sizeof(names), &list[i]);
			}
		if (n_physical == 1)
			n_found = 1;
	}
	if (n_found == 0)
		return no_such_nic(list, n, what, err);
	if (n_found > 1)
		return vsw_fail(err, VSW_E_INVALID, "name the interface instead",
			"'%.64s' fits several NICs: %s", what, names);
	*out = *found;
	return 0;
}

bool nic_is_kind_unfit(const char *link_kind)
{
	static const char *const never[] = {"bridge", "vrf", "ifb", "ipvlan", "nlmon"};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (strcmp(link_kind, never[i]) == 0)
			return true;
	return false;
}

// What the interface is, apart from who uses it.
static int check_nature(const struct nic_info *nic, struct vsw_error *err)
{
	const char *name = nic->ifname;

	if (nic->ifindex == 0)
		return vsw_fail(err, VSW_E_UNSUPPORTED,
			"bind it to its kernel driver first: its name under "
			"/sys/bus/pci/drivers/<driver>/bind",
			"NIC %s has no kernel interface here (%s%s): it belongs to another program "
			"or "
			"network namespace",
			nic->pci, nic->driver[0] != '\0' ? "its driver is " : "it has no driver",
			nic->driver);
	if (nic->loopback)
		return vsw_fail(err, VSW_E_REFUSED, "name a NIC; see: vswitchctl list-nics",
			"'%s' is the loopback interface", name);
	if (nic->own)
		return vsw_fail(err, VSW_E_REFUSED, "name a NIC; see: vswitchctl list-nics",
			"'%s' is a port of a switch already", name);
	if (nic->wireless)
		return vsw_fail(err, VSW_E_UNSUPPORTED, "use a wired NIC",
			"'%s' is wireless: an access point takes frames of one MAC only", name);
	if (!nic->ethernet)
		return vsw_fail(err, VSW_E_UNSUPPORTED, "name an Ethernet interface",
			"'%s' is not an Ethernet interface", name);
	if (nic_is_kind_unfit(nic->link_kind))
		return vsw_fail(err, VSW_E_UNSUPPORTED,
			"name the NIC below it; see: vswitchctl list-nics",
			"'%s' is no NIC but of kind %s", name, nic->link_kind);
	return 0;
}

int nic_check_takeover(const struct nic_info *nic, struct vsw_error *err)
{
	const char *name = nic->ifname;
	char remedy[320];
	int ret = check_nature(nic, err);

	if (ret < 0)
		return ret;
	if (nic->master[0] != '\0') {
		snprintf(remedy, sizeof(remedy), "take it out first: ip link set dev %s nomaster",
			name);
		return vsw_fail(err, VSW_E_BUSY, remedy, "'%s' is a member of the %s '%s'", name,
			nic->master_kind[0] != '\0' ? nic->master_kind : "device", nic->master);
	}
	if (nic->upper[0] != '\0') {
		snprintf(remedy, sizeof(remedy), "remove it first: ip link del dev %s", nic->upper);
		return vsw_fail(err, VSW_E_BUSY, remedy, "'%s' carries the interface '%s'", name,
			nic->upper);
	}
	if (nic->n_addresses > 0) {
		snprintf(remedy, sizeof(remedy),
			"if nothing needs it: ip addr flush dev %s. This version does not move a "
			"NIC's "
			"addresses to a host port: give the address to the host port yourself",
			name);
		return vsw_fail(err, VSW_E_BUSY, remedy, "'%s' has the address %s%s", name,
			nic->address, nic->n_addresses > 1 ? " and more" : "");
	}
	if (nic->n_routes > 0) {
		snprintf(remedy, sizeof(remedy), "see: ip route show table all dev %s", name);
		return vsw_fail(err, VSW_E_BUSY, remedy, "the route %s goes through '%s'",
			nic->route, name);
	}
	return 0;
}
