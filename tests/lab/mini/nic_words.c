/* SPDX-License-Identifier: BSD-3-Clause */
// Words about a network adapter.
#include "bus.h"
#include "console.h"
#include "hyperv.h"
#include "machine.h"
#include "net.h"
#include "nic.h"
#include "text.h"
#include "words.h"

#define LOST_US 200000u // by then the interrupt of a flag that is set has been raised

static volatile bool serving;

// Frames of queues whose interrupts come to this processor.
static void serve(void *)
{
	while (serving)
		if (!nic_poll())
			clock_sleep(clock_us() + 100000);
}

static void serve_others(bool on)
{
	if (serving == on)
		return;
	serving = on;
	for (uint32_t i = 1; i < n_cpus; i++) {
		if (on)
			smp_run(i, serve, NULL);
		else
			smp_wait(i, BUS_PATIENCE);
	}
}

static uint32_t wanted;

// The host offers an adapter once it is served.
static bool is_offered(void)
{
	return bus_find_nic(wanted, 0) != NULL;
}

// "NUMBER[,QUEUES]": of the offers, from 0.
static const char *word_nic(const char *arg)
{
	uint32_t number = text_number(&arg), queues = 1;
	const char *why;

	if (*arg == ',') {
		arg++;
		queues = text_number(&arg);
	}
	wanted = number;
	if (bus_version != 0)
		nic_wait(is_offered, BUS_PATIENCE);
	why = nic_open(number, queues);
	if (why != NULL)
		return why;
	say("nic %x:%x:%x:%x:%x:%x link %s, queues %u, section %u", nic.mac[0], nic.mac[1],
		nic.mac[2], nic.mac[3], nic.mac[4], nic.mac[5], nic.link ? "up" : "down",
		nic.n_queues, nic.section_size);
	serve_others(true);
	return NULL;
}

static const char *word_address(const char *arg)
{
	return text_ip4(&arg, net_address) ? NULL : "no IPv4 address";
}

static bool pressed(void)
{
	return power_button();
}

// Answers for so many milliseconds, or until the power button.
static const char *word_serve(const char *arg)
{
	uint64_t ms = text_number(&arg), end = clock_us() + ms * 1000;

	while ((ms == 0 || clock_us() < end) && nic_wait(pressed, 100000) != NULL)
		;
	say("served: %lu frames received, %lu sent, %lu bad", nic.rx, nic.tx, nic.rx_bad);
	return nic.rx_bad == 0 ? NULL : "bad frames";
}

// "ADDRESS[,TIMES[,MILLISECONDS apart]]"; times 0: for settings.seconds.
static const char *word_ping(const char *arg)
{
	struct net_ping result = {};
	uint64_t every = 100000;
	uint32_t times = 3;
	uint8_t to[4];
	const char *why;

	if (!text_ip4(&arg, to))
		return "no IPv4 address";
	if (*arg == ',') {
		arg++;
		times = text_number(&arg);
	}
	if (*arg == ',') {
		arg++;
		every = text_number(&arg) * 1000;
	}
	why = net_ping(to, times, every, &result);
	if (why != NULL)
		return why;
	say("pings sent %u lost %u worst %lu us", result.sent, result.sent - result.got,
		result.worst_us);
	return result.got == result.sent ? NULL : "pings are lost";
}

static bool sleep_until(bool (*done)(void), uint64_t us)
{
	uint64_t until = clock_us() + us;

	while (!done() && clock_us() < until)
		clock_sleep(clock_us() + 10000);
	return done();
}

static uint32_t n_sints;

static bool is_interrupted(void)
{
	return this_cpu()->sints != n_sints;
}

static bool is_flagged(void)
{
	return synic_has_event(nic.queue[0].relid);
}

// Masks the bus's SINT until a frame from outside has set the adapter's flag, which stays set: so
// nobody raises it any more, and it is the unmasking that must interrupt.
static const char *word_mask(const char *)
{
	if (!nic.open)
		return "no adapter is open";
	synic_mask(true);
	while (bus_poll() || nic_poll() || is_flagged())
		;
	say("masked");
	if (!sleep_until(is_flagged, BUS_PATIENCE))
		return "nothing comes";
	n_sints = this_cpu()->sints;
	if (sleep_until(is_interrupted, LOST_US))
		return "interrupted while masked";
	synic_mask(false);
	return sleep_until(is_interrupted, BUS_PATIENCE) ? NULL : "the interrupt is lost";
}

static const char *word_close(const char *)
{
	serve_others(false);
	return nic_close();
}

const struct word nic_words[] = {
	{"nic", word_nic},
	{"address", word_address},
	{"serve", word_serve},
	{"ping", word_ping},
	{"mask", word_mask},
	{"close", word_close},
	{},
};
