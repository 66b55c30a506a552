/* SPDX-License-Identifier: BSD-3-Clause */
// How the values of a configuration are written: names, addresses, VLAN lists, enumerations.
// Pure; used for requests, the state file and the texts shown to people.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vswitch/address.h>
#include <vswitch/config.h>
#include <vswitch/error.h>

#define VLAN_LIST_TEXT_SIZE 12288 // every second id, with room

// The words of the protocol, indexed by the enumerations of config.h; NULL at the end.
extern const char *const switch_type_names[];
extern const char *const port_type_names[];
extern const char *const nic_role_names[];
extern const char *const nic_driver_names[];
extern const char *const vhost_mode_names[];
extern const char *const vlan_mode_names[];

// The index of a word, or -EINVAL.
int word_index(const char *const *names, const char *word);

// what: "switch", "port"; names it in the error.
int name_check(const char *name, const char *what, struct vsw_error *err);
bool ifname_is_valid(const char *ifname);

// A host's address: not a group address, not zero.
int mac_check(const uint8_t mac[6], struct vsw_error *err);

int vlan_check(long id, struct vsw_error *err); // 1..4094
// "10,20,30-40" or "all" (1..4094).
int vlan_list_parse(const char *text, uint64_t allowed[64], struct vsw_error *err);
void vlan_list_format(const uint64_t allowed[64], char *text, size_t size);
void vlan_list_all(uint64_t allowed[64]);
// "untagged", "access 10", "trunk 10,20-30 native 5"
void vlan_format(const struct vlan_config *vlan, char *text, size_t size);
