/* SPDX-License-Identifier: BSD-3-Clause */
// A bus between a guest that is the test, and a device and an interrupt controller that write
// down what they are asked.
#pragma once

#include <errno.h>
#include <stdio.h>

#include <hypervisor/vmbus/bus.h>

#include "vmbus_memory.h"

#define N_VPS      4u
#define N_PAGES    64u
#define TARGET_VP  2u // of the guest's contact
#define RING_GPADL 0xe1e10u
#define NOTHING    0u // no message

struct sent {
	uint32_t vp, len;
	uint8_t data[VMBUS_MESSAGE_MAX];
};

static struct vmbus_bus *bus;
static struct vmbus_device *nic;
static struct guest_mem mem;
static struct sent sent[8192]; // to the guest
static unsigned n_sent, n_read;
static bool synic_is_full;
static char asked[8192];  // of the device
static bool hold_answers; // the device does not answer yet
static int open_status, gpadl_status;

static const struct vmbus_guid instance = {{1, 2, 3}}, other_instance = {{4, 5, 6}};

static int post_message(void *, uint32_t vp, const void *msg, size_t len)
{
	if (vp >= N_VPS)
		return -ENODEV;
	if (synic_is_full)
		return -EAGAIN;
	assert_true(n_sent < sizeof(sent) / sizeof(sent[0]));
	sent[n_sent].vp = vp;
	sent[n_sent].len = len;
	memcpy(sent[n_sent++].data, msg, len);
	return 0;
}

// What is bound where; fds are the owner's.
static int kick_of[VMBUS_MAX_RELID + 1]; // by relid; -1: unbound
static struct {
	struct vmbus_event_place *place;
	int fd;
	uint32_t vp;
} calls[VMBUS_MAX_CHANNELS];
static unsigned n_calls;

static int bind_connection(void *, uint32_t connection_id, int kick_fd)
{
	uint32_t relid = connection_id & VMBUS_MAX_RELID;

	assert_int_equal(connection_id, relid | 2 << 12);
	// As KVM: what is bound must be unbound first.
	assert_int_equal(kick_of[relid] == -1, kick_fd != -1);
	kick_of[relid] = kick_fd;
	return 0;
}

static int bind_interrupt(void *, uint32_t vp, int call_fd, struct vmbus_event_place *place)
{
	for (unsigned i = n_calls; i-- > 0;) {
		if (calls[i].fd != call_fd && calls[i].place != place)
			continue;
		atomic_store(&calls[i].place->enabled, 0);
		calls[i] = calls[--n_calls];
	}
	if (vp == UINT32_MAX)
		return 0;
	assert_true(vp < N_VPS && fcntl(call_fd, F_GETFD) >= 0);
	assert_int_not_equal(atomic_load(&place->flag), 0);
	calls[n_calls].place = place;
	calls[n_calls].fd = call_fd;
	calls[n_calls++].vp = vp;
	atomic_store(&place->enabled, 1);
	atomic_store(&place->target_vp, vp);
	return 0;
}

static const struct synic_ops synic = {
	.post_message = post_message,
	.bind_connection = bind_connection,
	.bind_interrupt = bind_interrupt,
};

static void note(const char *what, unsigned number)
{
	size_t used = strlen(asked);

	snprintf(asked + used, sizeof(asked) - used, "%s%s%u", used > 0 ? " " : "", what, number);
}

static int on_gpadl_created(void *, const struct gpadl *g)
{
	note("list", g->id & 0xff);
	return gpadl_status;
}

static void on_gpadl_teardown(void *, uint32_t gpadl)
{
	note("forget", gpadl & 0xff);
	if (!hold_answers)
		vmbus_gpadl_torndown_done(nic, gpadl);
}

static void on_open(void *, uint32_t index, const struct vmbus_open_params *)
{
	note("open", index);
	if (!hold_answers)
		vmbus_open_done(nic, index, open_status);
}

static void on_close(void *, uint32_t index)
{
	note("close", index);
	if (!hold_answers)
		vmbus_close_done(nic, index);
}

static void on_modify(void *, uint32_t index, uint32_t target_vp)
{
	note("modify", index * 10 + target_vp);
	if (!hold_answers)
		vmbus_modify_done(nic, index, 0);
}

static void on_released(void *, bool offered)
{
	note("released", offered);
	if (!offered)
		nic = NULL;
}

