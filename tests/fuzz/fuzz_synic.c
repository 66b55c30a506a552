/* SPDX-License-Identifier: BSD-3-Clause */
// Synthetic interrupts under a guest that writes any register at any time and any byte of its
// memory, a host that binds and refuses to, and messages that come meanwhile. A guest that keeps
// to the rules, with pages of its own for each processor, gets each message once and in order, or
// not at all after turning the slot off; nobody waits for a wake-up that never comes.
//
// Input: whether the guest keeps to the rules, then steps: what to do, then its parameters.
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <hypervisor/hyperv/synic.h>

#include "guest_pages.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_VPS    3u
#define PAGES    8u // at 0
#define HIGH     (16ull * GUEST_PAGE_SIZE)
#define N_PLACES 4u
#define N_FDS    4u
#define N_IDS    4u
#define SLOT     512u
#define MOST     (HV_SYNIC_QUEUE + 1u)

struct vp {
	uint64_t control, siefp, simp;
	bool watched;
	bool ended;    // the host has yet to be told of an end of message
	bool refused;  // and not told of room yet
	uint32_t sent; // number of the last message
	uint32_t n;    // accepted, not taken; the first may be in the slot
	uint32_t waiting[MOST];
};

struct bound {
	uint32_t vp; // UINT32_MAX: not
	struct vmbus_event_place *place;
};

static struct guest_mem mem;
static struct hv_synic *synic;
static bool rules, refuse, frees_at_watch;
static struct vp vps[N_VPS];
static struct vmbus_event_place places[N_PLACES];
static struct bound bound[N_FDS];
static bool on_fd[N_VPS][N_FDS], connected[N_IDS];
static unsigned n_rooms, n_rooms_due; // of one step
static unsigned n_injected[N_VPS];

// ---- the guest's view

// In the page that the register names, whether the controller is on or not.
static struct hv_message_slot *slot_in(uint64_t simp)
{
	uint8_t *page = guest_mem_at(&mem, simp & ~0xfffull, GUEST_PAGE_SIZE);

	return page == NULL || (simp & 1) == 0 ? NULL : (struct hv_message_slot *)(page + SLOT);
}

static struct hv_message_slot *slot_of(const struct vp *vp)
{
	return (vp->control & 1) != 0 ? slot_in(vp->simp) : NULL;
}

static bool is_in_slot(const struct vp *vp)
{
	const struct hv_message_slot *slot = slot_in(vp->simp);

	return slot != NULL && slot->type != 0;
}

static void forget_first(struct vp *vp)
{
	memmove(vp->waiting, vp->waiting + 1, --vp->n * sizeof(vp->waiting[0]));
}

// Takes what is in the slot. True: EOM has to be written.
static bool take(struct vp *vp)
{
	struct hv_message_slot *slot = slot_of(vp);
	uint32_t number;

	if (slot == NULL || slot->type == 0)
		return false;
	if (rules) {
		memcpy(&number, slot->payload, sizeof(number));
		require(slot->type == 1 && slot->port == 0 && slot->reserved == 0);
		require(slot->size >= sizeof(number) && slot->size <= 240);
		require(vp->n > 0 && number == vp->waiting[0]);
		forget_first(vp);
	}
	slot->type = 0;
	return (slot->flags & HV_MESSAGE_PENDING) != 0;
}

// ---- the host

static void inject(void *, uint32_t vp)
{
	require(vp < N_VPS);
	n_injected[vp]++;
}

static void watch_slot(void *, uint32_t vp, bool on)
{
	require(vp < N_VPS && vps[vp].watched != on);
	vps[vp].watched = on;
	if (on && frees_at_watch)
		take(&vps[vp]); // EOM has gone by unheard
}

static int bind_connection(void *, uint32_t id, int fd)
{
	require(id < N_IDS);
	if (fd < 0) {
		require(connected[id]);
		connected[id] = false;
		return 0;
	}
	require(!connected[id]);
	connected[id] = !refuse;
	return refuse ? -EIO : 0;
}

