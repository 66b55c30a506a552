/* SPDX-License-Identifier: BSD-3-Clause */
#include "ethtool.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

static int if_ioctl(const char *ifname, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;

	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", ifname);
	if (ioctl(fd, request, ifr) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int ethtool(const char *ifname, void *cmd)
{
	struct ifreq ifr = {.ifr_data = cmd};

	return if_ioctl(ifname, SIOCETHTOOL, &ifr);
}

int ethtool_driver(const char *ifname, char *driver, size_t size)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	int ret = ethtool(ifname, &info);

	if (ret == 0)
		snprintf(driver, size, "%s", info.driver);
	return ret;
}

int ethtool_speed(const char *ifname, uint32_t *mbps)
{
	struct {
		struct ethtool_link_settings set;
		uint32_t masks[3 * SCHAR_MAX];
	} cmd = {.set.cmd = ETHTOOL_GLINKSETTINGS};
	int ret = ethtool(ifname, &cmd);

	if (ret < 0)
		return ret;
	// The first call only tells how long the three link mode masks are, as a negative number.
	if (cmd.set.link_mode_masks_nwords >= 0)
		return -EOPNOTSUPP;
	cmd.set.cmd = ETHTOOL_GLINKSETTINGS;
	cmd.set.link_mode_masks_nwords = -cmd.set.link_mode_masks_nwords;
	ret = ethtool(ifname, &cmd);
	if (ret == 0)
		*mbps = cmd.set.speed == (uint32_t)SPEED_UNKNOWN ? 0 : cmd.set.speed;
	return ret;
}

int ethtool_get_queues(const char *ifname, struct ethtool_queues *queues)
{
	struct ethtool_channels ch = {.cmd = ETHTOOL_GCHANNELS};
	int ret = ethtool(ifname, &ch);

	if (ret == 0)
		*queues = (struct ethtool_queues){
			.rx = ch.rx_count,
			.tx = ch.tx_count,
			.combined = ch.combined_count,
			.max_rx = ch.max_rx,
			.max_tx = ch.max_tx,
			.max_combined = ch.max_combined,
		};
	return ret;
}

int ethtool_set_queues(const char *ifname, const struct ethtool_queues *queues)
{
	struct ethtool_channels ch = {.cmd = ETHTOOL_GCHANNELS};
	int ret = ethtool(ifname, &ch);

	if (ret < 0)
		return ret;
	if (ch.rx_count == queues->rx && ch.tx_count == queues->tx &&
		ch.combined_count == queues->combined)
		return 0;
	ch.cmd = ETHTOOL_SCHANNELS;
	ch.rx_count = queues->rx;
	ch.tx_count = queues->tx;
	ch.combined_count = queues->combined;
	return ethtool(ifname, &ch);
}

// The place of a feature in the kernel's table and the table's size.
static int feature_index(const char *ifname, const char *name, uint32_t *index, uint32_t *count)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t len;
	} sset = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES}};
	struct ethtool_gstrings *strings;
	int ret = ethtool(ifname, &sset);

	if (ret < 0)
		return ret;
	if (sset.info.sset_mask == 0)
		return -EOPNOTSUPP;
	*count = sset.len;
	strings = calloc(1, sizeof(*strings) + (size_t)sset.len * ETH_GSTRING_LEN);
	if (strings == NULL)
		return -ENOMEM;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = sset.len;
	ret = ethtool(ifname, strings);
	if (ret == 0) {
		ret = -ENOENT;
		for (uint32_t i = 0; i < *count; i++)
			if (strncmp((char *)&strings->data[i * ETH_GSTRING_LEN], name,
				    ETH_GSTRING_LEN) == 0) {
				*index = i;
				ret = 0;
			}
	}
	free(strings);
	return ret;
}

int ethtool_get_feature(const char *ifname, const char *name, struct ethtool_feature *feature)
{
	struct ethtool_gfeatures *cmd;
	const struct ethtool_get_features_block *block;
	uint32_t index = 0, count = 0, bit;
	int ret = feature_index(ifname, name, &index, &count);

	if (ret < 0)
		return ret;
	cmd = calloc(1, sizeof(*cmd) + (count + 31) / 32 * sizeof(cmd->features[0]));
	if (cmd == NULL)
		return -ENOMEM;
	cmd->cmd = ETHTOOL_GFEATURES;
	cmd->size = (count + 31) / 32;
	ret = ethtool(ifname, cmd);
	if (ret == 0) {
		block = &cmd->features[index / 32];
		bit = 1u << index % 32;
		feature->available = block->available & bit && !(block->never_changed & bit);
		feature->wanted = block->requested & bit;
		feature->active = block->active & bit;
	}
	free(cmd);
	return ret;
}

int ethtool_set_feature(const char *ifname, const char *name, bool on)
{
	struct ethtool_sfeatures *cmd;
	uint32_t index = 0, count = 0, bit;
	int ret = feature_index(ifname, name, &index, &count);

	if (ret < 0)
		return ret;
	cmd = calloc(1, sizeof(*cmd) + (count + 31) / 32 * sizeof(cmd->features[0]));
	if (cmd == NULL)
		return -ENOMEM;
	cmd->cmd = ETHTOOL_SFEATURES;
	cmd->size = (count + 31) / 32;
	bit = 1u << index % 32;
	cmd->features[index / 32].valid = bit;
	cmd->features[index / 32].requested = on ? bit : 0;
	ret = ethtool(ifname, cmd);
	free(cmd);
	return ret;
}

int netdev_get_flags(const char *ifname, unsigned *flags)
{
	struct ifreq ifr = {};
	int ret = if_ioctl(ifname, SIOCGIFFLAGS, &ifr);

	if (ret == 0)
		*flags = (unsigned short)ifr.ifr_flags;
	return ret;
}

int netdev_set_flags(const char *ifname, unsigned flags, unsigned mask)
{
	struct ifreq ifr = {};
	int ret = if_ioctl(ifname, SIOCGIFFLAGS, &ifr);
	unsigned now;

	if (ret < 0)
		return ret;
	now = (unsigned short)ifr.ifr_flags;
	if ((now & mask) == (flags & mask))
		return 0;
	ifr.ifr_flags = (short)((now & ~mask) | (flags & mask));
	return if_ioctl(ifname, SIOCSIFFLAGS, &ifr);
}

int netdev_set_mtu(const char *ifname, uint32_t mtu)
{
	struct ifreq ifr = {.ifr_mtu = (int)mtu};

	return if_ioctl(ifname, SIOCSIFMTU, &ifr);
}
