/* SPDX-License-Identifier: BSD-3-Clause */
// Becomes somebody with less power.
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

#define USER "hvhost"

const char *sandbox_default_user(void)
{
	if (geteuid() != 0)
		return NULL;
	return getpwnam(USER) != NULL ? USER : "root";
}

static const struct passwd *find_user(const char *user)
{
	unsigned long uid;
	char *end;

	errno = 0;
	uid = strtoul(user, &end, 10);
	if (user[0] < '0' || user[0] > '9' || *end != '\0' || errno != 0)
		return getpwnam(user);
	return uid == (uid_t)uid ? getpwuid(uid) : NULL;
}

static int fail(char why[SANDBOX_WHY_SIZE], const char *what)
{
	int ret = errno != 0 ? -errno : -EPERM;

	snprintf(why, SANDBOX_WHY_SIZE,
		"cannot give up %s: %s; run it by a user who may, or as root", what,
		strerror(-ret));
	return ret;
}

static int become(const struct passwd *pw, char why[SANDBOX_WHY_SIZE])
{
	if (initgroups(pw->pw_name, pw->pw_gid) < 0)
		return fail(why, "root's groups");
	if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0)
		return fail(why, "root's group");
	if (setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return fail(why, "root's identity");
	return 0;
}

// Also for root, who could have them back by running another program, were that allowed.
static int drop_capabilities(char why[SANDBOX_WHY_SIZE])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) < 0)
		return fail(why, "capabilities");
	return 0;
}

static void drop_bounding_set(void)
{
	// Until there is none of that number; who has no right to this has nothing to lose.
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

int sandbox_drop(const char *user, char why[SANDBOX_WHY_SIZE])
{
	const struct passwd *pw = user != NULL ? find_user(user) : NULL;
	int ret = 0;

	if (user != NULL && pw == NULL) {
		snprintf(why, SANDBOX_WHY_SIZE,
			"there is no user '%.60s': make one, or give another --user", user);
		return -ENOENT;
	}
	if (pw != NULL && geteuid() != 0 && pw->pw_uid != geteuid()) {
		snprintf(why, SANDBOX_WHY_SIZE,
			"only root can become user '%.60s': be root, or do without --user", user);
		return -EPERM;
	}
	drop_bounding_set();
	if (pw != NULL && geteuid() == 0)
		ret = become(pw, why);
	if (ret == 0)
		ret = drop_capabilities(why);
	if (ret < 0)
		return ret;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(why, "new privileges");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail(why, "being looked into");
	return 0;
}