static int bind_interrupt(void *, uint32_t vp, int fd, bool on)
{
	require(vp < N_VPS && fd < (int)N_FDS && on_fd[vp][fd] != on);
	if (on && refuse)
		return -EIO;
	on_fd[vp][fd] = on;
	return 0;
}

static void room(void *)
{
	n_rooms++;
}

static const struct hv_synic_host host = {
	.inject = inject,
	.watch_slot = watch_slot,
	.bind_connection = bind_connection,
	.bind_interrupt = bind_interrupt,
	.room = room,
};

// ---- what holds after each step

static void check_place(const struct vmbus_event_place *p)
{
	const struct vp *vp = NULL;
	bool on;

	for (unsigned fd = 0; fd < N_FDS; fd++)
		if (bound[fd].vp < N_VPS && bound[fd].place == p)
			vp = &vps[bound[fd].vp];
	on = vp != NULL && (vp->control & vp->siefp & 1) != 0 &&
	     guest_mem_at(&mem, vp->siefp & ~0xfffull, GUEST_PAGE_SIZE) != NULL;
	require(p->seq % 2 == 0 && p->enabled == on);
	require(!on || (p->gpa == (vp->siefp & ~0xfffull) && p->target_vp == vp - vps));
}

static void check_bound(void)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		check_place(&places[i]);
	for (uint32_t vp = 0; vp < N_VPS; vp++)
		for (unsigned fd = 0; fd < N_FDS; fd++)
			require(on_fd[vp][fd] == (bound[fd].vp == vp));
}

static void check_messages(struct vp *vp)
{
	const struct hv_message_slot *slot = slot_of(vp);
	uint32_t n_queued = vp->n - is_in_slot(vp);

	require(vp->n >= is_in_slot(vp) && n_queued <= HV_SYNIC_QUEUE);
	if (slot == NULL)
		require(!vp->watched);
	else if (n_queued == 0)
		require(!vp->watched);
	else if (slot->type != 0)
		require(vp->watched && (slot->flags & HV_MESSAGE_PENDING) != 0);
	else
		require(vp->watched && vp->ended);
	if (vp->refused && n_queued < HV_SYNIC_QUEUE) {
		vp->refused = false;
		n_rooms_due++;
	}
}

static void check_all(void)
{
	check_bound();
	for (unsigned i = 0; i < N_VPS && rules; i++)
		check_messages(&vps[i]);
	require(!rules || n_rooms == n_rooms_due);
	n_rooms = n_rooms_due = 0;
}

// ---- steps

// What waits is forgotten when the slot goes; what is in the slot, when its page does.
static void write_registers(uint32_t index, uint64_t control, uint64_t siefp, uint64_t simp)
{
	struct vp *vp = &vps[index];
	bool had_slot = slot_of(vp) != NULL, in_slot = is_in_slot(vp);
	bool moved = ((vp->simp ^ simp) & ~0xffeull) != 0;

	vp->control = control;
	vp->siefp = siefp;
	vp->simp = simp;
	if (had_slot && slot_of(vp) == NULL)
		vp->n = in_slot;
	if (rules && in_slot && moved)
		forget_first(vp);
	hv_synic_msr(synic, index, control, siefp, simp);
}

static uint64_t next_register(struct input *in, uint32_t vp, bool is_simp)
{
	uint8_t what = next(in);

	if (rules) // two pages a register, of its own
		return (1 + 2 * vp + is_simp + (what & 2 ? HIGH / GUEST_PAGE_SIZE : 0)) *
		               GUEST_PAGE_SIZE |
		       (what & 1);
	if (what < 192)
		return (uint64_t)(what >> 1) % 24 * GUEST_PAGE_SIZE | (what & 1);
	return next_value(in, 8);
}

