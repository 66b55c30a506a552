/* SPDX-License-Identifier: BSD-3-Clause */
// Where hvhost's control socket is: one machine of a name, and nothing of others is touched.
#include "control_fixture.h"

static struct control *another(struct fixture *fix, const char *name, char *why)
{
	struct options opt = fix->opt;

	snprintf(opt.name, sizeof(opt.name), "%s", name);
	return control_create(&opt, why);
}

static void a_second_machine_of_the_name_is_refused(void **state)
{
	struct fixture *fix = *state;
	char why[PARTITION_WHY_SIZE] = "", want[64];

	assert_null(another(fix, "m1", why));
	assert_int_equal(errno, EADDRINUSE);
	snprintf(want, sizeof(want), "machine 'm1' runs already (pid %d)", (int)getpid());
	assert_non_null(strstr(why, want));
	fake_partition_settle(&fix->partition);
	ask(fix, SHOW, "m1");
}

static void a_dead_ones_socket_is_replaced(void **state)
{
	struct fixture *fix = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char why[PARTITION_WHY_SIZE] = "";
	struct control *other;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/m2.sock", fix->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	listen(fd, 1);
	close(fd);
	assert_int_equal(access(addr.sun_path, F_OK), 0);
	other = another(fix, "m2", why);
	assert_non_null(other);
	fd = try_connect(addr.sun_path);
	assert_true(fd >= 0);
	close(fd);
	control_destroy(other);
	assert_int_equal(access(addr.sun_path, F_OK), -1);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	struct fixture *fix = *state;
	char why[PARTITION_WHY_SIZE] = "", path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/m2.sock", fix->dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_null(another(fix, "m2", why));
	assert_non_null(strstr(why, "is no socket"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_null(another(fix, "m2", why));
	assert_non_null(strstr(why, "is no socket"));
	assert_int_equal(unlink(path), 0);
}

static void only_its_own_socket_is_removed(void **state)
{
	struct fixture *fix = *state;
	char why[PARTITION_WHY_SIZE] = "", path[128];
	struct control *first = another(fix, "m2", why), *second;

	snprintf(path, sizeof(path), "%s/m2.sock", fix->dir);
	assert_int_equal(unlink(path), 0);
	second = another(fix, "m2", why);
	assert_non_null(second);
	control_destroy(first);
	assert_int_equal(access(path, F_OK), 0);
	control_destroy(second);
	assert_int_equal(access(path, F_OK), -1);
}

static void places_that_cannot_be(void **state)
{
	struct fixture *fix = *state;
	char why[PARTITION_WHY_SIZE] = "", dir[192];
	struct control *c;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s/%0100d", fix->dir, 0);
	fix->opt.run_dir = dir;
	assert_null(another(fix, "m2", why));
	assert_non_null(strstr(why, "--run-dir"));
	snprintf(dir, sizeof(dir), "%s/m1.sock", fix->dir);
	assert_null(another(fix, "m2", why));
	assert_non_null(strstr(why, "--run-dir"));
	snprintf(dir, sizeof(dir), "%s/new", fix->dir);
	c = another(fix, "m2", why); // it makes the folder
	assert_non_null(c);
	snprintf(dir, sizeof(dir), "%s/new/m2.sock", fix->dir);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0007, 0);
	control_destroy(c);
	snprintf(dir, sizeof(dir), "%s/new", fix->dir);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_second_machine_of_the_name_is_refused),
		T(a_dead_ones_socket_is_replaced),
		T(what_is_no_socket_is_left_alone),
		T(only_its_own_socket_is_removed),
		T(places_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
