/* SPDX-License-Identifier: BSD-3-Clause */
// hvhost: one virtual machine, a process of its own. What needs privileges is done first, then
// they are given up, then the guest runs.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <systemd/sd-daemon.h>

#include <hypervisor/vmbus/guest_mem.h>

#include "console.h"
#include "control.h"
#include "log.h"
#include "options.h"
#include "partition.h"
#include "sandbox.h"

static_assert(SANDBOX_WHY_SIZE <= PARTITION_WHY_SIZE);

struct host {
	struct options opt;
	struct control *control;
	struct console *console;
	struct partition *partition;
	bool warn_root; // nobody has said that it shall be root
};

// Before any thread is made: those that end us are read from a descriptor.
static void set_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int set_up(struct host *h, char why[PARTITION_WHY_SIZE])
{
	int ret = guest_mem_catch_faults();

	if (ret < 0) {
		snprintf(why, PARTITION_WHY_SIZE, "cannot catch faults: %s", strerror(-ret));
		return ret;
	}
	h->control = control_create(&h->opt, why);
	if (h->control == NULL)
		return -1;
	h->console = console_create(&h->opt, why);
	if (h->console == NULL)
		return -1;
	h->partition = partition_create(&h->opt, h->console, why);
	return h->partition == NULL ? -1 : 0;
}

static int begin(struct host *h, char why[PARTITION_WHY_SIZE])
{
	int ret = sandbox_drop(h->opt.user, why);

	// The provider is to see who we are from now on.
	if (ret == 0)
		ret = partition_connect(h->partition, why);
	if (ret == 0)
		ret = console_start(h->console, h->partition, partition_type, h->partition);
	if (ret == 0)
		ret = control_start(h->control, h->partition, h->console);
	if (ret < 0 && why[0] == '\0')
		snprintf(why, PARTITION_WHY_SIZE, "cannot begin: %s", strerror(-ret));
	if (ret < 0)
		return ret;
	if (h->warn_root)
		log_warn("vm", "runs as root: make a user hvhost, or give --user");
	sd_notify(0, "READY=1");
	return h->opt.no_sandbox ? 0 : sandbox_close(why);
}

static void tear_down(struct host *h)
{
	control_destroy(h->control);
	console_destroy(h->console);
	partition_destroy(h->partition);
}

int main(int argc, char **argv)
{
	static struct host h;
	char why[PARTITION_WHY_SIZE] = "";
	int ret = options_parse(argc, argv, &h.opt);

	if (ret != 0)
		return ret > 0 ? PARTITION_EXIT_OFF : PARTITION_EXIT_USAGE;
	set_signals();
	// Their files are out of reach later.
	tzset();
	json_object_seed(0);
	if (h.opt.user == NULL) {
		h.opt.user = sandbox_default_user();
		h.warn_root = h.opt.user != NULL && strcmp(h.opt.user, "root") == 0;
	}
	ret = set_up(&h, why);
	if (ret == 0)
		ret = begin(&h, why);
	if (ret < 0)
		fprintf(stderr, "hvhost: %s\n", why);
	else
		ret = partition_run(h.partition);
	tear_down(&h);
	return ret < 0 ? PARTITION_EXIT_FAILURE : ret;
}
