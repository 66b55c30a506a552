/* SPDX-License-Identifier: BSD-3-Clause */
// A snapshot of a file. The file may hold anything: nothing of it is believed unchecked, since
// it ends in orders to the kernel and in paths below /proc/sys.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "parts.h"

#define VERSION     1
#define MAX_RECORDS 1000000 // of a kind
#define MAX_TYPE    0x3fff  // of an attribute: two bits are flags
#define MAX_LEFT    320     // bytes of a sentence

static int fault(struct vsw_error *err, const char *where, const char *what)
{
	return vsw_fail(err, VSW_E_INVALID, "take it from a copy, or remove the file",
		"the snapshot is damaged: %s: %s", where, what);
}

// --- records ---------------------------------------------------------------------------------

static int unpack_attr(const struct record_ops *ops, const struct host_snapshot *of,
	const json_t *json, struct host_record *record, struct vsw_error *err)
{
	const json_t *number = json_array_get(json, 0);
	const char *hex = json_string_value(json_array_get(json, 1)), *what;
	long type = json_is_integer(number) ? (long)json_integer_value(number) : 0, size;
	uint8_t *data;
	int ret = 0;

	if (json_array_size(json) != 2 || hex == NULL || type <= 0 || type > MAX_TYPE ||
		!record_knows(ops, (int)type) || record_get(record, (int)type) != NULL)
		return fault(err, ops->key, "an attribute that it cannot have");
	data = malloc(strlen(hex) / 2 + 1);
	size = data != NULL ? hex_unpack(hex, data, RECORD_MAX_ATTRS) : -1;
	if (size < 0) {
		ret = fault(err, ops->key, "an attribute that is no hex");
	} else {
		what = attr_fault(record_kind_of(ops, (int)type), record->header.family,
			of->n_links, data, (size_t)size);
		if (what != NULL)
			ret = fault(err, ops->key, what);
		else if (record_put(record, (int)type, data, (size_t)size) < 0)
			ret = fault(err, ops->key, "too long");
	}
	free(data);
	return ret;
}

static bool has_family(const struct record_ops *ops, const struct host_record *record)
{
	unsigned family = record->header.family;

	return family == AF_INET || family == AF_INET6 ||
	       (ops == &nexthop_ops && family == AF_UNSPEC);
}

int record_unpack(const struct record_ops *ops, const struct host_snapshot *of, const json_t *json,
	struct host_record *record, struct vsw_error *err)
{
	const char *header = json_string_value(json_object_get(json, "header"));
	const json_t *attrs = json_object_get(json, "attributes");
	int ret = 0;

	*record = (struct host_record){};
	if (header == NULL || !json_is_array(attrs) ||
		hex_unpack(header, record->header.bytes, ops->header_size) !=
			(long)ops->header_size ||
		!has_family(ops, record))
		return fault(err, ops->key, "one without a header of the kernel's");
	for (size_t i = 0; ret == 0 && i < json_array_size(attrs); i++)
		ret = unpack_attr(ops, of, json_array_get(attrs, i), record, err);
	if (ret == 0 && !ops->is_valid(record))
		ret = fault(err, ops->key, "one that the kernel cannot have told");
	if (ret < 0) {
		free(record->attrs);
		*record = (struct host_record){};
	}
	return ret;
}

static int unpack_records(
	const json_t *json, struct host_snapshot *to, enum host_kind kind, struct vsw_error *err)
{
	const struct record_ops *ops = record_ops[kind];
	const json_t *list = json_object_get(json, ops->key);

	if (!json_is_array(list) || json_array_size(list) > MAX_RECORDS)
		return fault(err, ops->key, "no list, or too long");
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct host_record record;
		int ret = record_unpack(ops, to, json_array_get(list, i), &record, err);

		if (ret < 0)
			return ret;
		if (records_append(&to->records[kind], &record) < 0)
			return vsw_fail(err, VSW_E_INTERNAL, NULL, "out of memory");
	}
	return 0;
}

// --- the interface ---------------------------------------------------------------------------

