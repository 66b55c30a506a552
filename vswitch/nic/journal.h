/* SPDX-License-Identifier: BSD-3-Clause */
// What a NIC was like before the switch took it, on disk: one JSON file per NIC, complete and
// synced before the first change, gone after the last one is undone.
//
// A file is about one life of one interface (boot, network namespace, ifindex): when that is
// over, so are the settings, and there is nothing left to put back.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vswitch/config.h>

#include "inventory.h"
#include "settings.h"

#define JOURNAL_KEY_SIZE 64

struct nic_journal {
	char ifname[VSW_IFNAME_SIZE]; // when it was taken
	char pci[PCI_TEXT_SIZE];
	uint8_t perm_mac[6];
	unsigned ifindex;
	char boot_id[40];
	uint64_t netns;
	enum nic_driver driver;
	uint32_t xdp_id; // the program that we attached; 0: none known
	struct nic_settings original;
};

// Permanent MAC and PCI address where it has them, else its name: a file name.
void journal_key(const struct nic_info *nic, char key[JOURNAL_KEY_SIZE]);
// A new record of this life of the NIC.
void journal_begin(const struct nic_info *nic, struct nic_journal *journal);
bool journal_is_alive(const struct nic_journal *journal, const struct nic_info *nic);

// 0 or -errno; on failure the old file is as it was.
int journal_write(const char *dir, const char *key, const struct nic_journal *journal);
int journal_read(const char *dir, const char *key, struct nic_journal *journal); // -EBADMSG
int journal_remove(const char *dir, const char *key); // 0 also if there is none
// Every file's key until fn returns false. 0 or -errno; a missing directory is empty.
int journal_each(const char *dir, bool (*fn)(const char *key, void *arg), void *arg);
