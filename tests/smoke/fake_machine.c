/* SPDX-License-Identifier: BSD-3-Clause */
// hvhost's console and control socket with a guest that is a parrot: it says what is typed. For
// machines without KVM.
//   fake_machine NAME RUN_DIR CONSOLE [deaf]
// CONSOLE: stdio, pty, none, or a file's path; deaf: does not hear the power button.
// Lines it knows: "flood" makes it say 8 MiB, "sleep" stops the whole process from answering,
// "mute" the guest from reading.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hypervisor/host/console.h>
#include <hypervisor/host/control.h>
#include <tests/unit/fake_partition.h>

static struct console *console;
static char line[256];
static size_t len;
static bool mute;
static volatile sig_atomic_t terminated;

static void say(const char *text)
{
	console_output(console, (const uint8_t *)text, strlen(text));
}

static void flood(void)
{
	char text[65];

	for (unsigned i = 0; i < 131072; i++) {
		snprintf(text, sizeof(text), "%08u %053d\r\n", i, 0);
		say(text);
	}
}

static void obey(void)
{
	if (strcmp(line, "flood") == 0)
		flood();
	else if (strcmp(line, "sleep") == 0)
		pause();
	else if (strcmp(line, "mute") == 0)
		mute = true;
	say("said: ");
	say(line);
	say("\r\n# ");
}

static size_t input(void *, const uint8_t *data, size_t n)
{
	if (mute)
		return 0;
	for (size_t i = 0; i < n; i++) {
		console_output(console, data + i, 1);
		if (data[i] == '\r' || data[i] == '\n') {
			line[len] = '\0';
			len = 0;
			say("\n");
			obey();
		} else if (len < sizeof(line) - 1) {
			line[len++] = data[i];
		}
	}
	return n;
}

static void on_term(int)
{
	terminated = 1;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

// Until it is off.
static void run(struct partition *p, bool deaf)
{
	double asked = 0;

	while (!p->killed && !terminated) {
		unsigned stops = p->n_stops, resets = p->n_resets;

		fake_partition_run(p, 50);
		if (p->n_resets != resets)
			say("\r\nbooting again\r\n# ");
		if (p->n_stops == stops && asked == 0)
			continue;
		if (asked == 0) {
			asked = now();
			say("\r\nPower key pressed\r\n");
		}
		if (!deaf && now() - asked > 0.2)
			break;
		if (p->stop_seconds > 0 && now() - asked > p->stop_seconds)
			break;
	}
	say("\r\nreboot: Power down\r\n");
}

int main(int argc, char **argv)
{
	struct options opt = {.stop_seconds = 30};
	char why[PARTITION_WHY_SIZE] = "";
	struct control *control;
	struct partition p;

	if (argc < 4)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_term);
	snprintf(opt.name, sizeof(opt.name), "%s", argv[1]);
	opt.run_dir = argv[2];
	opt.console = strcmp(argv[3], "stdio") == 0  ? CONSOLE_STDIO
	              : strcmp(argv[3], "pty") == 0  ? CONSOLE_PTY
	              : strcmp(argv[3], "none") == 0 ? CONSOLE_NONE
	                                             : CONSOLE_FILE;
	opt.console_path = argv[3];
	fake_partition_init(&p, opt.name);
	control = control_create(&opt, why);
	if (control != NULL)
		console = console_create(&opt, why);
	if (console == NULL) {
		fprintf(stderr, "hvhost: %s\n", why);
		control_destroy(control);
		return 1;
	}
	p.info.console = console_place(console);
	if (console_start(console, &p, input, NULL) < 0 || control_start(control, &p, console) < 0)
		return 1;
	say("Linux version 6.1\r\n# ");
	run(&p, argc > 4 && strcmp(argv[4], "deaf") == 0);
	control_destroy(control);
	console_destroy(console);
	fake_partition_close(&p);
	return 0;
}