static const struct vmbus_device_ops device_ops = {
	.gpadl_created = on_gpadl_created,
	.gpadl_teardown = on_gpadl_teardown,
	.open = on_open,
	.close = on_close,
	.modify = on_modify,
	.released = on_released,
};

// What the device was asked since the last look.
static inline const char *news(void)
{
	static char last[sizeof(asked)];

	memcpy(last, asked, sizeof(last));
	asked[0] = '\0';
	return last;
}

static inline void setup_bus(void)
{
	n_calls = n_sent = n_read = 0;
	memset(kick_of, -1, sizeof(kick_of));
	synic_is_full = hold_answers = false;
	open_status = gpadl_status = 0;
	asked[0] = '\0';
	memset(&mem, 0, sizeof(mem));
	make_memory(&mem, N_PAGES);
	bus = vmbus_bus_create(&synic, NULL, &mem, N_VPS);
	assert_non_null(bus);
}

static inline int setup(void **)
{
	setup_bus();
	nic = vmbus_offer(bus, &vmbus_nic_class, &instance, &device_ops, NULL);
	assert_non_null(nic);
	return 0;
}

static inline int teardown(void **)
{
	vmbus_bus_destroy(bus);
	guest_mem_clear(&mem);
	return 0;
}

// ---- the guest's side

// From memory of exactly that size, so that the sanitizer sees every byte too far.
static inline int post_to(uint32_t connection, const void *msg, size_t len)
{
	void *copy = malloc(len > 0 ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, msg, len);
	ret = vmbus_bus_message(bus, connection, copy, len);
	free(copy);
	return ret;
}

static inline void post(const void *msg, size_t len)
{
	assert_int_equal(post_to(VMBUS_CONNECTION_NEW, msg, len), 0);
}

static inline uint64_t n_refused(void)
{
	struct vmbus_bus_stats stats;

	vmbus_bus_get_stats(bus, &stats);
	return stats.refused;
}

// The next message must be of that type and at least so long as Linux 6.1 demands.
static inline const void *take(uint32_t type)
{
	static const uint8_t least[] = {
		[VMBUS_OFFERCHANNEL] = 196,
		[VMBUS_RESCIND_CHANNELOFFER] = 12,
		[VMBUS_ALLOFFERS_DELIVERED] = 8,
		[VMBUS_OPENCHANNEL_RESULT] = 20,
		[VMBUS_GPADL_CREATED] = 20,
		[VMBUS_GPADL_TORNDOWN] = 12,
		[VMBUS_VERSION_RESPONSE] = 16,
		[VMBUS_UNLOAD_RESPONSE] = 8,
		[VMBUS_TL_CONNECT_RESULT] = 44,
		[VMBUS_MODIFYCHANNEL_RESPONSE] = 16,
	};
	struct vmbus_header hdr;

	assert_true(n_read < n_sent);
	memcpy(&hdr, sent[n_read].data, sizeof(hdr));
	assert_int_equal(hdr.type, type);
	assert_true(sent[n_read].len >= least[type]);
	return sent[n_read++].data;
}

static inline void take_nothing(void)
{
	assert_int_equal(n_read, n_sent);
}

static inline void contact_vp(uint32_t version, uint32_t vp)
{
	struct vmbus_initiate_contact m = {
		.hdr.type = VMBUS_INITIATE_CONTACT,
		.version = version,
		.target_vp = vp,
	};

	post(&m, sizeof(m));
}

static inline void connect_as(uint32_t version)
{
	const struct vmbus_version_response *r;

	contact_vp(version, TARGET_VP);
	r = take(VMBUS_VERSION_RESPONSE);
	assert_int_equal(r->supported, 1);
	take_nothing();
	news();
}

static inline void post_plain(uint32_t type)
{
	struct vmbus_header m = {.type = type};

	post(&m, sizeof(m));
}

static inline uint32_t take_offer(uint32_t index)
{
	const struct vmbus_offer_channel *offer = take(VMBUS_OFFERCHANNEL);

	assert_int_equal(offer->sub_channel_index, index);
	return offer->relid;
}

// Contact and offers; the relid of the NIC.
static inline uint32_t meet(uint32_t version)
{
	uint32_t relid;

	connect_as(version);
	post_plain(VMBUS_REQUESTOFFERS);
	relid = take_offer(0);
	take(VMBUS_ALLOFFERS_DELIVERED);
	take_nothing();
	return relid;
}

struct gpadl_message {
	struct vmbus_gpadl_header m;
	uint32_t byte_count, byte_offset;
	uint64_t pfn[26];
} __attribute__((packed));

