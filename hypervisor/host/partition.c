/* SPDX-License-Identifier: BSD-3-Clause */
// A virtual machine's life: made, run, reset, stopped.
//
// A reset is done in two steps. The machine goes at once, and the bus asks the devices to let go
// of the guest's memory; only when they have, images are loaded into it and a new machine runs.
#include "partition.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "log.h"
#include "partition_state.h"

#define KVM_PATH      "/dev/kvm"
#define RESET_TURN_MS 1000
#define RESET_SLOW_US 5000000

void partition_end(struct partition *p, int status)
{
	if (p->state == PARTITION_OFF)
		return;
	p->state = PARTITION_OFF;
	p->status = status;
}

// ---- stop

static void set_timer(struct partition *p, unsigned seconds)
{
	struct itimerspec when = {.it_value.tv_sec = seconds};

	timerfd_settime(p->timer_fd, 0, &when, NULL);
}

void partition_kill(struct partition *p)
{
	if (p->state == PARTITION_OFF)
		return;
	log_warn("vm", "killed");
	partition_end(p, PARTITION_EXIT_KILLED);
}

void partition_stop(struct partition *p, unsigned seconds)
{
	if (p->state == PARTITION_OFF)
		return;
	// Nobody is there to mind a button.
	if (p->state == PARTITION_CRASHED || p->resetting) {
		partition_kill(p);
		return;
	}
	if (seconds > 0)
		log_info("vm", "power button pressed, power cut in %u s", seconds);
	else
		log_info("vm", "power button pressed");
	p->state = PARTITION_STOPPING;
	set_timer(p, seconds);
	power_button(p->power);
}

static void on_timer(void *arg, uint32_t)
{
	struct partition *p = arg;
	uint64_t count;

	if (read(p->timer_fd, &count, sizeof(count)) != sizeof(count))
		return;
	log_warn("vm", "the guest has not powered off in time");
	partition_kill(p);
}

