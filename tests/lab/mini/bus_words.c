/* SPDX-License-Identifier: BSD-3-Clause */
// Words about Hyper-V and its bus.
#include "bus.h"
#include "console.h"
#include "hyperv.h"
#include "machine.h"
#include "nic.h"
#include "text.h"
#include "words.h"

#define CRASH_NOTIFY (1ull << 63)
#define CRASH_TEXT   (1ull << 62)

static const char *word_hyperv(const char *)
{
	struct cpuid c;

	if (!hyperv_init())
		return "no Hyper-V here";
	c = cpuid(0x40000003, 0);
	say("features 0x%x 0x%x 0x%x, processor %lu", c.eax, c.ebx, c.edx, rdmsr(MSR_VP_INDEX));
	return NULL;
}

// "5.3", or "" for the newest.
static const char *word_contact(const char *arg)
{
	uint32_t major, minor = 0;
	const char *why;

	nic_forget();
	if (*arg == '\0')
		return bus_start();
	major = text_number(&arg);
	if (*arg == '.') {
		arg++;
		minor = text_number(&arg);
	}
	why = bus_contact(major << 16 | minor);
	return why != NULL ? why : bus_ask_offers();
}

static const char *word_offers(const char *)
{
	uint32_t n = 0;

	bus_poll();
	for (unsigned i = 0; i < BUS_MAX_OFFERS; i++) {
		const struct bus_offer *o = &bus_offers[i];

		if (!o->here)
			continue;
		n++;
		say("offer %s relid %u connection 0x%x sub-channel %u%s", o->nic ? "nic" : "other",
			o->relid, o->connection_id, o->index, o->rescinded ? " rescinded" : "");
	}
	say("version %u.%u, %u offers", bus_version >> 16, bus_version & 0xffff, n);
	return NULL;
}

static const char *word_unload(const char *)
{
	return bus_unload();
}

static void ap_synic_on(void *arg)
{
	*(const char **)arg = synic_on();
}

// SynICs of all processors.
static const char *word_synic(const char *)
{
	const char *why = synic_on();

	for (uint32_t i = 1; i < n_cpus && why == NULL; i++) {
		smp_run(i, ap_synic_on, &why);
		if (!smp_wait(i, BUS_PATIENCE))
			why = "a processor does not come back";
	}
	return why;
}

// A panic with a text, underscores for spaces; the guest goes on.
static const char *word_panic(const char *arg)
{
	static char text[128];
	uint32_t n = 0;

	for (; *arg != '\0' && n < sizeof(text); arg++)
		text[n++] = *arg == '_' ? ' ' : *arg;
	for (uint32_t i = 0; i < 3; i++)
		wrmsr_try(MSR_CRASH_P0 + i, 0xdead0 + i);
	wrmsr_try(MSR_CRASH_P0 + 3, gpa_of(text));
	wrmsr_try(MSR_CRASH_P0 + 4, n);
	return wrmsr_try(MSR_CRASH_CTL, CRASH_NOTIFY | CRASH_TEXT) ? NULL : "no crash registers";
}

const struct word bus_words[] = {
	{"hyperv", word_hyperv},
	{"synic", word_synic},
	{"contact", word_contact},
	{"offers", word_offers},
	{"unload", word_unload},
	{"panic", word_panic},
	{},
};
