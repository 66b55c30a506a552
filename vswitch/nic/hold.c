/* SPDX-License-Identifier: BSD-3-Clause */
#include "hold.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/log.h>

#include "claim.h"
#include "journal.h"
#include "xdp_program.h"

// A virtual interface that was renamed while held is found under the name it had then.
struct key_search {
	const char *dir;
	const struct nic_info *nic;
	char *key;
	struct nic_journal *journal;
	bool found;
};

static bool is_about(const char *key, void *arg)
{
	struct key_search *search = arg;

	if (journal_read(search->dir, key, search->journal) != 0 ||
		!journal_is_alive(search->journal, search->nic))
		return true;
	snprintf(search->key, JOURNAL_KEY_SIZE, "%s", key);
	search->found = true;
	return false;
}

// The NIC's journal: 0, or -ENOENT with the key to write a new one under.
static int find_journal(const char *dir, const struct nic_info *nic, char key[JOURNAL_KEY_SIZE],
	struct nic_journal *journal)
{
	struct key_search search = {.dir = dir, .nic = nic, .key = key, .journal = journal};
	int ret = journal_each(dir, is_about, &search);

	if (ret < 0)
		return ret;
	if (search.found)
		return 0;
	journal_key(nic, key);
	ret = journal_read(dir, key, journal);
	if (ret == 0)
		log_info("nic", "%s: the journal is about an earlier life of it: dropped",
			nic->ifname);
	else if (ret != -ENOENT)
		log_error("nic",
			"%s: journal %s/%s.json is unreadable (%s): its settings of now "
			"are taken for the original ones",
			nic->ifname, dir, key, strerror(-ret));
	return -ENOENT;
}

static int journal_failed(
	const struct nic_info *nic, const char *dir, int ret, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_STATE, "make room or make it writable, then try again",
		"NIC '%s' is not touched: its journal in %s cannot be written: %s", nic->ifname,
		dir, strerror(-ret));
}

// True if the program is one that we attached and left behind.
static bool is_leftover(const struct nic_journal *journal, const struct xdp_program *program)
{
	if (journal == NULL || journal->driver != NIC_DRIVER_AF_XDP)
		return false;
	// Killed between attaching and noting it down: there was none when we took the NIC.
	return journal->xdp_id == program->id ||
	       (journal->xdp_id == 0 && xdp_program_is_socket(program));
}

static int clear_xdp(const struct nic_info *nic, const struct nic_journal *journal,
	enum nic_driver driver, struct vsw_error *err)
{
	struct xdp_program program;
	char remedy[160];
	int ret = xdp_program_query(nic->ifindex, &program);

	if (ret < 0)
		return driver == NIC_DRIVER_AF_XDP
		               ? vsw_fail(err, VSW_E_DEVICE, "use --driver af-packet",
					 "NIC '%s': the kernel tells nothing about its XDP "
					 "program: %s",
					 nic->ifname, strerror(-ret))
		               : 0;
	if (program.id == 0)
		return 0;
	if (is_leftover(journal, &program)) {
		ret = xdp_program_detach(nic->ifindex, program.id);
		if (ret < 0)
			return vsw_fail(err, VSW_E_DEVICE, NULL,
				"NIC '%s': its leftover XDP program does not come off: %s",
				nic->ifname, strerror(-ret));
		log_info("nic", "%s: removed a leftover XDP program", nic->ifname);
		return 0;
	}
	if (driver != NIC_DRIVER_AF_XDP) {
		log_warn("nic", "%s: XDP program '%s' of somebody else sees its frames first",
			nic->ifname, program.name);
		return 0;
	}
	snprintf(remedy, sizeof(remedy),
		"use --driver af-packet, or if nothing needs it: ip link set dev %s xdp off",
		nic->ifname);
	return vsw_fail(err, VSW_E_BUSY, remedy,
		"NIC '%s' has the XDP program '%s' (id %u) of somebody else", nic->ifname,
		program.name, program.id);
}

static int hold(const struct nic_info *nic, const char *dir, const struct hold_options *options,
	struct vsw_error *err)
{
	char key[JOURNAL_KEY_SIZE];
	struct nic_journal journal;
	struct nic_info now = *nic;
	int held, ret;

	held = find_journal(dir, nic, key, &journal);
	if (held < 0 && held != -ENOENT)
		return journal_failed(nic, dir, held, err);
	ret = clear_xdp(nic, held == 0 ? &journal : NULL, options->driver, err);
	if (ret < 0)
		return ret;
	if (held != 0) {
		journal_begin(nic, &journal);
		ret = settings_read(nic, &journal.original);
		if (ret < 0)
			return vsw_fail(err, VSW_E_DEVICE, NULL,
				"NIC '%s': its settings cannot be read: %s", nic->ifname,
				strerror(-ret));
	}
	journal.driver = options->driver;
	journal.xdp_id = 0;
	ret = journal_write(dir, key, &journal);
	if (ret < 0)
		return journal_failed(nic, dir, ret, err);
	ret = settings_take(&now, options, &journal.original, err);
	if (ret < 0) {
		if (nic_resolve_index(nic->ifindex, &now) == 0)
			nic_release(&now, dir, NULL);
		return ret;
	}
	return 0;
}