// Raised once if something is there, else not.
static void unmask(uint32_t index)
{
	const struct vp *vp = &vps[index];
	const uint8_t *flags = guest_mem_at(&mem, vp->siefp & ~0xfffull, GUEST_PAGE_SIZE);
	bool there = slot_of(vp) != NULL && is_in_slot(vp);

	for (unsigned i = 0; flags != NULL && (vp->control & vp->siefp & 1) != 0 && i < 256; i++)
		there |= flags[SLOT + i] != 0;
	n_injected[index] = 0;
	hv_synic_unmasked(synic, index);
	require(n_injected[index] == there);
}

static void msr(struct input *in)
{
	uint32_t index = next(in) % N_VPS;
	struct vp *vp = &vps[index];

	switch (next(in) % 4) {
	case 0: write_registers(index, vp->control ^ 1, vp->siefp, vp->simp); break;
	case 1:
		write_registers(index, vp->control, next_register(in, index, false), vp->simp);
		break;
	case 2:
		write_registers(index, vp->control, vp->siefp, next_register(in, index, true));
		break;
	default:
		unmask(index);
		hv_synic_unmasked(synic, N_VPS + index);
		hv_synic_msr(synic, N_VPS + index, 1, ~0ull, ~0ull);
		break;
	}
}

static void post(struct input *in)
{
	uint32_t index = next(in), msg[61] = {};
	size_t len = 4 + next(in);
	struct vp *vp;
	bool full;
	int ret;

	if (index >= 4 * N_VPS) {
		require(hv_synic_ops.post_message(synic, index, msg, len) == -ENODEV);
		return;
	}
	index %= N_VPS;
	vp = &vps[index];
	msg[0] = vp->sent + 1;
	if (len > 240) {
		require(hv_synic_ops.post_message(synic, index, msg, 241) == -EINVAL);
		return;
	}
	require(!rules || vp->n <= MOST);
	full = vp->n == MOST;
	if (rules && !full) // it may be taken at once
		vp->waiting[vp->n++] = msg[0];
	ret = hv_synic_ops.post_message(synic, index, msg, len);
	require(ret == 0 || ret == -EAGAIN);
	vp->sent += ret == 0;
	if (!rules)
		return;
	if (ret == 0) {
		require(!full);
		n_rooms_due += vp->refused;
		vp->refused = false;
	} else {
		vp->n -= !full;
		require(vp->n >= HV_SYNIC_QUEUE);
		vp->refused = true;
	}
}

// The end of the message is on its way.
static void free_silently(uint32_t index)
{
	vps[index].ended |= take(&vps[index]);
}

// The guest writes EOM if it has to; the host hears of it while it watches.
static void end_message(uint32_t index)
{
	struct vp *vp = &vps[index];

	free_silently(index);
	if (vp->ended && vp->watched) {
		vp->ended = false;
		hv_synic_slot_freed(synic, index);
	}
}

static void bind(struct input *in)
{
	uint32_t vp = next(in) % (N_VPS + 2), fd = next(in) % N_FDS, place = next(in);
	struct vmbus_event_place *p = place < 240 ? &places[place % N_PLACES] : NULL;
	int ret;

	if (vp == N_VPS)
		vp = UINT32_MAX;
	if (p != NULL && (place & 4) != 0)
		p->flag = next_value(in, 2);
	ret = hv_synic_ops.bind_interrupt(synic, vp, fd, p);
	if (vp == N_VPS + 1) {
		require(ret == -ENODEV);
		return;
	}
	require(ret == (refuse && vp != UINT32_MAX ? -EIO : 0));
	for (unsigned i = 0; i < N_FDS; i++)
		if (i == fd || (p != NULL && bound[i].place == p))
			bound[i] = (struct bound){UINT32_MAX, NULL};
	if (ret == 0 && vp != UINT32_MAX)
		bound[fd] = (struct bound){vp, p};
}

static void connect_id(struct input *in)
{
	uint32_t what = next(in), id = what % N_IDS;
	bool on = (what & 4) != 0;
	int ret = hv_synic_ops.bind_connection(synic, id, on ? (int)id : -1);

	require(ret == (on && refuse ? -EIO : 0) && connected[id] == (on && !refuse));
}