static void on_signal(void *arg, uint32_t)
{
	struct partition *p = arg;
	struct signalfd_siginfo si;

	while (read(p->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (p->state == PARTITION_STOPPING || p->started_us == 0)
			partition_kill(p);
		else
			partition_stop(p, p->opt->stop_seconds);
	}
}

// ---- panic

static void tell_crash(struct partition *p)
{
	char text[HV_CRASH_TEXT_MAX], *rest = text, *line;
	bool untold;

	pthread_mutex_lock(&p->crash_lock);
	snprintf(text, sizeof(text), "%s", p->crash);
	untold = p->crash_untold;
	p->crash_untold = false;
	pthread_mutex_unlock(&p->crash_lock);
	if (!untold)
		return;
	p->crashed = true;
	if (p->state == PARTITION_RUNNING)
		p->state = PARTITION_CRASHED;
	if (!log_may_say())
		return;
	log_error("guest", "the guest has crashed");
	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			log_error("guest", "%s", line);
}

// ---- reset

static void begin_reset(struct partition *p)
{
	if (p->resetting || p->state == PARTITION_OFF)
		return;
	if (p->opt->no_reboot || p->state == PARTITION_STOPPING) {
		log_info("vm", "the guest would reboot, and ends");
		partition_end(p, p->crashed ? PARTITION_EXIT_KILLED : PARTITION_EXIT_OFF);
		return;
	}
	boot_stop(p);
	tell_crash(p);
	if (log_may_say())
		log_info("vm", "reset%s%s", p->why_ended[0] != '\0' ? ": " : "", p->why_ended);
	p->why_ended[0] = '\0';
	// What it wanted last does not count any more.
	atomic_fetch_and(&p->wants, ~(WANT_OFF | WANT_RESET | WANT_BROKEN | WANT_CRASH));
	pthread_mutex_lock(&p->bus_lock);
	hv_synic_reset(p->synic);
	vmbus_bus_reset(p->bus);
	pthread_mutex_unlock(&p->bus_lock);
	guest_devices_reset(p);
	p->resetting = true;
	p->slow_told = false;
	p->reset_us = loop_now_us();
}

static void finish_reset(struct partition *p)
{
	char why[PARTITION_WHY_SIZE] = "";
	bool waits;
	int ret;

	pthread_mutex_lock(&p->bus_lock);
	waits = vmbus_bus_is_resetting(p->bus);
	pthread_mutex_unlock(&p->bus_lock);
	if (waits) {
		if (!p->slow_told && loop_now_us() - p->reset_us > RESET_SLOW_US)
			log_warn("vm", "the reset waits for vswitchd to let go of the NICs");
		p->slow_told |= loop_now_us() - p->reset_us > RESET_SLOW_US;
		return;
	}
	p->resetting = false;
	p->crashed = false;
	p->state = PARTITION_RUNNING;
	p->n_resets++;
	ret = boot_load_images(p, why);
	if (ret == 0)
		ret = boot_make(p, why);
	if (ret == 0)
		ret = boot_start(p);
	if (ret == 0)
		return;
	log_error("vm", "cannot boot again: %s", why[0] != '\0' ? why : strerror(-ret));
	partition_end(p, PARTITION_EXIT_FAILURE);
}

int partition_reset(struct partition *p)
{
	if (p->state == PARTITION_OFF)
		return -ESHUTDOWN;
	begin_reset(p);
	return 0;
}

// ---- what the processors want

static void grant_wants(struct partition *p)
{
	unsigned wants = atomic_exchange(&p->wants, 0);

	if (wants & WANT_CRASH)
		tell_crash(p);
	if (atomic_load_explicit(&p->ram.mem.dead, memory_order_relaxed)) {
		log_error("vm", "the guest's memory has holes: there were not enough huge pages");
		partition_end(p, PARTITION_EXIT_FAILURE);
	}
	if (wants & WANT_NICS)
		nics_sweep(p);
	if (wants & WANT_BUS) {
		pthread_mutex_lock(&p->bus_lock);
		vmbus_bus_flush(p->bus);
		pthread_mutex_unlock(&p->bus_lock);
	}
	if (wants & WANT_OFF && !p->resetting) {
		log_info("vm", "powered off");
		partition_end(p, PARTITION_EXIT_OFF);
	} else if (wants & WANT_BROKEN && !p->resetting) {
		log_error("vm", "%s", p->why_ended);
		partition_end(p, PARTITION_EXIT_FAILURE);
	} else if (wants & WANT_RESET) {
		begin_reset(p);
	}
	if (p->resetting && p->state != PARTITION_OFF)
		finish_reset(p);
}

// ---- run

static void tell_start(const struct partition *p)
{
	log_info("vm", "started name=%s memory=%lluM pages=%s cpus=%u nics=%u console=%s",
		p->opt->name, (unsigned long long)(p->ram.size >> 20),
		p->ram.huge ? "huge" : "small", p->opt->cpus, p->opt->n_nics,
		p->console != NULL ? console_place(p->console) : "none");
}

int partition_run(struct partition *p)
{
	int ret;

	p->started_us = loop_now_us();
	tell_start(p);
	ret = p->state == PARTITION_OFF ? 0 : boot_start(p);
	while (ret == 0 && p->state != PARTITION_OFF) {
		ret = loop_turn(p, p->resetting ? RESET_TURN_MS : -1);
		if (ret == 0)
			grant_wants(p);
	}
	if (ret < 0) {
		log_error("vm", "cannot go on: %s", strerror(-ret));
		partition_end(p, PARTITION_EXIT_FAILURE);
	}
	boot_stop(p);
	return p->status;
}

size_t partition_type(void *partition, const uint8_t *data, size_t len)
{
	return serial_input(((struct partition *)partition)->serial, data, len);
}

// ---- create, destroy

static int create_bus(struct partition *p)
{
	p->synic = hv_synic_create(&p->ram.mem, p->opt->cpus, &partition_synic_host, p);
	if (p->synic == NULL)
		return -errno;
	p->bus = vmbus_bus_create(&hv_synic_ops, p->synic, &p->ram.mem, p->opt->cpus);
	return p->bus == NULL ? -errno : 0;
}

static int create_parts(struct partition *p)
{
	int ret = loop_create(p);

	if (ret == 0)
		ret = partition_watch(p, p->signal_fd, EPOLLIN, on_signal, p);
	if (ret == 0)
		ret = partition_watch(p, p->timer_fd, EPOLLIN, on_timer, p);
	if (ret == 0)
		ret = guest_devices_create(p);
	return ret < 0 ? ret : create_bus(p);
}

// Cheap things first, and KVM last: bad images are told of also where there is none.
static int create(struct partition *p, char why[PARTITION_WHY_SIZE])
{
	int ret = boot_open_images(p, why);

	if (ret == 0)
		ret = ram_create(&p->ram, p->opt->name, p->opt->memory, p->opt->pages, why);
	if (ret == 0)
		ret = boot_load_images(p, why);
	if (ret < 0)
		return ret;
	p->kvm_fd = vm_open(KVM_PATH, why);
	if (p->kvm_fd < 0)
		return p->kvm_fd;
	ret = create_parts(p);
	if (ret < 0) {
		snprintf(why, PARTITION_WHY_SIZE, "cannot begin: %s", strerror(-ret));
		return ret;
	}
	return boot_make(p, why);
}

struct partition *partition_create(
	const struct options *opt, struct console *console, char why[PARTITION_WHY_SIZE])
{
	struct partition *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		snprintf(why, PARTITION_WHY_SIZE, "out of memory");
		return NULL;
	}
	p->opt = opt;
	p->console = console;
	p->kvm_fd = p->kernel_fd = p->initrd_fd = -1;
	p->epoll = p->wake_fd = p->timer_fd = p->signal_fd = -1;
	pthread_mutex_init(&p->rtc_lock, NULL);
	pthread_mutex_init(&p->bus_lock, NULL);
	pthread_mutex_init(&p->crash_lock, NULL);
	if (create(p, why) == 0)
		return p;
	partition_destroy(p);
	return NULL;
}

int partition_connect(struct partition *p, char why[PARTITION_WHY_SIZE])
{
	int ret;

	p->quiet = p->opt->require_port;
	ret = nics_create(p, why);
	if (ret == 0 && p->opt->require_port)
		ret = nics_require(p, why);
	p->quiet = false;
	return ret;
}

void partition_destroy(struct partition *p)
{
	if (p == NULL)
		return;
	boot_stop(p);
	nics_destroy(p);
	vmbus_bus_destroy(p->bus);
	hv_synic_destroy(p->synic);
	guest_devices_destroy(p);
	loop_destroy(p);
	if (p->kvm_fd >= 0)
		close(p->kvm_fd);
	if (p->initrd_fd >= 0)
		close(p->initrd_fd);
	if (p->kernel_fd >= 0)
		close(p->kernel_fd);
	ram_destroy(&p->ram);
	pthread_mutex_destroy(&p->crash_lock);
	pthread_mutex_destroy(&p->bus_lock);
	pthread_mutex_destroy(&p->rtc_lock);
	free(p);
}
