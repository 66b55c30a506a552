/* SPDX-License-Identifier: BSD-3-Clause */
// The record: a provider killed between any two stores, and its successor. The guest lives in this
// process and keeps books; providers are children that die by SIGKILL after so many steps.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <ndis_compat/oid.h>
#include <netvsp/vsp.h>

#include "model_guest.h"

#define CHANNELS 3
#define FRAMES   (1u << 20)

// What both processes write.
struct both {
	struct netvsp_status status;
	uint32_t sent;        // frames to the guest: the last one's number
	uint32_t n_bad;       // frames from the guest that were not as sent
	uint8_t seen[FRAMES]; // numbers of frames from the guest
};

static struct model_guest g;
static struct both *both;
static int to_child = -1, from_child = -1;
static pid_t child;
static unsigned n_deaths;
static uint32_t (*steps_of)(unsigned life); // how long each may live
static uint32_t steps_left;                 // in a child; 0: for ever

// Called by netvsp between its stores.
void netvsp_step(void)
{
	if (steps_left != 0 && --steps_left == 0)
		kill(getpid(), SIGKILL);
}

// A frame that tells its number, and the rest follows from it.
static uint32_t make_frame(uint8_t *frame, uint32_t number)
{
	uint32_t len = 60 + number * 37 % 1400;

	memcpy(frame, (const uint8_t[]){2, 0x15, 0x5d, 0, 0, 1}, 6);
	memcpy(frame + 6, &number, 4);
	for (uint32_t i = 10; i < len; i++)
		frame[i] = number + i * 7;
	return len;
}

static bool frame_is_good(const uint8_t *frame, uint32_t len, uint32_t *number)
{
	static uint8_t expected[NETVSP_MAX_FRAME];

	memcpy(number, frame + 6, 4);
	return len >= 60 && make_frame(expected, *number) == len &&
	       memcmp(frame, expected, len) == 0;
}

// ---- the provider

static void take_frame(struct model_host *, uint32_t, const struct netvsp_frame *f)
{
	static uint8_t bytes[NETVSP_MAX_FRAME];
	uint32_t at = 0, number;

	for (uint32_t i = 0; i < f->n_segs; i++) {
		memcpy(bytes + at, f->seg[i].iov_base, f->seg[i].iov_len);
		at += f->seg[i].iov_len;
	}
	if (frame_is_good(bytes, at, &number) && number < FRAMES)
		both->seen[number] = 1;
	else
		both->n_bad++;
}

static void send_some(struct model_host *h)
{
	const struct ndis_packet_info info = {};

	for (uint32_t q = 0; q < CHANNELS; q++) {
		for (int i = 0; i < 3; i++) {
			uint8_t frame[2048];
			uint32_t len = make_frame(frame, ++both->sent);
			const struct iovec seg = {frame, len};

			netvsp_send_to_guest(h->vsp, q, &seg, 1, len, &info);
		}
		netvsp_flush_to_guest(h->vsp, q);
	}
}

// One turn for each byte that comes.
static void live(int in, int out, bool resume)
{
	struct model_host h;
	char c = 'r';

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	// A hypervisor asks to resume only what has once been there.
	if (resume)
		steps_left = steps_of(n_deaths);
	if (model_host_start(&h, &g, resume) != 0) {
		c = 'x';
		steps_left = 0;
	}
	if (!resume)
		steps_left = steps_of(n_deaths);
	h.take = take_frame;
	while (write(out, &c, 1) == 1 && read(in, &c, 1) == 1) {
		if (c == 'q')
			_exit(0);
		model_host_run(&h);
		if (c == 's')
			send_some(&h);
		netvsp_get_status(h.vsp, &both->status);
		c = 'r';
	}
	_exit(1);
}

static void give_birth(bool resume)
{
	int in[2], out[2];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(in[1]);
		close(out[0]);
		live(in[0], out[1], resume);
	}
	close(in[0]);
	close(out[1]);
	to_child = in[1];
	from_child = out[0];
}

// What the hypervisor does when the provider has gone: answers CLOSE itself.
static void bury(void)
{
	int how;

	close(to_child);
	close(from_child);
	assert_int_equal(waitpid(child, &how, 0), child);
	if (!WIFSIGNALED(how) || WTERMSIG(how) != SIGKILL)
		model_guest_error(&g, "the provider ended by itself: 0x%x", how);
	n_deaths++;
	model_poll(&g); // the guest runs on
	atomic_fetch_and(&g.shared->opened, atomic_load(&g.shared->open));
}

static void wait_ready(void)
{
	char c;

	while (read(from_child, &c, 1) != 1) {
		bury();
		give_birth(true);
	}
	if (c == 'x')
		model_guest_error(&g, "the record was refused");
}

static char command = 's';

static void turn(void *)
{
	if (g.n_errors != 0)
		fail_msg("after %u deaths: %s", n_deaths, g.error);
	if (write(to_child, &command, 1) == 1)
		wait_ready();
	else
		assert_true(false);
}

// ---- the guest

static uint32_t last_number[CHANNELS];