static void scribble(struct input *in)
{
	uint64_t gpa = next_value(in, 3) % (HIGH + PAGES * GUEST_PAGE_SIZE);
	unsigned n = next(in);

	for (unsigned i = 0; i < n && !rules; i++) {
		uint8_t *to = guest_mem_at(&mem, gpa + i, 1);

		if (to != NULL)
			*to = next(in);
	}
}

// New processors know of no binding.
static void reset(void)
{
	hv_synic_reset(synic);
	memset(on_fd, 0, sizeof(on_fd));
	memset(connected, 0, sizeof(connected));
	for (unsigned i = 0; i < N_VPS; i++) {
		require(!vps[i].watched);
		vps[i].control = vps[i].siefp = vps[i].simp = vps[i].n = 0;
		vps[i].ended = false;
	}
	for (unsigned i = 0; i < N_PLACES; i++)
		require(places[i].enabled == 0);
	require(hv_synic_rebind(synic) == 0 || refuse);
	// A host that cannot is given up.
	refuse = false;
	memset(on_fd, 0, sizeof(on_fd));
	memset(connected, 0, sizeof(connected));
	require(hv_synic_rebind(synic) == 0);
}

static void step(struct input *in)
{
	switch (next(in) % 12) {
	case 0:
	case 1: msr(in); break;
	case 2:
	case 3: post(in); break;
	case 4: end_message(next(in) % N_VPS); break;
	case 5: free_silently(next(in) % N_VPS); break;
	case 6: bind(in); break;
	case 7: connect_id(in); break;
	case 8: scribble(in); break;
	case 9: hv_synic_slot_freed(synic, next(in) % (N_VPS + 1)); break;
	case 10: frees_at_watch = !frees_at_watch; break;
	default:
		if (next(in) % 4 == 0)
			reset();
		else
			refuse = !refuse;
		break;
	}
	check_all();
}

// Outside of what is SINT 2's, a page is as it was, or as it was turned on.
static void check_memory(void)
{
	for (unsigned i = 0; i < 2 * PAGES; i++) {
		uint64_t gpa =
			i < PAGES ? i * GUEST_PAGE_SIZE : HIGH + (i - PAGES) * GUEST_PAGE_SIZE;
		const uint8_t *page = guest_mem_at(&mem, gpa, GUEST_PAGE_SIZE);

		require(page[0] == 0xee || (page[0] == 0 && i % PAGES >= 1 && i % PAGES <= 6));
		require(memcmp(page, page + 1, SLOT - 1) == 0);
		require(page[2 * SLOT] == page[0]);
		require(memcmp(page + SLOT + 256, page + SLOT + 257,
				GUEST_PAGE_SIZE - SLOT - 257) == 0);
	}
}

// A guest that keeps to the rules and takes what comes gets all of it.
static void finish(void)
{
	frees_at_watch = false;
	for (uint32_t i = 0; i < N_VPS && rules; i++) {
		if (slot_of(&vps[i]) == NULL)
			continue;
		for (unsigned k = 0; k <= MOST; k++)
			end_message(i);
		require(vps[i].n == 0 && !vps[i].watched);
	}
	if (rules)
		check_memory();
	reset();
	hv_synic_destroy(synic);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};

	if (mem.n == 0) {
		guest_pages(&mem, 0, PAGES);
		guest_pages(&mem, HIGH, PAGES);
	}
	for (unsigned i = 0; i < mem.n; i++)
		memset(mem.region[i].host, 0xee, mem.region[i].size);
	memset(vps, 0, sizeof(vps));
	memset(places, 0, sizeof(places));
	memset(on_fd, 0, sizeof(on_fd));
	memset(connected, 0, sizeof(connected));
	for (unsigned i = 0; i < N_FDS; i++)
		bound[i] = (struct bound){UINT32_MAX, NULL};
	n_rooms = n_rooms_due = 0;
	refuse = frees_at_watch = false;
	rules = next(&in) % 4 != 0;
	synic = hv_synic_create(&mem, N_VPS, &host, NULL);
	require(synic != NULL);
	while (in.at < in.end)
		step(&in);
	finish();
	return 0;
}
