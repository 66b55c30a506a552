/* SPDX-License-Identifier: BSD-3-Clause */
#include "model_guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include <ndis_compat/oid.h>

#define MEM_SIZE      (96ull << 20)
#define SCRATCH_PAGES 4096u
#define RECORD_BYTES  HANDOVER_RECORD_SIZE

void model_guest_error(struct model_guest *g, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (g->n_errors++ == 0)
		vsnprintf(g->error, sizeof(g->error), format, args);
	va_end(args);
}

uint64_t model_pages(struct model_guest *g, uint32_t n)
{
	uint64_t first = g->next_page;

	g->next_page += n;
	assert_true(g->next_page * GUEST_PAGE_SIZE <= MEM_SIZE);
	return first;
}

uint8_t *model_at(struct model_guest *g, uint64_t page)
{
	return guest_mem_at(&g->mem, page << GUEST_PAGE_SHIFT, GUEST_PAGE_SIZE);
}

// Scattered, every other page comes first, then the rest: none follows its neighbour.
static uint32_t place_of(const struct model_guest *g, uint32_t page, uint32_t n)
{
	uint32_t half = (n + 1) / 2;

	if (!g->o.scatter)
		return page;
	return page < half ? 2 * page : 2 * (page - half) + 1;
}

static void make_buffer(struct model_guest *g, struct gpadl *to, uint32_t id, uint32_t size)
{
	uint32_t n = size / GUEST_PAGE_SIZE;
	uint64_t first = model_pages(g, n), *pfn = malloc(n * sizeof(*pfn));

	for (uint32_t i = 0; i < n; i++)
		pfn[i] = first + place_of(g, i, n);
	assert_int_equal(gpadl_init(to, &g->mem, id, 0, size, pfn, n), 0);
	free(pfn);
}

uint64_t model_ring_page(const struct model_guest *g, uint32_t channel, uint32_t page)
{
	return g->channel[channel].ring_page + place_of(g, page, 2 * (g->o.ring_pages + 1));
}

