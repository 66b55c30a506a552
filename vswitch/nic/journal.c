/* SPDX-License-Identifier: BSD-3-Clause */
#include "journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#define VERSION 1
#define SUFFIX  ".json"

void journal_key(const struct nic_info *nic, char key[JOURNAL_KEY_SIZE])
{
	const uint8_t *m = nic->perm_mac;

	if (nic->pci[0] != '\0' && !mac_is_zero(m))
		snprintf(key, JOURNAL_KEY_SIZE, "%s-%02x%02x%02x%02x%02x%02x", nic->pci, m[0], m[1],
			m[2], m[3], m[4], m[5]);
	else
		snprintf(key, JOURNAL_KEY_SIZE, "if-%s", nic->ifname);
}

static void read_boot_id(char boot_id[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, boot_id, 36) : 0;

	boot_id[len > 0 ? len : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static uint64_t own_netns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) == 0 ? st.st_ino : 0;
}

void journal_begin(const struct nic_info *nic, struct nic_journal *journal)
{
	*journal = (struct nic_journal){.ifindex = nic->ifindex, .netns = own_netns()};
	memcpy(journal->ifname, nic->ifname, sizeof(journal->ifname));
	memcpy(journal->pci, nic->pci, sizeof(journal->pci));
	memcpy(journal->perm_mac, nic->perm_mac, sizeof(journal->perm_mac));
	read_boot_id(journal->boot_id);
}

bool journal_is_alive(const struct nic_journal *journal, const struct nic_info *nic)
{
	char boot_id[40];

	read_boot_id(boot_id);
	return journal->ifindex == nic->ifindex && journal->netns == own_netns() &&
	       strcmp(journal->boot_id, boot_id) == 0 && strcmp(journal->pci, nic->pci) == 0 &&
	       memcmp(journal->perm_mac, nic->perm_mac, 6) == 0;
}

// --- JSON ------------------------------------------------------------------------------------

static json_t *pack_settings(const struct nic_settings *s)
{
	json_t *features = json_object(), *addresses = json_array(), *all;

	for (int i = 0; i < SETTINGS_N_FEATURES; i++)
		if (s->features[i] >= 0)
			json_object_set_new(
				features, settings_features[i], json_boolean(s->features[i]));
	for (unsigned i = 0; i < s->n_addresses; i++) {
		char hex[33];

		for (int b = 0; b < 16; b++)
			snprintf(hex + 2 * b, 3, "%02x", s->address[i].ip[b]);
		json_array_append_new(addresses,
			json_pack("{s:s, s:i}", "ip", hex, "prefix", s->address[i].prefix));
	}
	all = json_pack("{s:b, s:b, s:b, s:I, s:i, s:i, s:b, s:{s:I, s:I, s:I}, s:o, s:o}", "up",
		s->up, "promisc", s->promisc, "noarp", s->noarp, "mtu", (json_int_t)s->mtu,
		"disable_ipv6", s->disable_ipv6, "arp_ignore", s->arp_ignore, "clsact",
		s->has_clsact, "queues", "rx", (json_int_t)s->queues.rx, "tx",
		(json_int_t)s->queues.tx, "combined", (json_int_t)s->queues.combined, "features",
		features, "link_local", addresses);
	return all;
}

static int unpack_address(json_t *json, struct nic_address *address)
{
	const char *hex;
	int prefix;

	if (json_unpack(json, "{s:s, s:i}", "ip", &hex, "prefix", &prefix) < 0 ||
		strlen(hex) != 32 || prefix < 0 || prefix > 128)
		return -EBADMSG;
	for (int b = 0; b < 16; b++) {
		unsigned byte;

		if (sscanf(hex + 2 * b, "%2x", &byte) != 1)
			return -EBADMSG;
		address->ip[b] = byte;
	}
	address->prefix = prefix;
	return 0;
}

static int unpack_settings(json_t *json, struct nic_settings *s)
{
	int up, promisc, noarp, clsact;
	json_int_t mtu, rx, tx, combined;
	json_t *features, *addresses;

	if (json_unpack(json, "{s:b, s:b, s:b, s:I, s:i, s:i, s:b, s:{s:I, s:I, s:I}, s:o, s:o}",
		    "up", &up, "promisc", &promisc, "noarp", &noarp, "mtu", &mtu, "disable_ipv6",
		    &s->disable_ipv6, "arp_ignore", &s->arp_ignore, "clsact", &clsact, "queues",
		    "rx", &rx, "tx", &tx, "combined", &combined, "features", &features,
		    "link_local", &addresses) < 0 ||
		mtu < 0 || mtu > UINT32_MAX)
		return -EBADMSG;
	s->up = up;
	s->promisc = promisc;
	s->noarp = noarp;
	s->has_clsact = clsact;
	s->mtu = mtu;
	s->queues = (struct ethtool_queues){.rx = rx, .tx = tx, .combined = combined};
	for (int i = 0; i < SETTINGS_N_FEATURES; i++) {
		json_t *value = json_object_get(features, settings_features[i]);

		s->features[i] = value == NULL ? -1 : json_is_true(value);
	}
	s->n_addresses = 0;
	for (size_t i = 0; i < json_array_size(addresses) && i < SETTINGS_MAX_ADDRESSES; i++)
		if (unpack_address(json_array_get(addresses, i), &s->address[s->n_addresses++]) < 0)
			return -EBADMSG;
	return 0;
}

