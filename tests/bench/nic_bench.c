/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest's frames cost below the switch: the model guest on one core, the provider on
// another, a real bus between them for what comes before. No DPDK, no port, no forwarding: the
// provider makes frames up, or copies them and forgets them.
//
//   nic_bench [--cpus GUEST,HOST] [--seconds S] [--to | --from] [SIZE ...]
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include <hypervisor/soft/guest_pages.h>
#include <hypervisor/soft/synic.h>
#include <hypervisor/soft/vsc.h>
#include <hypervisor/vmbus/bus.h>
#include <ndis_compat/rndis_packet.h>
#include <netvsp/netvsp.h>
#include <netvsp/nvsp_proto.h>
#include <netvsp/record.h>

#define MEMORY       (128ull << 20)
#define MAX_GPADLS   8u
#define MAX_SECTIONS 1024u
#define BURST        64u
#define BUFFER       2304u // of a frame in the provider's hands, with room in front

enum { GUEST_CPU, HOST_CPU };

static const uint8_t guest_mac[6] = {0x02, 0x77, 0x0b, 0, 0, 0};
static struct guest_pages pages;
static struct synic *synic;
static struct vmbus_bus *bus;
static struct vmbus_device *device;
static const struct gpadl *lists[MAX_GPADLS];
static struct vmbus_channel channel;
static struct netvsp *vsp;
static struct vsc *vsc;
static int cpus[2] = {0, 1};
static uint8_t *buffers; // BURST of the provider's
static _Atomic bool stop;

