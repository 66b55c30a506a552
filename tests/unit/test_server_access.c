/* SPDX-License-Identifier: BSD-3-Clause */
// The control socket: whose place it is, and who may do what over it.
#include "server_fixture.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>

#define NOBODY 65534

static void the_socket_is_open_to_all(void **state)
{
	struct fixture *fix = *state;
	struct stat st;

	assert_int_equal(stat(fix->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0666);
}

static void a_live_daemon_is_not_replaced(void **state)
{
	struct fixture *fix = *state;
	struct server *second = NULL;
	struct vsw_error err;
	int fd;

	assert_true(server_start(&second, fix->event, &fix->options, &err) < 0);
	assert_int_equal(err.code, VSW_E_BUSY);
	assert_non_null(strstr(err.reason, fix->path));
	assert_non_null(strstr(err.reason, "process"));
	assert_true(err.remedy[0] != '\0');
	fd = connect_to(fix);
	say(fd, VERSION);
	expect_line(fd, "test");
	close(fd);
}

static void bind_at(const char *path, bool alive, int *fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(*fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (alive)
		assert_int_equal(listen(*fd, 1), 0);
	else
		close(*fd);
}

static void what_stands_in_the_way(void **state)
{
	struct fixture *fix = *state;
	struct server *server = NULL;
	char path[128], deep[300];
	struct server_options options = {.socket_path = path, .handlers = test_handlers};
	struct vsw_error err;
	int fd;

	snprintf(path, sizeof(path), "%s/other.sock", fix->dir);
	// A dead daemon's socket is replaced
	bind_at(path, false, &fd);
	assert_int_equal(server_start(&server, fix->event, &options, &err), 0);
	server_stop(server);
	assert_int_equal(access(path, F_OK), -1);
	// Somebody's live socket is not, nor is a file
	bind_at(path, true, &fd);
	assert_true(server_start(&server, fix->event, &options, &err) < 0);
	assert_int_equal(err.code, VSW_E_BUSY);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_true(server_start(&server, fix->event, &options, &err) < 0);
	assert_int_equal(err.code, VSW_E_REFUSED);
	assert_non_null(strstr(err.reason, "no socket"));
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	// No such folder, no such length
	options.socket_path = "/no/such/folder/control.sock";
	assert_true(server_start(&server, fix->event, &options, &err) < 0);
	assert_non_null(strstr(err.reason, "/no/such/folder"));
	memset(deep, 'x', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	options.socket_path = deep;
	assert_true(server_start(&server, fix->event, &options, &err) < 0);
	assert_int_equal(err.code, VSW_E_INVALID);
}

// What another user is told, asking as a member of the groups.
static void ask_as(const struct fixture *fix, gid_t primary, size_t n_groups, const gid_t *groups,
	const char *request, const char *want)
{
	pid_t pid = fork();
	char *line;
	int fd, status;

	if (pid == 0) {
		if (setgroups(n_groups, groups) < 0 || setgid(primary) < 0 || setuid(NOBODY) < 0)
			_exit(2);
		fd = client_connect(fix->path);
		if (fd < 0 || send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
			_exit(3);
		line = hear_line(fd);
		_exit(line == NULL ? 4 : strstr(line, want) == NULL ? 5 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

// Two groups that the host has, to stand for those of the switch.
static void pick_groups(struct fixture *fix, gid_t gids[2])
{
	static char names[2][64];
	const struct group *group;
	unsigned n = 0;

	setgrent();
	while (n < 2 && (group = getgrent()) != NULL) {
		if (group->gr_gid == 0 || group->gr_gid == NOBODY)
			continue;
		snprintf(names[n], sizeof(names[n]), "%s", group->gr_name);
		gids[n++] = group->gr_gid;
	}
	endgrent();
	assert_int_equal(n, 2);
	fix->options.change_group = names[0];
	fix->options.read_group = names[1];
}

static void groups_decide(void **state)
{
	static const char change[] = REQ("flush-fdb", "{\"switch\":\"a\"}");
	struct fixture *fix = *state;
	gid_t gids[2];

	if (geteuid() != 0) {
		print_message("skipped: only root can ask as somebody else\n");
		skip();
	}
	fixture_stop(fix);
	pick_groups(fix, gids);
	fixture_start(fix);
	ask_as(fix, NOBODY, 0, NULL, VERSION, "1006");
	ask_as(fix, NOBODY, 0, NULL, change, "1006");
	// By the primary group
	ask_as(fix, gids[1], 0, NULL, VERSION, "test");
	ask_as(fix, gids[1], 0, NULL, change, "1006");
	ask_as(fix, gids[0], 0, NULL, change, "result");
	// By a further one
	ask_as(fix, NOBODY, 1, &gids[1], VERSION, "test");
	ask_as(fix, NOBODY, 1, &gids[1], change, "1006");
	ask_as(fix, NOBODY, 1, &gids[0], change, "result");
	ask_as(fix, NOBODY, 2, gids, change, "result");
	ask_as(fix, gids[1], 1, &gids[0], change, "result");
}

static void the_powerless_keep_lines_short_and_leave_room(void **state)
{
	static int fds[SERVER_MAX_NONE];
	struct fixture *fix = *state;
	int status, fd;
	unsigned i;
	pid_t pid;
	char *line, *text;

	if (geteuid() != 0) {
		print_message("skipped: only root can ask as somebody else\n");
		skip();
	}
	text = malloc(RPC_LINE_MAX_LIMITED + 4097);
	memset(text, ' ', RPC_LINE_MAX_LIMITED + 4096);
	text[RPC_LINE_MAX_LIMITED + 4096] = '\0';
	ask_as(fix, NOBODY, 0, NULL, text, "too long");
	free(text);

	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(2);
		for (i = 0; i < SERVER_MAX_NONE; i++)
			fds[i] = client_connect(fix->path);
		fd = client_connect(fix->path);
		line = hear_line(fd);
		_exit(fds[SERVER_MAX_NONE - 1] < 0 || line == NULL ? 3
			: strstr(line, "1008") == NULL             ? 4
								   : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	fd = connect_to(fix);
	say(fd, VERSION);
	expect_line(fd, "test");
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_socket_is_open_to_all),
		TEST(a_live_daemon_is_not_replaced),
		TEST(what_stands_in_the_way),
		TEST(groups_decide),
		TEST(the_powerless_keep_lines_short_and_leave_room),
	};

	log_set_level(LOG_LVL_ERROR);
	return cmocka_run_group_tests_name("server_access", tests, NULL, NULL);
}