static json_t *pack(const struct nic_journal *j)
{
	char mac[MAC_TEXT_SIZE];

	mac_format(j->perm_mac, mac);
	return json_pack("{s:i, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:I, s:o}", "version", VERSION,
		"ifname", j->ifname, "pci", j->pci, "perm_mac", mac, "ifindex",
		(json_int_t)j->ifindex, "boot_id", j->boot_id, "netns", (json_int_t)j->netns,
		"driver", j->driver == NIC_DRIVER_AF_XDP ? "af-xdp" : "af-packet", "xdp_id",
		(json_int_t)j->xdp_id, "original", pack_settings(&j->original));
}

static int unpack(json_t *json, struct nic_journal *j)
{
	const char *ifname, *pci, *mac, *boot_id, *driver;
	json_int_t ifindex, netns, xdp_id;
	json_t *original;
	int version;

	*j = (struct nic_journal){};
	if (json_unpack(json, "{s:i, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:I, s:o}", "version",
		    &version, "ifname", &ifname, "pci", &pci, "perm_mac", &mac, "ifindex", &ifindex,
		    "boot_id", &boot_id, "netns", &netns, "driver", &driver, "xdp_id", &xdp_id,
		    "original", &original) < 0 ||
		version != VERSION || mac_parse(mac, j->perm_mac) < 0 ||
		strlen(ifname) >= sizeof(j->ifname) || strlen(pci) >= sizeof(j->pci) ||
		strlen(boot_id) >= sizeof(j->boot_id))
		return -EBADMSG;
	snprintf(j->ifname, sizeof(j->ifname), "%s", ifname);
	snprintf(j->pci, sizeof(j->pci), "%s", pci);
	snprintf(j->boot_id, sizeof(j->boot_id), "%s", boot_id);
	j->ifindex = ifindex;
	j->netns = netns;
	j->xdp_id = xdp_id;
	j->driver = strcmp(driver, "af-xdp") == 0 ? NIC_DRIVER_AF_XDP : NIC_DRIVER_AF_PACKET;
	return unpack_settings(original, &j->original);
}

// --- files -----------------------------------------------------------------------------------

static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int write_synced(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), ret = 0;

	if (fd < 0)
		return -errno;
	while (len > 0 && ret == 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			ret = -errno;
		if (n > 0) {
			text += n;
			len -= n;
		}
	}
	if (ret == 0 && fsync(fd) < 0)
		ret = -errno;
	if (close(fd) < 0 && ret == 0)
		ret = -errno;
	return ret;
}

int journal_write(const char *dir, const char *key, const struct nic_journal *journal)
{
	char path[PATH_MAX], temp[PATH_MAX], *text;
	json_t *json = pack(journal);
	int ret;

	if (json == NULL)
		return -ENOMEM;
	text = json_dumps(json, JSON_INDENT(1));
	json_decref(json);
	if (text == NULL)
		return -ENOMEM;
	if (snprintf(path, sizeof(path), "%s/%s" SUFFIX, dir, key) >= (int)sizeof(path) ||
		snprintf(temp, sizeof(temp), "%s/%s.new", dir, key) >= (int)sizeof(temp)) {
		free(text);
		return -ENAMETOOLONG;
	}
	ret = mkdir(dir, 0700) < 0 && errno != EEXIST ? -errno : 0;
	if (ret == 0)
		ret = write_synced(temp, text);
	free(text);
	if (ret == 0 && rename(temp, path) < 0)
		ret = -errno;
	if (ret < 0)
		unlink(temp);
	return ret < 0 ? ret : sync_dir(dir);
}

int journal_read(const char *dir, const char *key, struct nic_journal *journal)
{
	char path[PATH_MAX];
	json_error_t error;
	json_t *json;
	int ret;

	snprintf(path, sizeof(path), "%s/%s" SUFFIX, dir, key);
	if (access(path, R_OK) < 0)
		return -errno;
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		return -EBADMSG;
	ret = unpack(json, journal);
	json_decref(json);
	return ret;
}

int journal_remove(const char *dir, const char *key)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s" SUFFIX, dir, key);
	if (unlink(path) < 0)
		return errno == ENOENT ? 0 : -errno;
	return sync_dir(dir);
}

int journal_each(const char *dir, bool (*fn)(const char *key, void *arg), void *arg)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	if (d == NULL)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(d)) != NULL) {
		char key[JOURNAL_KEY_SIZE];
		size_t len = strlen(entry->d_name), end = strlen(SUFFIX);

		if (len <= end || len - end >= sizeof(key) ||
			strcmp(entry->d_name + len - end, SUFFIX) != 0)
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)(len - end), entry->d_name);
		if (!fn(key, arg))
			break;
	}
	closedir(d);
	return 0;
}
