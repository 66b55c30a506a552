/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "parts.h"

#define ADDRESS_ROUNDS 8   // one may undo another's: until nothing is left to change
#define ORDER_ROUNDS   2   // an address that cannot be made does not move the others for ever
#define SETTLE_TRIES   200 // of 5 ms

// --- steps -----------------------------------------------------------------------------------

bool work_may(struct work *work, const char *fmt, ...)
{
	char line[640];
	va_list ap;

	if (work->stopped)
		return false;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (work->steps != NULL && !work->steps->before(line, work->steps->arg)) {
		work->stopped = true;
		work_note(work, -ECANCELED, "%s", line);
	}
	return !work->stopped && !work->only_tell;
}

void work_note(struct work *work, int ret, const char *fmt, ...)
{
	const char *words = kernel_complaint(work->kernel);
	char line[300];
	va_list ap;

	if (ret >= 0 || work->ret != 0)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (ret == -ECANCELED)
		words = "";
	work->ret = vsw_fail(work->err, VSW_E_DEVICE, "apply it again once the reason is gone",
		"%s: %s%s%s%s", line, strerror(-ret), words[0] != '\0' ? " (" : "", words,
		words[0] != '\0' ? ")" : "");
}

int work_order(struct work *work, struct nl_msg *msg, const char *fmt, ...)
{
	char line[300];
	va_list ap;
	int ret;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (!work_may(work, "%s", line)) {
		nlmsg_free(msg);
		return 0;
	}
	ret = kernel_order(work->kernel, msg);
	if (ret == 0)
		work->n_done++;
	work_note(work, ret, "%s", line);
	return ret;
}

// --- all of it -------------------------------------------------------------------------------

static struct host_snapshot *look(struct work *work)
{
	struct vsw_error err = {};
	struct host_snapshot *now = host_snapshot_take(work->target.ifindex, &err);

	if (now == NULL) {
		work->stopped = true;
		if (work->ret == 0) {
			work->ret = -(int)err.code;
			if (work->err != NULL)
				*work->err = err;
		}
	}
	return now;
}

// False while an address that nobody has to ask for is not usable yet.
static bool is_settled(struct work *work)
{
	struct host_snapshot *now = host_snapshot_create();
	bool settled = true;

	if (now == NULL)
		return true;
	now->ifindex = work->target.ifindex;
	if (link_take(work->kernel, now) == 0 &&
		records_take(work->kernel, now, HOST_ADDRESSES) == 0) {
		const struct host_records *list = &now->records[HOST_ADDRESSES];

		for (size_t i = 0; i < list->n; i++)
			if ((list->record[i].header.address.ifa_flags & IFA_F_TENTATIVE) &&
				(record_u32(&list->record[i], IFA_FLAGS) & IFA_F_NODAD))
				settled = false;
	}
	host_snapshot_destroy(now);
	return settled;
}

static void settle(struct work *work)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	for (unsigned i = 0; i < SETTLE_TRIES && !is_settled(work); i++)
		nanosleep(&pause, NULL);
}

static void apply_addresses(struct work *work)
{
	size_t last = SIZE_MAX;

	for (unsigned i = 0; i < ADDRESS_ROUNDS && !work->only_tell && !work->stopped; i++) {
		unsigned before = work->n_done;
		size_t missing;

		work->in_order = i < ORDER_ROUNDS;
		missing = sync_records(work, HOST_ADDRESSES, false);
		if (work->n_done == before)
			break;
		settle(work);
		// One that the kernel refuses may cost another its place, again and again.
		if (missing >= last)
			break;
		last = missing;
	}
	work->in_order = work->only_tell;
	sync_records(work, HOST_ADDRESSES, true);
}

static void apply_records(struct work *work)
{
	apply_addresses(work);
	// Next hops need the routes to their gateways, and routes may need next hops.
	sync_records(work, HOST_ROUTES, false);
	sync_records(work, HOST_NEXTHOPS, true);
	sync_records(work, HOST_ROUTES, true);
	sync_records(work, HOST_NEIGHBOURS, true);
	sync_records(work, HOST_RULES, true);
}

static void apply_link(struct work *work)
{
	struct host_snapshot *now = look(work);

	if (now == NULL)
		return;
	memcpy(work->target.name, now->link.name, sizeof(work->target.name));
	link_apply(work, now);
	host_snapshot_destroy(now);
	// What follows from that is not to be done again.
	now = look(work);
	if (now == NULL)
		return;
	sysctls_apply(work, now);
	qdisc_apply(work, now);
	link_apply_flags(work, now);
	maddrs_apply(work, now);
	host_snapshot_destroy(now);
}

static int run(struct work *work)
{
	work->kernel = kernel_open();
	if (work->kernel == NULL)
		return vsw_fail(
			work->err, VSW_E_DEVICE, NULL, "no netlink socket: %s", strerror(errno));
	apply_link(work);
	apply_records(work);
	kernel_close(work->kernel);
	return work->ret;
}

static struct work begin(const struct host_snapshot *wanted, unsigned ifindex, unsigned flags,
	const struct host_steps *steps, struct vsw_error *err)
{
	return (struct work){.wanted = wanted,
		.target = {.of = wanted, .ifindex = ifindex, .age = snapshot_age(wanted)},
		.flags = flags,
		.steps = steps,
		.err = err};
}

int host_snapshot_apply(const struct host_snapshot *snapshot, unsigned ifindex, unsigned flags,
	const struct host_steps *steps, struct vsw_error *err)
{
	struct work work = begin(snapshot, ifindex, flags, steps, err);

	return run(&work);
}

int host_snapshot_diff(const struct host_snapshot *snapshot, unsigned ifindex, unsigned flags,
	const struct host_steps *steps, struct vsw_error *err)
{
	struct work work = begin(snapshot, ifindex, flags, steps, err);

	work.only_tell = true;
	return run(&work);
}

int host_snapshot_clear(
	unsigned ifindex, unsigned flags, const struct host_steps *steps, struct vsw_error *err)
{
	struct host_snapshot *nothing = host_snapshot_create(), *now;
	struct work work;

	if (nothing == NULL)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "out of memory");
	snapshot_stamp(nothing);
	work = begin(nothing, ifindex, flags, steps, err);
	work.kernel = kernel_open();
	if (work.kernel == NULL) {
		host_snapshot_destroy(nothing);
		return vsw_fail(err, VSW_E_DEVICE, NULL, "no netlink socket: %s", strerror(errno));
	}
	now = look(&work);
	if (now != NULL) {
		memcpy(work.target.name, now->link.name, sizeof(work.target.name));
		if (flags & HOST_WITH_NAMES)
			link_drop_altnames(&work, now);
		apply_records(&work);
	}
	host_snapshot_destroy(now);
	kernel_close(work.kernel);
	host_snapshot_destroy(nothing);
	return work.ret;
}