static bool is_ifname(const char *name)
{
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (; *name != '\0'; name++)
		if (*name == '/' || *name == ':' || isspace((unsigned char)*name))
			return false;
	return true;
}

static int unpack_u32(const json_t *json, const char *key, uint32_t *to)
{
	const json_t *value = json_object_get(json, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		json_integer_value(value) > UINT32_MAX)
		return -1;
	*to = (uint32_t)json_integer_value(value);
	return 0;
}

static int unpack_altnames(const json_t *list, struct host_link *link)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n > 1024)
		return -1;
	link->altname = calloc(n + 1, sizeof(*link->altname));
	if (link->altname == NULL)
		return -1;
	for (; link->n_altnames < n; link->n_altnames++) {
		char *to = link->altname[link->n_altnames];

		if (text_unpack(json_array_get(list, link->n_altnames), to, HOST_ALTNAME_SIZE) <
				0 ||
			!is_ifname(to))
			return -1;
	}
	return 0;
}

static int unpack_link(const json_t *json, struct host_link *link, struct vsw_error *err)
{
	const char *mac = json_string_value(json_object_get(json, "mac"));
	const char *token = json_string_value(json_object_get(json, "token"));
	long size = mac != NULL ? hex_unpack(mac, link->mac, sizeof(link->mac)) : -1;

	if (text_unpack(json_object_get(json, "name"), link->name, sizeof(link->name)) < 0 ||
		!is_ifname(link->name))
		return fault(err, "link", "no interface has that name");
	if (text_unpack(json_object_get(json, "kind"), link->kind, sizeof(link->kind)) < 0 ||
		text_unpack(json_object_get(json, "qdisc"), link->qdisc, sizeof(link->qdisc)) < 0 ||
		text_unpack(json_object_get(json, "alias"), link->alias, sizeof(link->alias)) < 0 ||
		size < 0)
		return fault(err, "link", "a text that is none, or too long");
	if (token == NULL ||
		hex_unpack(token, link->token, sizeof(link->token)) != (long)sizeof(link->token))
		return fault(err, "link", "no token of IPv6");
	link->mac_size = (unsigned)size;
	if (unpack_u32(json, "mtu", &link->mtu) < 0 ||
		unpack_u32(json, "txqueuelen", &link->txqueuelen) < 0 ||
		unpack_u32(json, "group", &link->group) < 0 ||
		unpack_u32(json, "flags", &link->flags) < 0 ||
		(link->flags & ~(unsigned)HOST_LINK_FLAGS) != 0)
		return fault(err, "link", "a number out of range");
	if (unpack_altnames(json_object_get(json, "altnames"), link) < 0)
		return fault(err, "link", "an alternative name that is none");
	return 0;
}

static int unpack_links(const json_t *list, struct host_snapshot *to, struct vsw_error *err)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n > MAX_RECORDS)
		return fault(err, "links", "no list, or too long");
	to->links = calloc(n + 1, sizeof(*to->links));
	if (to->links == NULL)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "out of memory");
	for (; to->n_links < n; to->n_links++)
		if (text_unpack(json_array_get(list, to->n_links), to->links[to->n_links],
			    IFNAMSIZ) < 0 ||
			!is_ifname(to->links[to->n_links]))
			return fault(err, "links", "no interface has that name");
	return 0;
}

// --- the rest --------------------------------------------------------------------------------

static bool is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (!isprint((unsigned char)*text) && *text != '\t')
			return false;
	return true;
}

static int unpack_sysctls(const json_t *json, struct host_snapshot *to, struct vsw_error *err)
{
	size_t n = 0;

	for (unsigned dir = 0; dir < HOST_N_SYSCTL_DIRS; dir++) {
		json_t *values = json_object_get(json, host_sysctl_dirs[dir]), *value;
		const char *key;

		if (!json_is_object(values) || json_object_size(values) > 4096)
			return fault(err, "sysctls", "no values, or too many");
		n += json_object_size(values);
		to->sysctl = reallocarray(to->sysctl, n + 1, sizeof(*to->sysctl));
		if (to->sysctl == NULL) {
			to->n_sysctls = 0;
			return vsw_fail(err, VSW_E_INTERNAL, NULL, "out of memory");
		}
		json_object_foreach (values, key, value) {
			struct host_sysctl *sysctl = &to->sysctl[to->n_sysctls];

			*sysctl = (struct host_sysctl){.dir = (uint8_t)dir};
			if (!sysctl_key_is_valid(key) ||
				text_unpack(value, sysctl->value, sizeof(sysctl->value)) < 0 ||
				sysctl->value[0] == '\0' || !is_printable(sysctl->value))
				return fault(err, "sysctls", "a key or a value that it cannot be");
			memcpy(sysctl->key, key, strlen(key) + 1);
			to->n_sysctls++;
		}
	}
	return 0;
}

