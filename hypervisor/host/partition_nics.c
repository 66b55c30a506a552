/* SPDX-License-Identifier: BSD-3-Clause */
// Network cards come and go.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include <hypervisor/vmbus/identity.h>

#include "log.h"
#include "partition_state.h"

#define REQUIRE_US 10000000 // for the provider to say something

static const char *const no_provider =
	"see that vswitchd runs and that its socket can be reached, or do without --require-port";

// Whatever the guest, or the provider, causes is told here. The bus lock is held; any thread.
static void on_tell(void *arg, bool warning, const char *text)
{
	struct nic *nic = arg;

	if (nic->removing)
		partition_want(nic->p, WANT_NICS);
	if (!nic->p->quiet && log_may_say())
		log_line(warning ? LOG_LVL_WARN : LOG_LVL_INFO, "nic", "nic=%s port=%s %s",
			nic->opt.name, nic->opt.port, text);
}

static void on_link(void *arg, uint32_t)
{
	struct nic *nic = arg;
	struct partition *p = nic->p;

	pthread_mutex_lock(&p->bus_lock);
	vsp_link_run(nic->link);
	pthread_mutex_unlock(&p->bus_lock);
	if (nic->removing)
		partition_want(p, WANT_NICS);
}

static void destroy(struct nic *nic)
{
	struct partition *p = nic->p;

	partition_unwatch(p, vsp_link_fd(nic->link));
	pthread_mutex_lock(&p->bus_lock);
	vsp_link_destroy(nic->link);
	nic->link = NULL;
	pthread_mutex_unlock(&p->bus_lock);
}

static int create(struct partition *p, struct nic *nic, const struct options_nic *opt)
{
	struct vsp_link_options options = {
		.bus = p->bus,
		.synic = &hv_synic_ops,
		.synic_arg = p->synic,
		.mem = &p->ram.mem,
		.n_vps = p->opt->cpus,
		.socket_path = p->opt->vsp_socket,
		.partition = p->opt->name,
		.nic = opt->name,
		.port = opt->port,
		.software = "hvhost " VSW_VERSION,
		.instance = identity_guid(p->opt->name, opt->name),
		.max_queues = opt->queues,
		.tell = on_tell,
		.tell_arg = nic,
	};
	int ret;

	if (opt->mac_given)
		memcpy(options.mac, opt->mac, sizeof(options.mac));
	else
		identity_mac(&options.instance, options.mac);
	*nic = (struct nic){.p = p, .opt = *opt, .instance = options.instance};
	memcpy(nic->mac, options.mac, sizeof(nic->mac));
	pthread_mutex_lock(&p->bus_lock);
	nic->link = vsp_link_create(&options);
	ret = nic->link == NULL ? -errno : 0;
	pthread_mutex_unlock(&p->bus_lock);
	if (ret < 0)
		return ret;
	ret = partition_watch(p, vsp_link_fd(nic->link), EPOLLIN, on_link, nic);
	if (ret < 0)
		destroy(nic);
	return ret;
}

static struct nic *find(struct partition *p, const char *name)
{
	for (unsigned i = 0; i < OPTIONS_MAX_NICS; i++)
		if (p->nic[i].link != NULL && strcmp(p->nic[i].opt.name, name) == 0)
			return &p->nic[i];
	return NULL;
}

// Somebody who has that name or port. NULL, or whom, with `why`.
static const struct nic *rival(
	struct partition *p, const struct options_nic *opt, char why[PARTITION_WHY_SIZE])
{
	for (unsigned i = 0; i < OPTIONS_MAX_NICS; i++) {
		const struct nic *nic = &p->nic[i];

		if (nic->link == NULL)
			continue;
		if (strcmp(nic->opt.name, opt->name) == 0)
			snprintf(why, PARTITION_WHY_SIZE, "NIC '%s' is there %s", opt->name,
				nic->removing ? "until the guest has let go of it: try later"
					      : "already: give another name=NIC");
		else if (strcmp(nic->opt.port, opt->port) == 0)
			snprintf(why, PARTITION_WHY_SIZE, "port '%s' has NIC '%s'%s", opt->port,
				nic->opt.name,
				nic->removing ? ", which the guest has not let go of: try later"
					      : " already: give another port=PORT");
		else
			continue;
		return nic;
	}
	return NULL;
}

static void name_it(struct partition *p, struct options_nic *opt)
{
	for (unsigned i = 0; opt->name[0] == '\0' || find(p, opt->name) != NULL; i++)
		snprintf(opt->name, sizeof(opt->name), "nic%u", i);
}

int partition_add_nic(
	struct partition *p, const struct options_nic *nic, char why[PARTITION_WHY_SIZE])
{
	struct options_nic opt = *nic;
	struct nic *free = NULL;
	int ret;