// One header message with `n` pages from page `first` on.
static inline size_t fill_gpadl(
	struct gpadl_message *g, uint32_t relid, uint32_t id, uint32_t first, uint32_t n)
{
	*g = (struct gpadl_message){
		.m.hdr.type = VMBUS_GPADL_HEADER,
		.m.relid = relid,
		.m.gpadl = id,
		.m.range_buflen = 8 + 8 * n,
		.m.range_count = 1,
		.byte_count = n * GUEST_PAGE_SIZE,
	};
	for (uint32_t i = 0; i < n && i < 26; i++)
		g->pfn[i] = first + i;
	return offsetof(struct gpadl_message, pfn) + 8 * (n < 26 ? n : 26);
}

static inline void post_gpadl(uint32_t relid, uint32_t id, uint32_t first, uint32_t n)
{
	struct gpadl_message g;
	size_t len = fill_gpadl(&g, relid, id, first, n);

	post(&g, len);
}

static inline uint32_t take_created(uint32_t relid, uint32_t id)
{
	const struct vmbus_gpadl_created *r = take(VMBUS_GPADL_CREATED);

	assert_int_equal(r->relid, relid);
	assert_int_equal(r->gpadl, id);
	return r->status;
}

static inline void make_list(uint32_t relid, uint32_t id, uint32_t first, uint32_t n)
{
	post_gpadl(relid, id, first, n);
	assert_int_equal(take_created(relid, id), 0);
}

static inline void post_teardown(uint32_t relid, uint32_t id)
{
	struct vmbus_gpadl_teardown m = {
		.hdr.type = VMBUS_GPADL_TEARDOWN,
		.relid = relid,
		.gpadl = id,
	};

	post(&m, sizeof(m));
}

static inline void take_torndown(uint32_t id)
{
	const struct vmbus_gpadl_torndown *r = take(VMBUS_GPADL_TORNDOWN);

	assert_int_equal(r->gpadl, id);
}

static inline struct vmbus_open_channel open_message(uint32_t relid, uint32_t gpadl)
{
	return (struct vmbus_open_channel){
		.hdr.type = VMBUS_OPENCHANNEL,
		.relid = relid,
		.open_id = relid + 1000,
		.ring_gpadl = gpadl,
		.target_vp = 1,
		.downstream_page = 4,
	};
}

static inline void post_open(uint32_t relid, uint32_t gpadl)
{
	struct vmbus_open_channel m = open_message(relid, gpadl);

	post(&m, sizeof(m));
}

static inline uint32_t take_open_result(uint32_t relid)
{
	const struct vmbus_open_result *r = take(VMBUS_OPENCHANNEL_RESULT);

	assert_int_equal(r->relid, relid);
	assert_int_equal(r->open_id, relid + 1000);
	return r->status;
}

// A ring of 8 pages as list `gpadl`, and the channel open with it.
static inline void open_with(uint32_t relid, uint32_t gpadl)
{
	make_list(relid, gpadl, 8, 8);
	post_open(relid, gpadl);
	assert_int_equal(take_open_result(relid), 0);
}

static inline void post_relid(uint32_t type, uint32_t relid)
{
	struct vmbus_close_channel m = {.hdr.type = type, .relid = relid};

	post(&m, sizeof(m));
}

static inline void take_rescind(uint32_t relid)
{
	const struct vmbus_rescind *r = take(VMBUS_RESCIND_CHANNELOFFER);

	assert_int_equal(r->relid, relid);
}

static inline void post_modify(uint32_t relid, uint32_t vp)
{
	struct vmbus_modify_channel m = {
		.hdr.type = VMBUS_MODIFYCHANNEL,
		.relid = relid,
		.target_vp = vp,
	};

	post(&m, sizeof(m));
}

static inline uint32_t take_modified(uint32_t relid)
{
	const struct vmbus_modify_response *r = take(VMBUS_MODIFYCHANNEL_RESPONSE);

	assert_int_equal(r->relid, relid);
	return r->status;
}

// An open NIC with one open sub-channel; relids of both.
static inline void meet_with_subchannel(uint32_t *primary, uint32_t *sub)
{
	*primary = meet(VMBUS_VERSION_5_3);
	open_with(*primary, RING_GPADL);
	assert_int_equal(vmbus_offer_subchannels(nic, 1), 0);
	*sub = take_offer(1);
	open_with(*sub, RING_GPADL + 1);
	news();
}
