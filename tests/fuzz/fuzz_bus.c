/* SPDX-License-Identifier: BSD-3-Clause */
// A guest that sends the bus anything in any order, and two devices that answer late, or before
// they are asked twice. Each request that a guest waits for must get its one answer; a device
// is opened, closed and given lists in turn, and released with nothing left.
//
// Input: bytes of steps: what to do, then its parameters; missing ones are 0.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <fcntl.h>

#include <hypervisor/vmbus/bus.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_VPS   4u
#define N_PAGES 32u
#define N_LISTS 256u
#define N_INDEX (1 + VMBUS_MAX_SUBCHANNELS)

enum answer { NONE, OPEN, CLOSE, MODIFY };

struct device {
	struct vmbus_device *on_bus;
	bool open[N_INDEX];    // and not closed yet
	bool opening[N_INDEX]; // not answered yet
	bool closing[N_INDEX];
	bool modifying[N_INDEX];
	uint32_t ring[N_INDEX];
	bool list[N_LISTS], leaving[N_LISTS];
	bool untold; // some list
};

static struct vmbus_bus *bus;
static struct guest_mem mem;
static struct device devices[2];
static bool hold, fail_open, synic_is_full;
// What the guest waits for. Exact only if the interrupt controller has always had room.
static bool exact, connected, owes_version, owes_unload;
static int owed_opens, owed_modifies, owed_connects;
static bool owed_torndown[N_LISTS], rescinded[VMBUS_MAX_RELID + 1];
static uint32_t version, n_headers, n_created, offered[8], n_offered;

static void require(bool held)
{
	if (!held)
		abort();
}

// ---- what the guest hears

static void hear(const uint8_t *msg)
{
	struct vmbus_gpadl_created m; // type, relid, id, status: others are no longer

	memcpy(&m, msg, sizeof(m));
	switch (m.hdr.type) {
	case VMBUS_OFFERCHANNEL:
		memcpy(&m.relid, msg + offsetof(struct vmbus_offer_channel, relid), 4);
		require(m.relid >= 1 && m.relid <= VMBUS_MAX_RELID && connected);
		offered[n_offered++ % 8] = m.relid;
		rescinded[m.relid] = false;
		break;
	case VMBUS_RESCIND_CHANNELOFFER:
		require(connected && !rescinded[m.relid]);
		rescinded[m.relid] = true;
		break;
	case VMBUS_OPENCHANNEL_RESULT: owed_opens--; break;
	case VMBUS_MODIFYCHANNEL_RESPONSE: owed_modifies--; break;
	case VMBUS_TL_CONNECT_RESULT: owed_connects--; break;
	case VMBUS_GPADL_CREATED: n_created++; break;
	case VMBUS_GPADL_TORNDOWN:
		require(m.relid >= N_LISTS || owed_torndown[m.relid]); // the id is at relid's place
		if (m.relid < N_LISTS)
			owed_torndown[m.relid] = false;
		break;
	case VMBUS_VERSION_RESPONSE:
		require(owes_version);
		owes_version = false;
		connected = msg[8] == 1;
		break;
	case VMBUS_UNLOAD_RESPONSE:
		require(owes_unload);
		owes_unload = false;
		break;
	case VMBUS_ALLOFFERS_DELIVERED: break;
	default: abort();
	}
	require(owed_opens >= 0 && owed_modifies >= 0 && owed_connects >= 0);
	require(n_created <= n_headers);
}

static int post_message(void *, uint32_t vp, const void *msg, size_t len)
{
	uint8_t copy[VMBUS_MESSAGE_MAX] = {};

	require(vp < N_VPS && len >= 8 && len <= VMBUS_MESSAGE_MAX);
	if (synic_is_full)
		return -EAGAIN;
	memcpy(copy, msg, len);
	if (exact)
		hear(copy);
	return 0;
}

static const struct synic_ops synic = {.post_message = post_message};

static void forget_all(void)
{
	connected = owes_version = owes_unload = false;
	owed_opens = owed_modifies = owed_connects = 0;
	memset(owed_torndown, 0, sizeof(owed_torndown));
	memset(rescinded, 0, sizeof(rescinded));
}

