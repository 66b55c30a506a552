/* SPDX-License-Identifier: BSD-3-Clause */
// The state file: what survives a crash, a full disk and a broken file.
#include "config_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vswitch/control/state.h>

static char dir[100];

static void path_of(char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", dir, name);
}

static int make_dir(void **)
{
	strcpy(dir, "/tmp/vswitch-state-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **)
{
	static const char *const names[] = {STATE_FILE, STATE_FILE_NEXT};
	char path[128];

	for (unsigned i = 0; i < 2; i++) {
		path_of(path, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static struct state *open_state(void)
{
	struct state *state = state_open(dir, &err);

	if (state == NULL)
		fail_msg("%s", err.reason);
	return state;
}

static void save(struct state *state, const struct config *cfg)
{
	assert_done(state_prepare(state, cfg, &err));
	assert_done(state_commit(state, &err));
}

// Opens the directory anew, as a restarted daemon does.
static unsigned count_saved(void)
{
	struct state *state = open_state();
	struct config *cfg = state_load(state, &err);
	unsigned n;

	if (cfg == NULL)
		fail_msg("%s", err.reason);
	n = cfg->n_switches;
	config_destroy(cfg);
	state_close(state);
	return n;
}

static struct config *config_of(unsigned n)
{
	struct config *cfg = config_create();
	char name[16];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		assert_done(add_switch(cfg, name, SWITCH_INTERNAL));
	}
	return cfg;
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	path_of(path, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void missing_file_is_empty(void **)
{
	assert_int_equal(count_saved(), 0);
}

static void saved_comes_back(void **)
{
	struct config *cfg = config_of(3);
	struct state *state = open_state();
	char path[128];
	struct stat st;

	save(state, cfg);
	state_close(state);
	assert_int_equal(count_saved(), 3);
	path_of(path, STATE_FILE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	config_destroy(cfg);
}

static void directory_is_made(void **)
{
	char base[50], above[60];
	struct stat st;

	snprintf(base, sizeof(base), "%.40s", dir);
	snprintf(above, sizeof(above), "%s/a", base);
	snprintf(dir, sizeof(dir), "%s/b", above);
	state_close(open_state());
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	rmdir(dir);
	rmdir(above);
	strcpy(dir, base);
}

static void directory_may_be_impossible(void **)
{
	assert_null(state_open("/proc/nowhere/state", &err));
	assert_int_equal(err.code, VSW_E_STATE);
	assert_non_null(strstr(err.reason, "/proc/nowhere/state"));
	assert_null(state_open("/dev/null", &err));
	assert_non_null(strstr(err.remedy, "--state-dir"));
}

static void second_daemon_is_kept_out(void **)
{
	struct state *state = open_state();

	assert_null(state_open(dir, &err));
	assert_int_equal(err.code, VSW_E_BUSY);
	assert_non_null(strstr(err.reason, dir));
	assert_non_null(strstr(err.remedy, "--state-dir"));
	state_close(state);
	state_close(open_state());
}

static void discarded_leaves_the_old(void **)
{
	struct config *old = config_of(1), *new = config_of(2);
	struct state *state = open_state();
	char path[128];

	save(state, old);
	assert_done(state_prepare(state, new, &err));
	state_discard(state);
	path_of(path, STATE_FILE_NEXT);
	assert_int_not_equal(access(path, F_OK), 0);
	state_close(state);
	assert_int_equal(count_saved(), 1);
	config_destroy(old);
	config_destroy(new);
}

// In a process of its own that dies where it stands.
static void crash_keeps_one_of_the_two(void **)
{
	static const unsigned expected[] = {1, 1, 2};
	struct config *old = config_of(1), *new = config_of(2);
	struct state *state = open_state();
	char path[128];

	save(state, old);
	state_close(state);
	path_of(path, STATE_FILE_NEXT);
	for (unsigned die_at = 0; die_at < 3; die_at++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			state = state_open(dir, NULL);
			if (state == NULL)
				_exit(1);
			if (die_at == 0)
				write_file(STATE_FILE_NEXT, "{\"version\":1,\"swit");
			if (die_at > 0 && state_prepare(state, new, NULL) < 0)
				_exit(1);
			if (die_at > 1 && state_commit(state, NULL) < 0)
				_exit(1);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(access(path, F_OK), die_at < 2 ? 0 : -1);
		assert_int_equal(count_saved(), expected[die_at]);
		assert_int_not_equal(access(path, F_OK), 0);
	}
	config_destroy(old);
	config_destroy(new);
}

static void assert_not_loaded(const char *text, const char *says)
{
	struct state *state = open_state();
	char path[128], back[256] = "";
	FILE *file;

	write_file(STATE_FILE, text);
	assert_null(state_load(state, &err));
	assert_int_equal(err.code, VSW_E_STATE);
	path_of(path, STATE_FILE);
	if (strstr(err.reason, path) == NULL || strstr(err.reason, says) == NULL)
		fail_msg("%s: '%s' does not say '%s'", text, err.reason, says);
	assert_non_null(strstr(err.remedy, "move it away"));
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(back, 1, sizeof(back) - 1, file) == strlen(text));
	assert_string_equal(back, text);
	fclose(file);
	state_close(state);
}

static void broken_file_is_named_and_kept(void **)
{
	assert_not_loaded("", "line 1");
	assert_not_loaded("{\n\"version\": 1,\n\"switches\": [\n", "line 4");
	assert_not_loaded("{\"version\": 1, \"version\": 1}", "duplicate");
	assert_not_loaded("{\"version\": 99}", "version");
	assert_not_loaded("{\"version\": 1, \"colour\": 1}", "colour: unknown key");
	assert_not_loaded("[]", "must be a JSON object");
}

static void unsafe_files_are_not_followed(void **)
{
	struct state *state = open_state();
	char path[128];

	path_of(path, STATE_FILE);
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_null(state_load(state, &err));
	assert_int_equal(err.code, VSW_E_STATE);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_null(state_load(state, &err));
	rmdir(path);
	state_close(state);
}

static void assert_nothing_prepared(struct state *state, const struct config *cfg)
{
	char path[128];

	assert_refused(state_prepare(state, cfg, &err), VSW_E_STATE, dir);
	path_of(path, STATE_FILE_NEXT);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void file_limit_stops_the_change(void **)
{
	struct config *old = config_of(1), *new = config_of(100);
	struct state *state = open_state();
	struct rlimit was, tiny;

	save(state, old);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	tiny = was;
	tiny.rlim_cur = 1000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	assert_nothing_prepared(state, new);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	save(state, new);
	state_close(state);
	assert_int_equal(count_saved(), 100);
	config_destroy(old);
	config_destroy(new);
}

static void full_disk_stops_the_change(void **)
{
	struct config *old = config_of(1), *new = config_of(200);
	struct state *state;
	char filler[128], block[4096] = {};
	int fd;

	if (geteuid() != 0 || mount("none", dir, "tmpfs", 0, "size=16k,mode=0700") < 0) {
		print_message("needs to mount a tmpfs\n");
		config_destroy(old);
		config_destroy(new);
		skip();
	}
	state = open_state();
	save(state, old);
	path_of(filler, "filler");
	fd = open(filler, O_WRONLY | O_CREAT, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
	assert_nothing_prepared(state, new);
	assert_non_null(strstr(err.reason, "No space left"));
	state_close(state);
	// Even a full one can be opened and read again.
	assert_int_equal(count_saved(), 1);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
	config_destroy(old);
	config_destroy(new);
}

static void unwritable_directory_stops_the_change(void **)
{
	struct config *old = config_of(1);
	struct state *state;

	if (geteuid() != 0 || mount("none", dir, "tmpfs", 0, "size=64k,mode=0700") < 0) {
		print_message("needs to mount a tmpfs\n");
		config_destroy(old);
		skip();
	}
	state = open_state();
	save(state, old);
	assert_int_equal(mount("none", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_nothing_prepared(state, old);
	assert_non_null(strstr(err.reason, "Read-only"));
	state_close(state);
	assert_int_equal(count_saved(), 1);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
	config_destroy(old);
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(missing_file_is_empty),
		in_dir(saved_comes_back),
		in_dir(directory_is_made),
		in_dir(directory_may_be_impossible),
		in_dir(second_daemon_is_kept_out),
		in_dir(discarded_leaves_the_old),
		in_dir(crash_keeps_one_of_the_two),
		in_dir(broken_file_is_named_and_kept),
		in_dir(unsafe_files_are_not_followed),
		in_dir(file_limit_stops_the_change),
		in_dir(full_disk_stops_the_change),
		in_dir(unwritable_directory_stops_the_change),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
