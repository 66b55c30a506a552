/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "hex.h"
#include "parts.h"
#include "words.h"

#define VERSION 1

json_t *record_pack(const struct record_ops *ops, const struct host_snapshot *of,
	const struct host_record *record)
{
	struct target target = {.of = of};
	json_t *attrs = json_array(), *text, *header;
	struct nlattr *attr;
	struct words words;
	int left;

	memcpy(target.name, of->link.name, sizeof(target.name));
	record_words(&words, ops, "add", record, &target);
	nla_for_each_attr(attr, record->attrs, (int)record->size, left) json_array_append_new(
		attrs, json_pack("[i, o]", nla_type(attr),
			       hex_pack(nla_data(attr), (size_t)nla_len(attr))));
	// For people who read the file.
	text = json_string(words.text);
	header = hex_pack(record->header.bytes, ops->header_size);
	return json_pack("{s:o, s:o, s:o}", "text", text != NULL ? text : json_string(ops->noun),
		"header", header, "attributes", attrs);
}

static json_t *pack_link(const struct host_link *link)
{
	json_t *altnames = json_array();

	for (size_t i = 0; i < link->n_altnames; i++)
		json_array_append_new(altnames, text_pack(link->altname[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "name",
		text_pack(link->name), "kind", text_pack(link->kind), "qdisc",
		text_pack(link->qdisc), "alias", text_pack(link->alias), "mac",
		hex_pack(link->mac, link->mac_size), "token",
		hex_pack(link->token, sizeof(link->token)), "mtu", (json_int_t)link->mtu,
		"txqueuelen", (json_int_t)link->txqueuelen, "group", (json_int_t)link->group,
		"flags", (json_int_t)link->flags, "altnames", altnames);
}

static json_t *pack_sysctls(const struct host_snapshot *snapshot)
{
	json_t *all = json_object();

	for (unsigned dir = 0; dir < HOST_N_SYSCTL_DIRS; dir++) {
		json_t *values = json_object();

		for (size_t i = 0; i < snapshot->n_sysctls; i++)
			if (snapshot->sysctl[i].dir == dir)
				json_object_set_new(values, snapshot->sysctl[i].key,
					text_pack(snapshot->sysctl[i].value));
		json_object_set_new(all, host_sysctl_dirs[dir], values);
	}
	return all;
}

json_t *host_snapshot_pack(const struct host_snapshot *snapshot)
{
	json_t *links = json_array(), *maddrs = json_array(), *left = json_array(), *all;

	for (size_t i = 0; i < snapshot->n_links; i++)
		json_array_append_new(links, text_pack(snapshot->links[i]));
	for (size_t i = 0; i < snapshot->n_maddrs; i++)
		json_array_append_new(
			maddrs, hex_pack(snapshot->maddr[i].bytes, snapshot->maddr[i].size));
	for (size_t i = 0; i < snapshot->n_left; i++)
		json_array_append_new(left, text_pack(snapshot->left[i]));
	all = json_pack("{s:i, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "version", VERSION,
		"boot_id", snapshot->boot_id, "boot_seconds", (json_int_t)snapshot->boot_seconds,
		"real_seconds", (json_int_t)snapshot->real_seconds, "ifindex",
		(json_int_t)snapshot->ifindex, "link", pack_link(&snapshot->link), "links", links,
		"multicast", maddrs, "left", left, "sysctls", pack_sysctls(snapshot));
	for (unsigned kind = 0; all != NULL && kind < HOST_N_KINDS; kind++) {
		const struct host_records *list = &snapshot->records[kind];
		json_t *records = json_array();

		for (size_t i = 0; i < list->n; i++)
			json_array_append_new(
				records, record_pack(record_ops[kind], snapshot, &list->record[i]));
		json_object_set_new(all, record_ops[kind]->key, records);
	}
	return all;
}
