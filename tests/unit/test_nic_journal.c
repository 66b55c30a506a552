/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <vswitch/nic/hold.h>
#include <vswitch/nic/journal.h>

static char dir[] = "/tmp/vsw-journal-XXXXXX", sub[64];

static const struct nic_info card = {.ifname = "eno1",
	.ifindex = 7,
	.pci = "0000:03:00.0",
	.perm_mac = {2, 0, 0, 0, 0, 1},
	.mac = {2, 0, 0, 0, 0, 9},
	.mtu = 9000};
static const struct nic_info virtual = {.ifname = "veth1", .ifindex = 8, .mtu = 1500};

static struct nic_journal sample(const struct nic_info *nic)
{
	struct nic_journal journal;

	journal_begin(nic, &journal);
	journal.driver = NIC_DRIVER_AF_XDP;
	journal.xdp_id = 4000000000u;
	journal.original = (struct nic_settings){.up = true,
		.noarp = true,
		.mtu = nic->mtu,
		.disable_ipv6 = -1,
		.arp_ignore = 2,
		.queues = {.combined = 4},
		.features = {1, 0, -1, -1, 1, 0, 1, -1, 1},
		.has_clsact = true,
		.n_addresses = 2,
		.address = {
			{{0xfe, 0x80, [15] = 1}, 64}, {{0xfe, 0x80, [8] = 0xab, [15] = 2}, 10}}};
	return journal;
}

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", sub, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void comes_back_as_written(void **)
{
	struct nic_journal wrote = sample(&card), read;
	char key[JOURNAL_KEY_SIZE];

	journal_key(&card, key);
	assert_string_equal(key, "0000:03:00.0-020000000001");
	assert_int_equal(journal_write(sub, key, &wrote), 0);
	assert_int_equal(journal_read(sub, key, &read), 0);
	assert_memory_equal(&read, &wrote, sizeof(read));
	wrote.original.up = false;
	assert_int_equal(journal_write(sub, key, &wrote), 0);
	assert_int_equal(journal_read(sub, key, &read), 0);
	assert_false(read.original.up);
	assert_int_equal(journal_remove(sub, key), 0);
	assert_int_equal(journal_read(sub, key, &read), -ENOENT);
	assert_int_equal(journal_remove(sub, key), 0);
}

static void names_virtual_ones_by_interface(void **)
{
	char key[JOURNAL_KEY_SIZE];

	journal_key(&virtual, key);
	assert_string_equal(key, "if-veth1");
}

static void knows_one_life_only(void **)
{
	struct nic_journal journal = sample(&card);
	struct nic_info other = card;

	assert_true(journal_is_alive(&journal, &card));
	strcpy(other.ifname, "renamed");
	assert_true(journal_is_alive(&journal, &other));
	other.ifindex++;
	assert_false(journal_is_alive(&journal, &other));
	other = card;
	other.perm_mac[5]++;
	assert_false(journal_is_alive(&journal, &other));
	journal.boot_id[0] ^= 1;
	assert_false(journal_is_alive(&journal, &card));
	journal.boot_id[0] ^= 1;
	journal.netns++;
	assert_false(journal_is_alive(&journal, &card));
}

static void refuses_damaged_files(void **)
{
	static const char *const bad[] = {"", "{", "null", "[]", "{}", "{\"version\":1}",
		"{\"version\":2,\"ifname\":\"x\",\"pci\":\"\",\"perm_mac\":\"00:00:00:00:00:00\","
		"\"ifindex\":1,\"boot_id\":\"\",\"netns\":1,\"driver\":\"af-xdp\",\"xdp_id\":0,"
		"\"original\":{}}",
		"{\"version\":1,\"ifname\":\"a_name_that_is_too_long\",\"pci\":\"\","
		"\"perm_mac\":\"00:00:00:00:00:00\",\"ifindex\":1,\"boot_id\":\"\",\"netns\":1,"
		"\"driver\":\"af-xdp\",\"xdp_id\":0,\"original\":{}}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct nic_journal journal;

		put("if-x.json", bad[i]);
		assert_int_equal(journal_read(sub, "if-x", &journal), -EBADMSG);
	}
	assert_int_equal(journal_remove(sub, "if-x"), 0);
}

static bool count(const char *key, void *arg)
{
	(*(int *)arg)++;
	return strcmp(key, "stop") != 0;
}

static void walks_over_journals_only(void **)
{
	int n = 0;

	assert_int_equal(journal_each("/nonexistent/dir", count, &n), 0);
	put("a.json", "");
	put("b.json", "");
	put("c.new", ""); // left by a crash while writing
	put(".json", "");
	assert_int_equal(journal_each(sub, count, &n), 0);
	assert_int_equal(n, 2);
	journal_remove(sub, "a");
	journal_remove(sub, "b");
}

static void an_unwritable_directory_is_an_error(void **)
{
	struct nic_journal journal = sample(&card);

	assert_int_equal(journal_write("/proc/none", "key", &journal), -ENOENT);
	put("file", "");
	snprintf(journal.ifname, sizeof(journal.ifname), "x");
	char path[128];

	snprintf(path, sizeof(path), "%s/file", sub);
	assert_int_equal(journal_write(path, "key", &journal), -ENOTDIR);
}

// An entry about an interface that is gone has nothing to restore.
static void drops_entries_of_vanished_nics(void **)
{
	struct nic_info gone = virtual;
	struct nic_journal journal;

	gone.ifindex = 0x7ffffff0;
	journal = sample(&gone);
	assert_int_equal(journal_write(sub, "if-veth1", &journal), 0);
	assert_int_equal(nic_release_stale(sub, NULL, NULL), 0);
	assert_int_equal(journal_read(sub, "if-veth1", &journal), -ENOENT);
}

static int make_dir(void **)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(sub, sizeof(sub), "%s/nics", dir);
	return mkdir(sub, 0700);
}

static int remove_dir(void **)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_written),
		cmocka_unit_test(names_virtual_ones_by_interface),
		cmocka_unit_test(knows_one_life_only),
		cmocka_unit_test(refuses_damaged_files),
		cmocka_unit_test(walks_over_journals_only),
		cmocka_unit_test(an_unwritable_directory_is_an_error),
		cmocka_unit_test(drops_entries_of_vanished_nics),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