int nic_hold(const struct nic_info *nic, const char *dir, const struct hold_options *options,
	struct vsw_error *err)
{
	int ret = nic_claim(nic, err);

	if (ret == 0) {
		ret = hold(nic, dir, options, err);
		if (ret < 0)
			nic_unclaim(nic->ifindex);
	}
	return ret;
}

int nic_hold_xdp(const struct nic_info *nic, const char *dir, struct vsw_error *err)
{
	char key[JOURNAL_KEY_SIZE];
	struct nic_journal journal;
	struct xdp_program program;
	int ret = find_journal(dir, nic, key, &journal);

	if (ret == 0)
		ret = xdp_program_query(nic->ifindex, &program);
	if (ret == 0) {
		journal.xdp_id = program.id;
		ret = journal_write(dir, key, &journal);
	}
	return ret < 0 ? journal_failed(nic, dir, ret, err) : 0;
}

static int release(const struct nic_info *nic, const char *dir, struct vsw_error *err)
{
	char key[JOURNAL_KEY_SIZE];
	struct nic_journal journal;
	struct nic_info now;
	int ret = find_journal(dir, nic, key, &journal);

	if (ret == -ENOENT)
		return journal_remove(dir, key) < 0 ? journal_failed(nic, dir, ret, err) : 0;
	if (ret < 0)
		return journal_failed(nic, dir, ret, err);
	if (clear_xdp(nic, &journal, NIC_DRIVER_AF_PACKET, err) < 0)
		return -VSW_E_DEVICE;
	// What taking changed is not in the caller's picture of the NIC.
	if (nic_resolve_index(nic->ifindex, &now) == 0) {
		ret = settings_restore(&now, &journal.original);
		if (ret < 0)
			return vsw_fail(err, VSW_E_DEVICE,
				"the log names what could not be restored; its old values are in "
				"the state directory's nics/",
				"NIC '%s' is not all as it was: %s", nic->ifname, strerror(-ret));
	}
	ret = journal_remove(dir, key);
	return ret < 0 ? journal_failed(nic, dir, ret, err) : 0;
}

int nic_release(const struct nic_info *nic, const char *dir, struct vsw_error *err)
{
	int ret = nic_claim(nic, err);

	if (ret == 0) {
		ret = release(nic, dir, err);
		nic_unclaim(nic->ifindex);
	}
	return ret;
}

struct stale_search {
	const char *dir;
	const struct nic_info *list;
	size_t n;
	bool (*is_wanted)(const struct nic_info *nic, void *arg);
	void *arg;
	int released;
};

static bool release_if_stale(const char *key, void *arg)
{
	struct stale_search *s = arg;
	const struct nic_info *nic = NULL;
	struct nic_journal journal;
	struct nic_info held;
	struct vsw_error err = {};
	int ret = journal_read(s->dir, key, &journal);

	if (ret < 0) {
		log_error(
			"nic", "journal %s/%s.json is unreadable: %s", s->dir, key, strerror(-ret));
		return true;
	}
	for (size_t i = 0; i < s->n; i++)
		if (journal_is_alive(&journal, &s->list[i]))
			nic = &s->list[i];
	if (nic == NULL) {
		log_info("nic", "%s: gone since the switch held it: nothing to restore",
			journal.ifname);
		journal_remove(s->dir, key);
		return true;
	}
	// Asked for by its name of now, or by the one that its port knows.
	held = *nic;
	memcpy(held.ifname, journal.ifname, sizeof(held.ifname));
	if (s->is_wanted != NULL && (s->is_wanted(nic, s->arg) || s->is_wanted(&held, s->arg)))
		return true;
	if (nic_release(nic, s->dir, &err) < 0) {
		log_error("nic", "%s", err.reason);
		return true;
	}
	log_info("nic", "%s: given back", nic->ifname);
	s->released++;
	return true;
}

int nic_release_stale(
	const char *dir, bool (*is_wanted)(const struct nic_info *nic, void *arg), void *arg)
{
	struct stale_search search = {.dir = dir, .is_wanted = is_wanted, .arg = arg};
	struct nic_info *list;

	if (nic_list(&list, &search.n) < 0)
		return 0;
	search.list = list;
	journal_each(dir, release_if_stale, &search);
	free(list);
	return search.released;
}

struct held_search {
	const char *dir;
	const char *ifname;
	const struct nic_info *list;
	size_t n;
	struct nic_info *nic;
	int ret;
};

static bool find_held(const char *key, void *arg)
{
	struct held_search *s = arg;
	struct nic_journal journal;

	if (journal_read(s->dir, key, &journal) < 0 || strcmp(journal.ifname, s->ifname) != 0)
		return true;
	for (size_t i = 0; s->ret < 0 && i < s->n; i++)
		if (journal_is_alive(&journal, &s->list[i])) {
			*s->nic = s->list[i];
			s->ret = 0;
		}
	return s->ret < 0;
}

int nic_find_held(const char *dir, const char *ifname, struct nic_info *nic)
{
	struct held_search search = {.dir = dir, .ifname = ifname, .nic = nic, .ret = -ENOENT};
	struct nic_info *list;

	if (nic_list(&list, &search.n) < 0)
		return -ENOENT;
	search.list = list;
	journal_each(dir, find_held, &search);
	free(list);
	return search.ret;
}
