/* SPDX-License-Identifier: BSD-3-Clause */
// Runs the hostile things one by one or mixed, and sees each time that this guest can still begin
// anew: a host that stops serving it would be hurt.
#include "hostile.h"

#include "bus.h"
#include "console.h"
#include "hyperv.h"
#include "machine.h"
#include "nic.h"
#include "text.h"
#include "words.h"

#define KINDS  8u
#define LOADED 0x100000u // what is below, nobody needs any more

static const struct hostile *const kinds[KINDS] = {hostile_calls, hostile_synic, hostile_gpadl,
	hostile_channel, hostile_ring, hostile_nvsp, hostile_ports, hostile_deadly};

static uint64_t state[MAX_CPUS];

uint64_t chance(void)
{
	uint32_t cpu = this_cpu()->index;
	uint64_t x = state[cpu];

	if (x == 0)
		x = (settings.seed + cpu) * 0x9e3779b97f4a7c15ull | 1;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	state[cpu] = x;
	return x * 0x2545f4914f6cdd1dull;
}

uint32_t chance_of(uint32_t n)
{
	return (chance() >> 32) % n;
}

uint64_t chance_number(void)
{
	uint64_t v = chance();

	switch (chance_of(6)) {
	case 0: return chance_of(8);
	case 1: return v >> chance_of(64);
	case 2: return -(uint64_t)chance_of(8);
	case 3: return 1ull << chance_of(64);
	case 4: return (uint32_t)-chance_of(4096);
	default: return v;
	}
}

uint64_t spare_ours(uint64_t address)
{
	if (address < LOADED || address >= memory_end())
		return address;
	return gpa_of(hostile_pages()) + address % (HOSTILE_PAGES * PAGE);
}

uint64_t chance_address(void)
{
	static const uint64_t special[] = {0, 0xa0000, 0xe0000, 0xffff0, 0xc0000000, 0xfec00000,
		0xfee00000, 0xfffff000, 0x100000000, 0xfffffffff000, 1ull << 52, ~0ull};
	uint64_t at;

	switch (chance_of(4)) {
	case 0: at = special[chance_of(sizeof(special) / sizeof(special[0]))]; break;
	case 1: at = memory_end() - PAGE + PAGE * chance_of(3); break;
	case 2: at = chance() >> chance_of(64) & ~(uint64_t)(PAGE - 1); break;
	default: at = gpa_of(hostile_pages()) + PAGE * chance_of(HOSTILE_PAGES); break;
	}
	return spare_ours(chance_of(3) == 0 ? at + chance_of(PAGE) : at);
}

void chance_fill(void *at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 8) {
		uint64_t v = chance_of(4) == 0 ? chance_number() : chance();

		memcpy((uint8_t *)at + i, &v, n - i < 8 ? n - i : 8);
	}
}

uint8_t *hostile_pages(void)
{
	static uint8_t *pages;

	if (pages == NULL)
		pages = memory_pages(HOSTILE_PAGES);
	return pages;
}

// Begins anew, as after a reset of the bus.
static const char *begin(bool with_nic)
{
	const char *why;

	nic_forget();
	why = bus_start();
	if (why == NULL && with_nic)
		why = bus_find_nic(0, 0) == NULL ? "no adapter is offered" : nic_open(0, 1);
	return why;
}

static bool run_one(const struct hostile *h, uint32_t times)
{
	const char *why = h->needs_nic ? begin(true) : NULL;

	if (why != NULL) {
		say("FAIL %s: cannot begin: %s", h->name, why);
		return false;
	}
	h->run(times);
	console_init();
	why = begin(false);
	if (why != NULL)
		say("FAIL %s: nothing goes afterwards: %s", h->name, why);
	return why == NULL;
}

// The word names one of them, or the kinds' list is done: "all".
static const char *word_hostile(const char *arg)
{
	const char *why = "no such thing";
	bool with_nic = begin(false) == NULL && bus_find_nic(0, 0) != NULL;

	for (unsigned k = 0; k < KINDS; k++)
		for (const struct hostile *h = kinds[k]; h->name != NULL; h++) {
			bool all = text_is(arg, "all") && !h->deadly && (with_nic || !h->needs_nic);

			if (!all && !text_is(arg, h->name))
				continue;
			say("hostile %s", h->name);
			if (!run_one(h, settings.times))
				return "the guest is not served any more";
			why = NULL;
		}
	return why;
}

static const struct hostile *pick(bool with_nic)
{
	for (;;) {
		const struct hostile *h = kinds[chance_of(KINDS)];
		uint32_t n = 0;

		while (h[n].name != NULL)
			n++;
		h += chance_of(n);
		if (!h->deadly && (with_nic || !h->needs_nic))
			return h;
	}
}

static volatile bool mixing;

static void mix(void *)
{
	while (mixing) {
		const struct hostile *h = pick(false);

		if (h->anywhere)
			h->run(1 + chance_of(20));
		relax();
	}
}

// All of them, by chance, for settings.seconds; on other processors too what needs no order.
static const char *word_fuzz(const char *)
{
	uint64_t end = clock_us() + settings.seconds * 1000000;
	bool with_nic = begin(false) == NULL && bus_find_nic(0, 0) != NULL;
	uint32_t rounds = 0;

	for (uint32_t i = 0; i < MAX_CPUS; i++)
		state[i] = 0;
	mixing = true;
	for (uint32_t i = 1; i < n_cpus; i++)
		smp_run(i, mix, NULL);
	for (; clock_us() < end; rounds++) {
		const struct hostile *h = pick(with_nic);

		say("round %u %s", rounds, h->name);
		if (!run_one(h, 1 + chance_of(settings.times)))
			break;
	}
	mixing = false;
	for (uint32_t i = 1; i < n_cpus; i++)
		smp_wait(i, BUS_PATIENCE);
	say("fuzz seed %lu: %u rounds", settings.seed, rounds);
	return clock_us() < end ? "the guest is not served any more" : NULL;
}

static const char *word_list(const char *)
{
	for (unsigned k = 0; k < KINDS; k++)
		for (const struct hostile *h = kinds[k]; h->name != NULL; h++)
			say("has %s%s%s", h->name, h->needs_nic ? " nic" : "",
				h->deadly ? " deadly" : "");
	return NULL;
}

const struct word hostile_words[] = {
	{"hostile", word_hostile},
	{"fuzz", word_fuzz},
	{"list", word_list},
	{},
};