// What the guest will wait for once it has sent this.
static void expect(const uint8_t *msg, size_t len)
{
	struct vmbus_gpadl_created m = {};

	memcpy(&m, msg, len < sizeof(m) ? len : sizeof(m));
	if (len < 8)
		return;
	if (m.hdr.type == VMBUS_INITIATE_CONTACT && len >= 40) {
		forget_all();
		owes_version = true;
		version = m.relid;
	} else if (m.hdr.type == VMBUS_UNLOAD) {
		forget_all();
		owes_unload = true;
	}
	if (!connected)
		return;
	if (m.hdr.type == VMBUS_OPENCHANNEL && len >= 148)
		owed_opens += m.relid > VMBUS_MAX_RELID || !rescinded[m.relid];
	else if (m.hdr.type == VMBUS_MODIFYCHANNEL && len >= 16)
		owed_modifies += version >= VMBUS_VERSION_5_3;
	else if (m.hdr.type == VMBUS_TL_CONNECT_REQUEST && len >= 40)
		owed_connects++;
	else if (m.hdr.type == VMBUS_GPADL_HEADER && len >= 28)
		n_headers++;
	else if (m.hdr.type == VMBUS_GPADL_TEARDOWN && len >= 16 && m.gpadl < N_LISTS)
		owed_torndown[m.gpadl] = true;
	else if (m.hdr.type == VMBUS_RELID_RELEASED && len >= 12 && m.relid <= VMBUS_MAX_RELID)
		rescinded[m.relid] = false;
}

static void post(const void *msg, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1); // exactly: sanitizers see one byte past
	int ret;

	if (copy == NULL)
		return;
	memcpy(copy, msg, len);
	expect(copy, len);
	ret = vmbus_bus_message(bus, VMBUS_CONNECTION_NEW, copy, len);
	require(ret == 0 || (ret == -EAGAIN && synic_is_full));
	free(copy);
}

// ---- what the devices are asked

static int on_gpadl_created(void *arg, const struct gpadl *g)
{
	struct device *d = arg;

	require(g->n_pages > 0 && g->byte_count <= g->n_pages * GUEST_PAGE_SIZE);
	for (uint32_t i = 0; i < g->n_pages; i++)
		require(g->pfn[i] < N_PAGES && g->page[i] != NULL);
	if (g->id >= N_LISTS)
		return -ENOSPC;
	require(!d->list[g->id]);
	d->list[g->id] = true;
	if (hold)
		d->untold = true;
	return hold ? -EINPROGRESS : 0;
}

static void forget_list(struct device *d, uint32_t id)
{
	d->list[id] = d->leaving[id] = false;
	vmbus_gpadl_torndown_done(d->on_bus, id);
}

static void on_gpadl_teardown(void *arg, uint32_t id)
{
	struct device *d = arg;

	require(id < N_LISTS && d->list[id] && !d->leaving[id]);
	for (uint32_t i = 0; i < N_INDEX; i++)
		require(!d->open[i] || d->ring[i] != id);
	d->leaving[id] = true;
	if (!hold)
		forget_list(d, id);
}

static void answer(struct device *d, uint32_t index)
{
	if (d->opening[index]) {
		d->opening[index] = false;
		if (fail_open && !d->closing[index])
			d->open[index] = false;
		vmbus_open_done(d->on_bus, index, fail_open ? -EIO : 0);
	} else if (d->modifying[index]) {
		d->modifying[index] = false;
		vmbus_modify_done(d->on_bus, index, 0);
	} else if (d->closing[index]) {
		d->closing[index] = d->open[index] = false;
		vmbus_close_done(d->on_bus, index);
	}
}

static void on_open(void *arg, uint32_t index, const struct vmbus_open_params *p)
{
	struct device *d = arg;

	require(index < N_INDEX && !d->open[index] && (index == 0 || d->open[0]));
	require(d->list[p->ring_gpadl] && !d->leaving[p->ring_gpadl]);
	require(p->target_vp < N_VPS || p->target_vp == UINT32_MAX);
	d->open[index] = d->opening[index] = true;
	d->ring[index] = p->ring_gpadl;
	if (!hold)
		answer(d, index);
}

static void on_close(void *arg, uint32_t index)
{
	struct device *d = arg;

	require(index < N_INDEX && d->open[index] && !d->closing[index]);
	d->closing[index] = true;
	d->modifying[index] = false; // the bus does not wait for it any more
	if (!hold) {
		d->opening[index] = false;
		answer(d, index);
	}
}

static void on_modify(void *arg, uint32_t index, uint32_t target_vp)
{
	struct device *d = arg;

	require(d->open[index] && !d->closing[index] && !d->modifying[index]);
	require(target_vp < N_VPS);
	d->modifying[index] = true;
	if (!hold)
		answer(d, index);
}