static int unpack_maddrs(const json_t *list, struct host_snapshot *to, struct vsw_error *err)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n > 65536)
		return fault(err, "multicast", "no list, or too long");
	to->maddr = calloc(n + 1, sizeof(*to->maddr));
	if (to->maddr == NULL)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "out of memory");
	for (; to->n_maddrs < n; to->n_maddrs++) {
		const char *hex = json_string_value(json_array_get(list, to->n_maddrs));

		if (hex == NULL || hex_unpack(hex, to->maddr[to->n_maddrs].bytes, 6) != 6 ||
			!(to->maddr[to->n_maddrs].bytes[0] & 1))
			return fault(err, "multicast", "no multicast address");
		to->maddr[to->n_maddrs].size = 6;
	}
	return 0;
}

static int unpack_left(const json_t *list, struct host_snapshot *to, struct vsw_error *err)
{
	if (!json_is_array(list) || json_array_size(list) > 65536)
		return fault(err, "left", "no list, or too long");
	for (size_t i = 0; i < json_array_size(list); i++) {
		char text[MAX_LEFT];

		if (text_unpack(json_array_get(list, i), text, sizeof(text)) < 0)
			return fault(err, "left", "no sentence");
		snapshot_leave(to, "%s", text);
	}
	return 0;
}

static int unpack_clock(const json_t *json, struct host_snapshot *to, struct vsw_error *err)
{
	const json_t *boot = json_object_get(json, "boot_seconds");
	const json_t *real = json_object_get(json, "real_seconds");
	const int64_t max = INT64_MAX / 4; // so that differences are numbers, too

	if (text_unpack(json_object_get(json, "boot_id"), to->boot_id, sizeof(to->boot_id)) < 0 ||
		!json_is_integer(boot) || !json_is_integer(real))
		return fault(err, "the time", "not told");
	to->boot_seconds = json_integer_value(boot);
	to->real_seconds = json_integer_value(real);
	if (to->boot_seconds < 0 || to->boot_seconds > max || to->real_seconds < 0 ||
		to->real_seconds > max || unpack_u32(json, "ifindex", &to->ifindex) < 0)
		return fault(err, "the time", "out of range");
	return 0;
}

struct host_snapshot *host_snapshot_unpack(const json_t *json, struct vsw_error *err)
{
	struct host_snapshot *to = host_snapshot_create();
	int ret;

	if (to == NULL) {
		vsw_fail(err, VSW_E_INTERNAL, NULL, "out of memory");
		return NULL;
	}
	if (json_integer_value(json_object_get(json, "version")) != VERSION)
		ret = fault(err, "version", "not one that this program knows");
	else
		ret = unpack_clock(json, to, err);
	if (ret == 0)
		ret = unpack_link(json_object_get(json, "link"), &to->link, err);
	if (ret == 0)
		ret = unpack_links(json_object_get(json, "links"), to, err);
	for (unsigned kind = 0; ret == 0 && kind < HOST_N_KINDS; kind++)
		ret = unpack_records(json, to, kind, err);
	if (ret == 0)
		ret = unpack_sysctls(json_object_get(json, "sysctls"), to, err);
	if (ret == 0)
		ret = unpack_maddrs(json_object_get(json, "multicast"), to, err);
	if (ret == 0)
		ret = unpack_left(json_object_get(json, "left"), to, err);
	if (ret == 0)
		return to;
	host_snapshot_destroy(to);
	return NULL;
}