static void check_frames(void)
{
	for (uint32_t i = 0; i < g.n_frames; i++) {
		const struct model_frame *f = &g.frames[i];
		uint32_t number;

		if (!frame_is_good(f->bytes, f->len, &number))
			model_guest_error(&g, "a frame that nobody sent");
		else if (number <= last_number[f->channel])
			model_guest_error(&g, "frame %u came after %u on channel %u", number,
				last_number[f->channel], f->channel);
		else
			last_number[f->channel] = number;
	}
	model_forget_frames(&g);
}

static uint32_t frame_of_tx[MODEL_TX]; // 0: none

static void send_frames(uint32_t *number, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t frame[2048];
		uint32_t channel = i % g.n_open, len = make_frame(frame, *number + 1);
		uint32_t id = model_send(&g, channel, i % 3, frame, len, NULL, 0);

		if (id == 0)
			continue;
		frame_of_tx[id] = ++*number;
	}
	for (uint32_t q = 0; q < g.n_open; q++)
		model_publish(&g, q);
}

static void check_books(void)
{
	for (uint32_t id = 1; id <= g.n_tx; id++) {
		if (g.tx[id].state != 2)
			model_guest_error(&g, "transaction %u was never completed", id);
		if (frame_of_tx[id] != 0 && g.tx[id].status == NVSP_STATUS_SUCCESS &&
			!both->seen[frame_of_tx[id]])
			model_guest_error(&g, "frame %u was completed and lost", frame_of_tx[id]);
	}
	assert_int_equal(both->n_bad, 0);
}

static void begin(const struct model_options *o)
{
	signal(SIGPIPE, SIG_IGN);
	both = mmap(NULL, sizeof(*both), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(both, MAP_FAILED);
	model_guest_init(&g, o);
	memset(last_number, 0, sizeof(last_number));
	memset(frame_of_tx, 0, sizeof(frame_of_tx));
	n_deaths = 0;
	command = 's';
	g.pump = turn;
	give_birth(false);
	wait_ready();
}

static void end(void)
{
	int how;

	command = 'q';
	assert_int_equal(write(to_child, &command, 1), 1);
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_int_equal(how, 0);
	close(to_child);
	close(from_child);
	munmap(both, sizeof(*both));
	model_guest_fini(&g);
}

static uint32_t sections_lent(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < CHANNELS; i++)
		n += both->status.queue[i].sections_lent;
	return n;
}

static uint32_t one_longer_each(unsigned life)
{
	return life < 700 ? 1 + life : 0;
}

// Each provider lives one step longer than the one before, through the handshake, traffic on all
// channels and changes of state; the guest notices nothing. OpenVMM #2821: one lost completion
// hangs a guest for good.
static void test_killed_at_every_store(void **)
{
	// Rings of so many pieces are copied, not mapped.
	const struct model_options o = {.n_channels = CHANNELS, .scatter = true, .ring_pages = 80};
	uint32_t number = 0, filter = 0xd;

	steps_of = one_longer_each;
	begin(&o);
	model_connect(&g);
	for (unsigned i = 0; n_deaths < 700; i++) {
		g.hold = i % 6 == 0;
		send_frames(&number, 20);
		model_turn(&g);
		check_frames();
		if (i % 7 == 0) {
			filter = filter == 0xd ? 0x2d : 0xd;
			model_set_filter(&g, filter);
		}
		if (i % 11 == 0)
			model_set_rss(&g, i & 1);
	}
	assert_int_equal(n_deaths, 700);
	g.hold = false;
	command = 'p';
	assert_true(model_drain(&g));
	assert_true(model_wait(&g, sections_lent() == 0));
	check_frames();
	check_books();
	assert_int_equal(both->status.filter, filter);
	assert_int_equal(both->status.n_queues, CHANNELS);
	assert_true(number > 3000);
	assert_true(last_number[0] > 1000);
	end();
}

static uint32_t short_lives(unsigned life)
{
	return life < 900 ? 1 + life % 90 * (life % 7) + life % 13 : 0;
}

// Opened, reconfigured and closed over and over, with providers that die all the while
static void test_killed_while_opening_and_closing(void **)
{
	const struct model_options o = {.n_channels = CHANNELS};
	uint32_t number = 0;

	steps_of = short_lives;
	begin(&o);
	for (int i = 0; n_deaths < 900; i++) {
		model_connect(&g);
		for (int k = 0; k < 8; k++) {
			send_frames(&number, 6);
			model_turn(&g);
			check_frames();
		}
		g.hold = false;
		if (i & 1) {
			model_set_filter(&g, 0);
			model_drain(&g);
		}
		for (uint32_t q = CHANNELS; q-- > 0;)
			model_close(&g, q);
		// What came before the close and was not looked at is gone with the ring.
		atomic_store(&g.shared->wanted, 0);
	}
	assert_int_equal(n_deaths, 900);
	command = 'p';
	model_connect(&g);
	send_frames(&number, 30);
	assert_true(model_drain(&g));
	assert_true(model_wait(&g, sections_lent() == 0));
	check_frames();
	check_books();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_at_every_store),
		cmocka_unit_test(test_killed_while_opening_and_closing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
