/* SPDX-License-Identifier: BSD-3-Clause */
// A guest of few words: what hypervisors' tests need and Linux would not do.
#include "machine.h"

#include "console.h"
#include "text.h"
#include "words.h"

#define CMD_LINE     0x228u // in the boot parameters
#define CMD_LINE_MAX 2048u
#define MSR_GS_BASE  0xc0000101u
#define BOOTS        ((volatile uint64_t *)0x6000) // survives a reset that keeps memory
#define BOOTS_MAGIC  0x6d696e6900000000ull

struct settings settings = {.seed = 1, .times = 200, .seconds = 5};

void start(const uint8_t *boot_params);

static const char *word_smp(const char *arg)
{
	uint32_t n = text_number(&arg);

	return smp_start(n) == n ? NULL : "a processor does not start";
}

static const char *word_seed(const char *arg)
{
	settings.seed = text_number(&arg);
	return NULL;
}

static const char *word_times(const char *arg)
{
	settings.times = text_number(&arg);
	return NULL;
}

static const char *word_seconds(const char *arg)
{
	settings.seconds = text_number(&arg);
	return NULL;
}

static const char *word_sleep(const char *arg)
{
	uint64_t until = clock_us() + text_number(&arg) * 1000;

	while (clock_us() < until && !power_button())
		clock_sleep(until < clock_us() + 100000 ? until : clock_us() + 100000);
	return NULL;
}

// The words behind it run that many times, a boot each; then it is the end.
static const char *word_loops(const char *arg)
{
	uint64_t n = (*BOOTS & ~0xffffull) == BOOTS_MAGIC ? *BOOTS & 0xffff : 0;
	uint64_t most = text_number(&arg);

	if (n >= most) {
		*BOOTS = 0;
		say("ok loops, all %lu", n);
		power_off();
	}
	*BOOTS = BOOTS_MAGIC | (n + 1);
	say("boot %lu of %lu", n + 1, most);
	return NULL;
}

static const char *word_poweroff(const char *)
{
	say("power off");
	power_off();
	return NULL;
}

static const char *word_reset(const char *arg)
{
	say("reset %s", arg);
	power_reset(arg);
	return "still here";
}

static const char *word_stay(const char *)
{
	while (!power_button())
		clock_sleep(clock_us() + 100000);
	return NULL;
}

const struct word machine_words[] = {
	{"smp", word_smp},
	{"seed", word_seed},
	{"times", word_times},
	{"seconds", word_seconds},
	{"sleep", word_sleep},
	{"loops", word_loops},
	{"poweroff", word_poweroff},
	{"reset", word_reset},
	{"stay", word_stay},
	{},
};

void start(const uint8_t *boot_params)
{
	static char line[CMD_LINE_MAX];
	uint32_t at;

	memcpy(&at, boot_params + CMD_LINE, sizeof(at));
	for (unsigned i = 0; at != 0 && i + 1 < sizeof(line); i++) {
		line[i] = ((const char *)(uintptr_t)at)[i];
		if (line[i] == '\0')
			break;
	}
	wrmsr_try(MSR_GS_BASE, (uintptr_t)&cpus[0]);
	cpus[0].online = true;
	trap_init();
	memory_init(boot_params);
	apic_init();
	clock_init();
	console_init();
	irq_on();
	say("ok boot, memory to 0x%lx", memory_end());
	words_run(line);
	say("end");
	power_off();
}