static void die(const char *what, int err)
{
	fprintf(stderr, "nic_bench: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(1);
}

static void pin(int which)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus[which], &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

// ---- between the bus and the provider, what the handover carries else

static const struct gpadl *find_gpadl(void *, uint32_t id)
{
	for (unsigned i = 0; i < MAX_GPADLS; i++)
		if (lists[i] != NULL && lists[i]->id == id)
			return lists[i];
	errno = ENOENT;
	return NULL;
}

static int on_gpadl(void *, const struct gpadl *g)
{
	for (unsigned i = 0; i < MAX_GPADLS; i++) {
		if (lists[i] == NULL) {
			lists[i] = g;
			return 0;
		}
	}
	return -ENOSPC;
}

static void on_teardown(void *, uint32_t id)
{
	netvsp_forget_gpadl(vsp, id);
	for (unsigned i = 0; i < MAX_GPADLS; i++)
		if (lists[i] != NULL && lists[i]->id == id)
			lists[i] = NULL;
	vmbus_gpadl_torndown_done(device, id);
}

static void interrupt(struct vmbus_channel *)
{
	synic_raise(synic, 0);
}

static void on_open(void *, uint32_t index, const struct vmbus_open_params *params)
{
	const struct gpadl *g = find_gpadl(NULL, params->ring_gpadl);
	int ret = g == NULL ? -ENOENT : 0;

	channel = (struct vmbus_channel){.mem = &pages.mem, .call_fd = -1, .signal = interrupt};
	if (ret == 0)
		ret = vmbus_ring_map(
			&channel.from_guest, &pages.mem, g, 0, params->downstream_page);
	if (ret == 0)
		ret = vmbus_ring_map(&channel.to_guest, &pages.mem, g, params->downstream_page,
			g->n_pages - params->downstream_page);
	if (ret == 0)
		ret = netvsp_open(vsp, index, &channel, false);
	vmbus_open_done(device, index, ret);
}

static void on_close(void *, uint32_t index)
{
	netvsp_close(vsp, index);
	vmbus_ring_unmap(&channel.from_guest);
	vmbus_ring_unmap(&channel.to_guest);
	vmbus_close_done(device, index);
}

static void on_modify(void *, uint32_t index, uint32_t)
{
	vmbus_modify_done(device, index, 0);
}

static void on_released(void *, bool)
{
}

static void ignore(void *)
{
}

static void ignore_number(void *, uint32_t)
{
}

static const struct vmbus_device_ops device_ops = {
	.gpadl_created = on_gpadl,
	.gpadl_teardown = on_teardown,
	.open = on_open,
	.close = on_close,
	.modify = on_modify,
	.released = on_released,
};

// ---- the guest

static int post(void *, uint32_t connection_id, const void *msg, size_t len)
{
	return vmbus_bus_message(bus, connection_id, msg, len);
}

// The provider works when the guest waits.
static int wait_for_host(void *, int)
{
	struct netvsp_frame frames[BURST];

	vmbus_bus_flush(bus);
	netvsp_poll_from_guest(vsp, 0, frames, BURST);
	netvsp_complete(vsp, 0);
	return 0;
}

static void receive(void *, uint32_t, struct vsc_frame *)
{
}

static void on_link(void *, bool)
{
}

static void on_resume(void *, uint32_t)
{
}

static const struct vsc_ops vsc_ops = {
	.post = post,
	.wait = wait_for_host,
	.receive = receive,
	.link = on_link,
	.resume = on_resume,
	.pause = ignore,
};

static void attach(void)
{
	static const struct vmbus_guid instance = {{1}};
	static uint8_t record[HANDOVER_RECORD_SIZE - HANDOVER_RECORD_VSP]
		__attribute__((aligned(4096)));
	const struct netvsp_options netvsp_options = {
		.mac = {0x02, 0x77, 0x0b, 0, 0, 0},
		.max_mtu = 1500,
		.max_queues = 1,
		.record = record,
		.record_size = sizeof(record),
		.find_gpadl = find_gpadl,
		.want_subchannels = ignore_number,
		.changed = ignore,
	};
	struct vsc_options options = {.pages = &pages, .ops = &vsc_ops, .n_queues = 1, .mtu = 1500};
	char reason[128] = "";
	int ret = guest_pages_create(&pages, MEMORY);

	if (ret < 0)
		die("memory", ret);
	synic = synic_create(&pages.mem, 1);
	if (synic == NULL)
		die("interrupt controller", errno);
	bus = vmbus_bus_create(&hv_synic_ops, synic_hv(synic), &pages.mem, 1);
	vsp = netvsp_create(&netvsp_options, reason, sizeof(reason));
	if (bus == NULL || vsp == NULL)
		die(reason, errno);
	device = vmbus_offer(bus, &vmbus_nic_class, &instance, &device_ops, NULL);
	options.synic = synic;
	vsc = vsc_create(&options);
	if (device == NULL || vsc == NULL)
		die("device", errno);
	netvsp_set_link(vsp, true, 10000);
	ret = vsc_connect(vsc);
	if (ret == 0)
		ret = vsc_attach(vsc);
	if (ret < 0)
		die(vsc_fault(vsc), ret);
}

// ---- frames

static uint32_t fill_section(uint8_t *to, uint32_t size, uint32_t frame, uint32_t *n)
{
	const struct ndis_packet_info info = {};
	uint32_t at = 0;

	for (*n = 0; *n < 8; ++*n) {
		uint8_t header[RNDIS_PACKET_BUILD_MAX];
		uint32_t len = rndis_packet_build_request(header, frame, &info);
		uint32_t total = (len + frame + 7) & ~7u;

		if (at + total > size)
			break;
		memcpy(to + at, header, len);
		memcpy(to + at + 4, &total, 4);
		memset(to + at + len, *n, frame);
		at += total;
	}
	return at;
}

// Sections are written once: what a guest's own stack does to make frames is not measured.
static void guest_sends(struct vsc_queue *q, uint32_t size)
{
	uint32_t n = 0, len = 0, n_sections = 0;
	uint32_t sections[MAX_SECTIONS];

	while (n_sections < MAX_SECTIONS) {
		uint8_t *at;
		uint32_t section = vsc_take_section(q, &at);

		if (section == NVSP_NO_SECTION)
			break;
		len = fill_section(at, vsc_get_info(vsc)->send_section, size, &n);
		sections[n_sections++] = section;
	}
	while (n_sections > 0)
		vsc_return_section(q, sections[--n_sections]);
	while (!stop) {
		vsc_poll(q);
		for (uint32_t i = 0; i < BURST / 8; i++) {
			uint8_t *at;
			uint32_t section = vsc_take_section(q, &at);

			if (section == NVSP_NO_SECTION)
				break;
			if (vsc_send_section(q, section, len, n, n * size) < 0) {
				vsc_return_section(q, section);
				break;
			}
		}
		vsc_flush(q);
	}
}

static void guest_receives(struct vsc_queue *q)
{
	while (!stop) {
		vsc_poll(q);
		vsc_flush(q);
	}
}

static void *run_guest(void *arg)
{
	const uint32_t *from = arg;
	struct vsc_queue *q = vsc_queue(vsc, 0);

	pin(GUEST_CPU);
	if (*from != 0)
		guest_sends(q, *from);
	else
		guest_receives(q);
	return NULL;
}

static void copy_frame(uint8_t *to, const struct netvsp_frame *f)
{
	for (uint32_t i = 0; i < f->n_segs; i++) {
		memcpy(to, f->seg[i].iov_base, f->seg[i].iov_len);
		to += f->seg[i].iov_len;
	}
}

// One round of the provider: frames moved.
static unsigned take_frames(void)
{
	struct netvsp_frame frames[BURST];
	int n = netvsp_poll_from_guest(vsp, 0, frames, BURST);

	if (n < 0)
		die("the guest's ring", n);
	for (int i = 0; i < n; i++)
		copy_frame(buffers + i * BUFFER, &frames[i]);
	netvsp_complete(vsp, 0);
	return n;
}

static unsigned send_frames(uint32_t size)
{
	static const struct ndis_packet_info info;
	struct netvsp_frame frames[BURST];
	unsigned n;

	netvsp_poll_from_guest(vsp, 0, frames, BURST); // what comes back
	netvsp_complete(vsp, 0);
	for (n = 0; n < BURST / 2; n++) {
		const struct iovec seg = {.iov_base = buffers + n * BUFFER, .iov_len = size};

		if (netvsp_send_to_guest(vsp, 0, &seg, 1, size, &info) != 0)
			break;
	}
	netvsp_flush_to_guest(vsp, 0);
	return n;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void measure(uint32_t size, bool to_guest, double seconds)
{
	uint32_t from = to_guest ? 0 : size;
	uint64_t frames = 0, busy = 0, rounds = 0, begin;
	double start, took;
	pthread_t guest;

	for (unsigned i = 0; i < BURST; i++)
		memcpy(buffers + i * BUFFER, guest_mac, sizeof(guest_mac));
	stop = false;
	if (pthread_create(&guest, NULL, run_guest, &from) != 0)
		die("thread", errno);
	start = now();
	begin = __rdtsc();
	do {
		for (unsigned i = 0; i < 1000; i++) {
			uint64_t t = __rdtsc();
			unsigned n = to_guest ? send_frames(size) : take_frames();

			frames += n;
			rounds += n > 0;
			busy += n > 0 ? __rdtsc() - t : 0;
		}
		took = now() - start;
	} while (took < seconds);
	stop = true;
	pthread_join(guest, NULL);
	for (unsigned i = 0; i < 1000; i++)
		take_frames();
	frames += frames == 0;
	printf("%5u B %s the guest: %6.2f Mpps, %6.1f Gbit/s; provider: %6.1f cycles a frame, "
	       "%4.1f frames a round, busy %3.0f %%%s%s\n",
		size + 4, to_guest ? "to  " : "from", frames / took / 1e6,
		frames / took * (size + 4) * 8 / 1e9, (double)busy / frames,
		(double)frames / (rounds + !rounds), 100.0 * busy / (__rdtsc() - begin),
		vsc_fault(vsc)[0] ? "; " : "", vsc_fault(vsc));
}

int main(int argc, char **argv)
{
	bool to = true, from = true;
	double seconds = 1;
	int c;
	static const struct option longopts[] = {
		{"cpus", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 's'},
		{"to", no_argument, NULL, 't'},
		{"from", no_argument, NULL, 'f'},
		{},
	};

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (c == 's')
			seconds = atof(optarg);
		else if (c == 't')
			from = false;
		else if (c == 'f')
			to = false;
		else if (c != 'c' ||
			 sscanf(optarg, "%d,%d", &cpus[GUEST_CPU], &cpus[HOST_CPU]) != 2)
			return 2;
	}
	buffers = aligned_alloc(4096, BURST * BUFFER);
	if (buffers == NULL)
		die("memory", ENOMEM);
	memset(buffers, 0, BURST * BUFFER);
	attach();
	pin(HOST_CPU);
	for (int i = optind; i < argc || i == optind; i++) {
		uint32_t size = i < argc ? atoi(argv[i]) - 4 : 60;

		if (size < 60 || size > 1514)
			return 2;
		if (to)
			measure(size, true, seconds);
		if (from)
			measure(size, false, seconds);
	}
	return 0;
}