	for (unsigned i = 0; i < OPTIONS_MAX_NICS && free == NULL; i++)
		if (p->nic[i].link == NULL)
			free = &p->nic[i];
	if (opt.name[0] == '\0')
		name_it(p, &opt);
	if (rival(p, &opt, why) != NULL)
		return -EEXIST;
	if (free == NULL) {
		snprintf(why, PARTITION_WHY_SIZE,
			"a virtual machine has %u NICs at most: delete one first",
			OPTIONS_MAX_NICS);
		return -ENOSPC;
	}
	ret = create(p, free, &opt);
	if (ret < 0)
		snprintf(why, PARTITION_WHY_SIZE, "cannot add NIC '%s': %s", opt.name,
			strerror(-ret));
	return ret;
}

int partition_del_nic(struct partition *p, const char *name, char why[PARTITION_WHY_SIZE])
{
	struct nic *nic = find(p, name);

	if (nic == NULL) {
		snprintf(why, PARTITION_WHY_SIZE, "there is no NIC '%.63s': see hvctl show %s",
			name, p->opt->name);
		return -ENOENT;
	}
	if (nic->removing) {
		snprintf(why, PARTITION_WHY_SIZE,
			"NIC '%.63s' goes already: the guest has yet to "
			"let go of it",
			name);
		return -EALREADY;
	}
	nic->removing = true;
	pthread_mutex_lock(&p->bus_lock);
	vsp_link_remove(nic->link);
	pthread_mutex_unlock(&p->bus_lock);
	return 0;
}

void nics_sweep(struct partition *p)
{
	for (unsigned i = 0; i < OPTIONS_MAX_NICS; i++) {
		struct nic *nic = &p->nic[i];
		enum vsp_link_state state;

		if (nic->link == NULL || !nic->removing)
			continue;
		pthread_mutex_lock(&p->bus_lock);
		state = vsp_link_state(nic->link, NULL, 0);
		pthread_mutex_unlock(&p->bus_lock);
		if (state == VSP_LINK_REMOVED)
			destroy(nic);
	}
}

int nics_create(struct partition *p, char why[PARTITION_WHY_SIZE])
{
	int ret = 0;

	for (unsigned i = 0; i < p->opt->n_nics && ret == 0; i++)
		ret = partition_add_nic(p, &p->opt->nic[i], why);
	return ret;
}

void nics_destroy(struct partition *p)
{
	for (unsigned i = 0; i < OPTIONS_MAX_NICS; i++)
		if (p->nic[i].link != NULL)
			destroy(&p->nic[i]);
}

// ---- --require-port

// 1: it has its port; 0: not known yet; -errno with `why`.
static int has_port(struct nic *nic, char why[PARTITION_WHY_SIZE])
{
	char reason[HANDOVER_REASON_SIZE];
	enum vsp_link_state state;
	bool lacks;

	pthread_mutex_lock(&nic->p->bus_lock);
	state = vsp_link_state(nic->link, reason, sizeof(reason));
	lacks = vsp_link_lacks_port(nic->link);
	pthread_mutex_unlock(&nic->p->bus_lock);
	if (state == VSP_LINK_ATTACHED && lacks) {
		snprintf(why, PARTITION_WHY_SIZE,
			"there is no port '%s': vswitchctl add-port SWITCH %s --type vmnic, or do "
			"without --require-port",
			nic->opt.port, nic->opt.port);
		return -ENOENT;
	}
	if (state == VSP_LINK_REFUSED) {
		snprintf(why, PARTITION_WHY_SIZE, "vswitchd refuses NIC '%.40s': %.170s",
			nic->opt.name, reason);
		return -EPERM;
	}
	if (state == VSP_LINK_AWAY && reason[0] != '\0') {
		snprintf(why, PARTITION_WHY_SIZE, "vswitchd is not there, %.110s; %s", reason,
			no_provider);
		return -ENOTCONN;
	}
	return state == VSP_LINK_ATTACHED;
}

static int have_ports(struct partition *p, char why[PARTITION_WHY_SIZE])
{
	int all = 1;

	for (unsigned i = 0; i < OPTIONS_MAX_NICS; i++) {
		int ret = p->nic[i].link != NULL ? has_port(&p->nic[i], why) : 1;

		if (ret < 0)
			return ret;
		all &= ret;
	}
	return all;
}

int nics_require(struct partition *p, char why[PARTITION_WHY_SIZE])
{
	uint64_t until = loop_now_us() + REQUIRE_US;
	int ret;

	while ((ret = have_ports(p, why)) == 0) {
		if (loop_now_us() > until) {
			snprintf(why, PARTITION_WHY_SIZE, "vswitchd says nothing; %s", no_provider);
			return -ETIMEDOUT;
		}
		ret = loop_turn(p, 100);
		if (ret < 0 || p->state == PARTITION_OFF) {
			snprintf(why, PARTITION_WHY_SIZE, "it was stopped before it had begun");
			return -ECANCELED;
		}
	}
	return ret < 0 ? ret : 0;
}