static void on_released(void *arg, bool still_offered)
{
	struct device *d = arg;

	for (uint32_t i = 0; i < N_INDEX; i++)
		require(!d->open[i]);
	for (uint32_t i = 0; i < N_LISTS; i++)
		require(!d->list[i]);
	if (!still_offered)
		d->on_bus = NULL;
}

static const struct vmbus_device_ops ops = {
	.gpadl_created = on_gpadl_created,
	.gpadl_teardown = on_gpadl_teardown,
	.open = on_open,
	.close = on_close,
	.modify = on_modify,
	.released = on_released,
};

static void offer(unsigned n)
{
	struct vmbus_guid instance = {{n + 1}};

	if (devices[n].on_bus == NULL)
		devices[n].on_bus =
			vmbus_offer(bus, &vmbus_nic_class, &instance, &ops, &devices[n]);
}

// One of what is owed. False: nothing is.
static bool answer_one(unsigned from)
{
	for (unsigned n = 0; n < 2 * (N_INDEX + N_LISTS); n++) {
		unsigned at = (n + from) % (2 * (N_INDEX + N_LISTS));
		struct device *d = &devices[at % 2];

		at /= 2;
		if (d->on_bus == NULL)
			continue;
		if (d->untold) {
			d->untold = false;
			vmbus_gpadls_created_done(d->on_bus);
			return true;
		}
		if (at >= N_INDEX && d->leaving[at - N_INDEX]) {
			forget_list(d, at - N_INDEX);
			return true;
		}
		if (at < N_INDEX && (d->opening[at] || d->closing[at] || d->modifying[at])) {
			answer(d, at);
			return true;
		}
	}
	return false;
}

// ---- steps

struct input {
	const uint8_t *at, *end;
};

