/* SPDX-License-Identifier: BSD-3-Clause */
// A port's settings as JSON. Requests, documents and the state file use the same keys.
#pragma once

#include <jansson.h>

#include "config_model.h"

// A string of at most size - 1 bytes, without NULs, into a buffer.
int json_copy_string(const json_t *value, char *to, size_t size, struct vsw_error *err);
// A whole number of min..max.
int json_copy_uint(
	const json_t *value, uint64_t min, uint64_t max, uint64_t *to, struct vsw_error *err);
int json_copy_mac(const json_t *value, uint8_t mac[6], struct vsw_error *err);
int json_copy_word(
	const json_t *value, const char *const *words, int *index, struct vsw_error *err);

// Reads the settings that obj has, and says in *set which of SET_* they are; other keys (the
// request's own) are not looked at. The VLAN's values are left for vlan_resolve().
int port_read_settings(
	const json_t *obj, struct port_config *port, unsigned *set, struct vsw_error *err);

// A port of a document: strict, whole (defaults filled in, VLANs resolved). An error names the
// key first: "colour: unknown key".
int port_from_json(const json_t *obj, struct port_config *port, struct vsw_error *err);
// What differs from the defaults, and name, switch and type. NULL when out of memory.
json_t *port_to_json(const struct port_config *port);

// Puts "text" before the reason. Returns err's code negated.
int error_prefix(struct vsw_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