static int make_memfd(const char *name, uint64_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

static uint32_t or_else(uint32_t value, uint32_t usual)
{
	return value != 0 ? value : usual;
}

void model_guest_init(struct model_guest *g, const struct model_options *o)
{
	*g = (struct model_guest){.o = *o, .next_page = 1};
	g->o.n_channels = or_else(o->n_channels, 1);
	g->o.max_queues = or_else(o->max_queues, g->o.n_channels);
	g->o.ring_pages = or_else(o->ring_pages, 16);
	g->o.receive_size = or_else(o->receive_size, 2u << 20);
	g->o.send_size = or_else(o->send_size, 1u << 20);
	g->o.version = or_else(o->version, NVSP_VERSION_6_1);
	g->o.mtu = or_else(o->mtu, 1500);
	g->o.max_mtu = or_else(o->max_mtu, 9000);
	g->mem_size = MEM_SIZE;
	g->memfd = make_memfd("model guest", MEM_SIZE);
	g->record_fd = make_memfd("model record", RECORD_BYTES);
	assert_int_equal(guest_mem_add(&g->mem, 0, MEM_SIZE, g->memfd, 0), 0);
	g->shared = mmap(NULL, sizeof(*g->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(g->shared, MAP_FAILED);
	make_buffer(g, &g->receive, MODEL_RECEIVE, g->o.receive_size);
	make_buffer(g, &g->send, MODEL_SEND, g->o.send_size);
	g->scratch = model_pages(g, SCRATCH_PAGES);
	// Known before there is another process.
	for (uint32_t i = 0; i < g->o.max_queues; i++)
		g->channel[i].ring_page = model_pages(g, 2 * (g->o.ring_pages + 1));
	g->tx = calloc(MODEL_TX, sizeof(*g->tx));
	g->send_used = calloc(65536, 1);
	g->held = calloc(65536, 1);
	g->holding = calloc(4096, sizeof(*g->holding));
	assert_true(g->tx && g->send_used && g->held && g->holding);
}

void model_forget_frames(struct model_guest *g)
{
	for (uint32_t i = 0; i < g->n_frames; i++)
		free(g->frames[i].bytes);
	g->n_frames = 0;
}

void model_guest_fini(struct model_guest *g)
{
	unsigned n_errors = g->n_errors;

	if (n_errors != 0)
		print_error("model guest: %u errors, first: %s\n", n_errors, g->error);
	for (uint32_t i = 0; i < MODEL_CHANNELS; i++) {
		vmbus_ring_unmap(&g->channel[i].out);
		vmbus_ring_unmap(&g->channel[i].in);
	}
	model_forget_frames(g);
	free(g->frames);
	free(g->chain.bytes);
	free(g->holding);
	free(g->held);
	free(g->send_used);
	free(g->tx);
	gpadl_fini(&g->receive);
	gpadl_fini(&g->send);
	guest_mem_clear(&g->mem);
	munmap(g->shared, sizeof(*g->shared));
	close(g->memfd);
	close(g->record_fd);
	assert_int_equal(n_errors, 0);
}

// ---- channels

static void map_ring(struct model_guest *g, uint32_t channel)
{
	uint32_t n = 2 * (g->o.ring_pages + 1);
	uint64_t pfn[2 * 1024 + 2];
	struct gpadl list;

	assert_true(n <= 2 * 1024 + 2);
	vmbus_ring_unmap(&g->channel[channel].out);
	vmbus_ring_unmap(&g->channel[channel].in);
	for (uint32_t i = 0; i < n; i++)
		pfn[i] = model_ring_page(g, channel, i);
	memset(model_at(g, pfn[0]), 0, GUEST_PAGE_SIZE);
	memset(model_at(g, pfn[n / 2]), 0, GUEST_PAGE_SIZE);
	assert_int_equal(
		gpadl_init(&list, &g->mem, 1 + channel, 0, n * GUEST_PAGE_SIZE, pfn, n), 0);
	assert_int_equal(vmbus_ring_map(&g->channel[channel].out, &g->mem, &list, 0, n / 2), 0);
	assert_int_equal(vmbus_ring_map(&g->channel[channel].in, &g->mem, &list, n / 2, n / 2), 0);
	vmbus_ring_be_writer(&g->channel[channel].out);
	vmbus_ring_be_reader(&g->channel[channel].in);
	gpadl_fini(&list);
}

void model_open(struct model_guest *g, uint32_t channel)
{
	map_ring(g, channel);
	atomic_fetch_or(&g->shared->open, 1ull << channel);
	g->n_open = channel + 1 > g->n_open ? channel + 1 : g->n_open;
	assert_true(model_wait(g, atomic_load(&g->shared->opened) >> channel & 1));
}

void model_close(struct model_guest *g, uint32_t channel)
{
	atomic_fetch_and(&g->shared->open, ~(1ull << channel));
	assert_true(model_wait(g, (atomic_load(&g->shared->opened) >> channel & 1) == 0));
	if (channel + 1 == g->n_open)
		g->n_open = channel;
	// What was out on it is void.
	for (uint32_t i = 1; i <= g->n_tx && channel == 0; i++)
		if (g->tx[i].state == 1)
			g->tx[i].state = 2;
	if (channel == 0) {
		memset(g->held, 0, 65536);
		memset(g->send_used, 0, 65536);
		g->n_holding = g->n_out = 0;
	}
}

// ---- NVSP

uint32_t model_send_record(struct model_guest *g, uint32_t channel, uint16_t type, bool completion,
	const void *header, uint32_t header_len, const void *payload, uint32_t len)
{
	struct vmbus_ring *ring = &g->channel[channel].out;
	uint32_t id = completion ? g->n_tx + 1 : 0;
	uint8_t *to;

	assert_true(id < MODEL_TX);
	to = vmbus_ring_put(ring, type, completion, id, header_len, len);
	if (to == NULL)
		return 0;
	if (header_len != 0)
		memcpy(to, header, header_len);
	memset(to + header_len, 0, (len + 7) & ~7u);
	memcpy(to + header_len, payload, len);
	if (completion) {
		g->tx[id] = (struct model_tx){.state = 1, .section = NVSP_NO_SECTION};
		g->n_tx = id;
		g->n_out++;
	}
	return completion ? id : UINT32_MAX;
}

bool model_publish(struct model_guest *g, uint32_t channel)
{
	return vmbus_ring_publish_write(&g->channel[channel].out);
}

void model_turn(struct model_guest *g)
{
	if (g->pump != NULL)
		g->pump(g->pump_arg);
	model_poll(g);
}

bool model_nvsp(struct model_guest *g, struct nvsp_message *m, uint32_t len)
{
	uint32_t id = model_send_record(g, 0, VMBUS_PACKET_IN_BAND, true, NULL, 0, m, len);

	model_publish(g, 0);
	return id != 0 && model_wait(g, g->tx[id].state == 2);
}

void model_nvsp_post(struct model_guest *g, uint32_t channel, struct nvsp_message *m, uint32_t len)
{
	assert_true(model_send_record(g, channel, VMBUS_PACKET_IN_BAND, false, NULL, 0, m, len));
	model_publish(g, channel);
}

void model_init(struct model_guest *g)
{
	struct nvsp_message m = {
		.type = NVSP_INIT,
		.init = {.min = g->o.version, .max = g->o.version},
	};

	assert_true(model_nvsp(g, &m, sizeof(m)));
	assert_int_equal(g->completion.type, NVSP_INIT_COMPLETE);
	assert_int_equal(g->completion.init_complete.status, NVSP_STATUS_SUCCESS);
	assert_int_equal(g->completion.init_complete.version, g->o.version);
	if (g->o.version >= NVSP_VERSION_2) {
		m = (struct nvsp_message){.type = NVSP_SEND_NDIS_CONFIG};
		m.ndis_config.mtu = g->o.mtu + 14;
		m.ndis_config.capabilities = NVSP_CAP_8021Q;
		if (g->o.version >= NVSP_VERSION_6_1 && !g->o.no_rsc)
			m.ndis_config.capabilities |= NVSP_CAP_RSC;
		model_nvsp_post(g, 0, &m, sizeof(m));
	}
	m = (struct nvsp_message){.type = NVSP_SEND_NDIS_VERSION, .ndis_version = {6, 30}};
	model_nvsp_post(g, 0, &m, sizeof(m));
}

void model_buffers(struct model_guest *g)
{
	struct nvsp_message m = {.type = NVSP_SEND_RECEIVE_BUFFER};

	m.buffer.gpadl = MODEL_RECEIVE;
	m.buffer.id = NVSP_RECEIVE_BUFFER_ID;
	assert_true(model_nvsp(g, &m, sizeof(m)));
	assert_int_equal(g->completion.type, NVSP_RECEIVE_BUFFER_COMPLETE);
	assert_int_equal(g->completion.receive_complete.status, NVSP_STATUS_SUCCESS);
	assert_int_equal(g->completion.receive_complete.n_sections, 1);
	assert_int_equal(g->completion.receive_complete.section.offset, 0);
	g->sub_size = g->completion.receive_complete.section.sub_size;
	g->n_sections = g->completion.receive_complete.section.n_subs;
	assert_true(g->sub_size >= 68);
	assert_true((uint64_t)g->sub_size * g->n_sections <= g->o.receive_size);
	m = (struct nvsp_message){.type = NVSP_SEND_SEND_BUFFER};
	m.buffer.gpadl = MODEL_SEND;
	m.buffer.id = NVSP_SEND_BUFFER_ID;
	assert_true(model_nvsp(g, &m, sizeof(m)));
	assert_int_equal(g->completion.type, NVSP_SEND_BUFFER_COMPLETE);
	assert_int_equal(g->completion.send_complete.status, NVSP_STATUS_SUCCESS);
	g->section_size = g->completion.send_complete.section_size;
	g->n_send = g->o.send_size / g->section_size;
}

// ---- RNDIS control

uint32_t model_rndis_post(struct model_guest *g, uint32_t channel, const uint8_t *msg, uint32_t len)
{
	struct {
		struct vmbus_gpa_header h;
		uint32_t len, offset;
		uint64_t pfn[2];
	} header = {.h.n_ranges = 1, .len = len};
	struct nvsp_message m = {
		.type = NVSP_RNDIS_PACKET,
		.rndis = {.channel_type = NVSP_CHANNEL_CONTROL, .section = NVSP_NO_SECTION},
	};
	uint64_t page = g->scratch + g->scratch_at;
	uint32_t id;

	g->scratch_at = (g->scratch_at + 2) % (SCRATCH_PAGES - 64);
	assert_true(len <= 2 * GUEST_PAGE_SIZE);
	memcpy(model_at(g, page), msg, len);
	header.pfn[0] = page;
	header.pfn[1] = page + 1;
	id = model_send_record(g, channel, VMBUS_PACKET_GPA_DIRECT, true, &header,
		sizeof(header) - (len <= GUEST_PAGE_SIZE ? 8 : 0), &m, sizeof(m));
	model_publish(g, channel);
	return id;
}

int model_rndis(struct model_guest *g, struct rndis_control *request, struct rndis_control *answer)
{
	uint32_t before = g->n_replies, id;
	uint8_t msg[RNDIS_CONTROL_MAX];
	int len;

	request->request_id = ++g->request_id;
	len = rndis_control_build(msg, sizeof(msg), request);
	assert_true(len > 0);
	id = model_rndis_post(g, 0, msg, len);
	if (id == 0 || !model_wait(g, g->n_replies > before && g->tx[id].state == 2))
		return -1;
	assert_int_equal(rndis_control_parse(g->reply, g->reply_len, answer), 0);
	assert_int_equal(answer->type, request->type | RNDIS_MSG_COMPLETION);
	assert_int_equal(answer->request_id, request->request_id);
	return 0;
}

int model_query(struct model_guest *g, uint32_t oid, const void *data, uint32_t len, void *to,
	uint32_t size, ndis_status *status)
{
	struct rndis_control request = {
		.type = RNDIS_MSG_QUERY, .oid = oid, .data = data, .data_len = len};
	struct rndis_control answer;

	assert_int_equal(model_rndis(g, &request, &answer), 0);
	if (status != NULL)
		*status = answer.status;
	if (answer.status != NDIS_STATUS_SUCCESS)
		return -1;
	assert_true(answer.data_len <= size);
	memcpy(to, answer.data, answer.data_len);
	return answer.data_len;
}

ndis_status model_set(struct model_guest *g, uint32_t oid, const void *data, uint32_t len)
{
	struct rndis_control request = {
		.type = RNDIS_MSG_SET, .oid = oid, .data = data, .data_len = len};
	struct rndis_control answer;

	assert_int_equal(model_rndis(g, &request, &answer), 0);
	return answer.status;
}

void model_initialize(struct model_guest *g)
{
	struct rndis_control request = {
		.type = RNDIS_MSG_INITIALIZE,
		.major = RNDIS_MAJOR,
		.max_transfer = 0x4000,
	};
	struct rndis_control answer;

	uint32_t value;

	assert_int_equal(model_rndis(g, &request, &answer), 0);
	assert_int_equal(answer.status, NDIS_STATUS_SUCCESS);
	assert_int_equal(model_query(g, OID_GEN_MEDIA_CONNECT_STATUS, NULL, 0, &value, 4, NULL), 4);
	assert_int_equal(model_query(g, OID_GEN_LINK_SPEED, NULL, 0, &value, 4, NULL), 4);
}

void model_subchannels(struct model_guest *g)
{
	struct nvsp_message m = {
		.type = NVSP_SUBCHANNEL,
		.subchannel = {.operation = NVSP_SUBCHANNEL_ALLOCATE, .count = g->o.n_channels - 1},
	};
	uint32_t granted;

	assert_true(model_nvsp(g, &m, sizeof(m)));
	assert_int_equal(g->completion.type, NVSP_SUBCHANNEL);
	assert_int_equal(g->completion.subchannel_complete.status, NVSP_STATUS_SUCCESS);
	granted = g->completion.subchannel_complete.count;
	assert_true(granted <= g->o.n_channels - 1);
	assert_true(model_wait(g, atomic_load(&g->shared->wanted) == granted));
	for (uint32_t i = 1; i <= granted; i++)
		model_open(g, i);
}

void model_set_rss(struct model_guest *g, bool enable)
{
	struct ndis_rss_params p = {
		.enabled = enable,
		.hash_types = NDIS_HASH_IP4 | NDIS_HASH_TCP_IP4 | NDIS_HASH_IP6 | NDIS_HASH_TCP_IP6,
		.n_entries = NDIS_RSS_TABLE_MAX,
	};
	uint8_t value[1024];
	int len;

	for (uint32_t i = 0; i < NDIS_RSS_TABLE_MAX; i++)
		p.table[i] = i % g->n_open;
	memcpy(p.key, ndis_rss_default_key, sizeof(p.key));
	len = ndis_rss_params_build(value, sizeof(value), &p);
	assert_true(len > 0);
	assert_int_equal(
		model_set(g, OID_GEN_RECEIVE_SCALE_PARAMETERS, value, len), NDIS_STATUS_SUCCESS);
}

void model_set_filter(struct model_guest *g, uint32_t filter)
{
	assert_int_equal(model_set(g, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter)),
		NDIS_STATUS_SUCCESS);
}

void model_set_rsc(struct model_guest *g, bool on)
{
	struct ndis_offload_params p = {
		.ip4_tx = NDIS_OFFLOAD_ON,
		.tcp4_tx = NDIS_OFFLOAD_ON,
		.udp4_tx = NDIS_OFFLOAD_ON,
		.tcp6_tx = NDIS_OFFLOAD_ON,
		.udp6_tx = NDIS_OFFLOAD_ON,
		.lso4 = NDIS_OFFLOAD_ON,
		.lso6 = NDIS_OFFLOAD_ON,
		.rsc4 = on ? NDIS_OFFLOAD_ON : NDIS_OFFLOAD_OFF,
		.rsc6 = on ? NDIS_OFFLOAD_ON : NDIS_OFFLOAD_OFF,
	};
	uint8_t value[64];
	uint32_t len = ndis_offload_params_build(value, &p, g->o.version >= NVSP_VERSION_5);

	assert_int_equal(model_set(g, OID_TCP_OFFLOAD_PARAMETERS, value, len), NDIS_STATUS_SUCCESS);
}

void model_connect(struct model_guest *g)
{
	model_open(g, 0);
	model_init(g);
	model_buffers(g);
	model_initialize(g);
	model_set_rsc(g, g->o.version >= NVSP_VERSION_6_1 && !g->o.no_rsc);
	if (g->o.n_channels > 1) {
		model_subchannels(g);
		model_set_rss(g, false);
		model_set_rss(g, true);
	}
	model_set_filter(g, 0xd);
}