static uint32_t next(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint32_t next_relid(struct input *in)
{
	uint32_t n = next(in);

	return n < 128 ? offered[n % 8] : n - 127;
}

static void send_contact(struct input *in)
{
	static const uint32_t known[] = {
		0x50003, 0x50002, 0x50001, 0x50000, 0x40001, 0x40000, 0x30000, 0x20004, 0x60000};
	struct vmbus_initiate_contact m = {.hdr.type = VMBUS_INITIATE_CONTACT};

	m.version = known[next(in) % 9];
	m.target_vp = next(in) % (N_VPS + 1);
	post(&m, sizeof(m));
}

static void send_gpadl(struct input *in)
{
	uint8_t raw[VMBUS_MESSAGE_MAX] = {};
	struct vmbus_gpadl_header m = {.hdr.type = VMBUS_GPADL_HEADER, .range_count = 1};
	uint32_t n_pages, before = n_created, bytes;
	uint64_t pfn;

	m.relid = next_relid(in);
	m.gpadl = next(in) % 8;
	n_pages = next(in) % 80 + 1;
	m.range_buflen = 8 + 8 * n_pages;
	bytes = n_pages * GUEST_PAGE_SIZE;
	memcpy(raw, &m, sizeof(m));
	memcpy(raw + sizeof(m), &bytes, 4);
	pfn = next(in);
	for (uint32_t i = 0; i < 26; i++, pfn++)
		memcpy(raw + sizeof(m) + 8 + 8 * i, &(uint64_t){pfn % (N_PAGES + 1)}, 8);
	post(raw, sizeof(m) + 8 + 26 * 8);
	require(!exact || !connected || n_pages > 26 || n_created == before + 1 ||
		devices[0].untold || devices[1].untold);
}

static void send_body(struct input *in)
{
	uint8_t raw[VMBUS_MESSAGE_MAX] = {};
	struct vmbus_gpadl_body m = {.hdr.type = VMBUS_GPADL_BODY, .gpadl = next(in) % 8};

	memcpy(raw, &m, sizeof(m));
	post(raw, sizeof(m) + 8 * (next(in) % 29));
}

static void send_open(struct input *in)
{
	struct vmbus_open_channel m = {.hdr.type = VMBUS_OPENCHANNEL};

	m.relid = next_relid(in);
	m.ring_gpadl = next(in) % 8;
	m.downstream_page = next(in) % 16;
	m.target_vp = next(in) % (N_VPS + 2);
	if (m.target_vp == N_VPS + 1)
		m.target_vp = UINT32_MAX;
	post(&m, sizeof(m));
}

// TEARDOWN, MODIFY, CLOSE, RELEASED: a relid and a small number.
static void send_small(struct input *in, uint32_t type, uint32_t limit)
{
	struct vmbus_gpadl_teardown m = {.hdr.type = type};

	m.relid = next_relid(in);
	m.gpadl = next(in) % limit;
	post(&m, sizeof(m));
}

static void send_raw(struct input *in)
{
	uint8_t raw[VMBUS_MESSAGE_MAX];
	size_t len = next(in) % (sizeof(raw) + 1), left = in->end - in->at;

	if (len > left)
		len = left;
	memcpy(raw, in->at, len);
	in->at += len;
	post(raw, len);
}

static void set_full(bool full)
{
	if (exact)
		return;
	synic_is_full = full;
	require(vmbus_bus_flush(bus) == false || full);
}

static void reset(void)
{
	forget_all();
	vmbus_bus_reset(bus);
}

static void abandon(struct device *d)
{
	struct vmbus_device *on_bus = d->on_bus;

	if (on_bus == NULL)
		return;
	*d = (struct device){};
	vmbus_abandon(on_bus);
}

static void step(struct input *in)
{
	struct device *d;
	uint32_t what = next(in) % 23;

	switch (what) {
	case 0: send_contact(in); return;
	case 1: send_small(in, VMBUS_REQUESTOFFERS, 1); return;
	case 2: send_gpadl(in); return;
	case 3: send_body(in); return;
	case 4: send_small(in, VMBUS_GPADL_TEARDOWN, 9); return;
	case 5: send_open(in); return;
	case 6: send_small(in, VMBUS_CLOSECHANNEL, 1); return;
	case 7: send_small(in, VMBUS_MODIFYCHANNEL, N_VPS + 1); return;
	case 8: send_small(in, VMBUS_RELID_RELEASED, 1); return;
	case 9: send_small(in, VMBUS_UNLOAD, 1); return;
	case 10: send_raw(in); return;
	case 11: hold = true; return;
	case 12: hold = false; return;
	case 13: answer_one(next(in)); return;
	case 14: reset(); return;
	case 15: set_full(true); return;
	case 16: set_full(false); return;
	case 17: fail_open = !fail_open; return;
	default: break;
	}
	d = &devices[next(in) % 2];
	if (what == 18)
		offer(d - devices);
	else if (d->on_bus == NULL)
		return;
	else if (what == 19)
		vmbus_rescind(d->on_bus);
	else if (what == 20)
		vmbus_offer_subchannels(d->on_bus, next(in) % 66);
	else if (what == 21)
		abandon(d);
	else
		require(vmbus_n_subchannels(d->on_bus) <= VMBUS_MAX_SUBCHANNELS);
}

static void start(bool is_exact)
{
	memset(devices, 0, sizeof(devices));
	memset(offered, 0, sizeof(offered));
	hold = fail_open = synic_is_full = false;
	exact = is_exact;
	n_headers = n_created = n_offered = version = 0;
	forget_all();
	bus = vmbus_bus_create(&synic, NULL, &mem, N_VPS);
	require(bus != NULL);
	offer(0);
	offer(1);
}

// The devices have answered all; then the guest must have all its answers.
static void finish(void)
{
	hold = false;
	synic_is_full = false;
	require(!vmbus_bus_flush(bus));
	while (answer_one(0))
		;
	require(!vmbus_bus_flush(bus));
	if (exact) {
		require(!owes_version && !owes_unload);
		require(owed_opens == 0 && owed_modifies == 0 && owed_connects == 0);
		for (uint32_t i = 0; i < N_LISTS; i++)
			require(!owed_torndown[i]);
	}
	// A guest that resets leaves nothing behind.
	reset();
	for (unsigned n = 0; n < 2; n++)
		if (devices[n].on_bus != NULL)
			on_released(&devices[n], true);
	vmbus_bus_destroy(bus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	int fd;

	if (mem.n == 0) {
		fd = memfd_create("guest", MFD_ALLOW_SEALING);
		require(fd >= 0 && ftruncate(fd, N_PAGES * GUEST_PAGE_SIZE) == 0);
		require(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
		require(guest_mem_add(&mem, 0, N_PAGES * GUEST_PAGE_SIZE, fd, 0) == 0);
		close(fd);
	}
	start((next(&in) & 1) == 0);
	while (in.at < in.end)
		step(&in);
	finish();
	return 0;
}
