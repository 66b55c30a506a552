/* SPDX-License-Identifier: BSD-3-Clause */
#include "stats.h"

#include <stddef.h>
#include <string.h>

struct field {
	const char *name, *help;
	size_t at;
};

#define FIELD(name, help) \
	{ \
#name, help, offsetof(struct vsc_stats, name) \
	}

static const struct field fields[] = {
	FIELD(tx_frames, "frames sent"),
	FIELD(tx_bytes, "bytes sent"),
	FIELD(tx_packets, "packets they were sent in"),
	FIELD(tx_failed, "packets the switch refused"),
	FIELD(rx_frames, "frames received"),
	FIELD(rx_bytes, "bytes received"),
	FIELD(rx_packets, "packets they came in"),
	FIELD(rx_chains, "of them joined from chains"),
	FIELD(no_room, "waits for room in the ring"),
	FIELD(no_section, "frames that found no section free"),
	FIELD(interrupts, "interrupts received"),
	FIELD(kicks, "kicks sent"),
	FIELD(completions, "transactions completed"),
	FIELD(bad_completions, "FAULT completions of nothing that was out"),
	FIELD(lost, "FAULT transactions never completed"),
	FIELD(bad_ranges, "FAULT ranges outside of the receive buffer"),
	FIELD(bad_packets, "FAULT malformed packets and messages"),
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static uint64_t value(const struct guest *guest, uint32_t queue, const struct field *f)
{
	const uint8_t *stats = (const uint8_t *)vsc_get_stats(guest->vsc, queue);

	return stat_get((const _Atomic uint64_t *)(stats + f->at));
}

static uint64_t total(const struct guest *guest, const struct field *f)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < guest->opt->queues; i++)
		sum += value(guest, i, f);
	return sum;
}

// Of all queues: the counter that is `at` in their endpoint's.
static uint64_t at_the_end(const struct guest *guest, size_t at)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < guest->opt->queues; i++)
		sum += stat_get(
			(const _Atomic uint64_t *)((const uint8_t *)&guest->ep->stats[i] + at));
	return sum;
}

#define AT_THE_END(guest, name) at_the_end(guest, offsetof(struct endpoint_stats, name))

uint64_t stats_faults(const struct guest *guest)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < N_FIELDS; i++)
		if (strncmp(fields[i].help, "FAULT", 5) == 0)
			sum += total(guest, &fields[i]);
	return sum;
}

static void write_json(FILE *to, const struct guest *guest, const struct stats_extra *extra)
{
	const struct vsc_info *info = vsc_get_info(guest->vsc);

	fprintf(to,
		"{\"port\":\"%s\",\"ended\":%s,\"seconds\":%.3f,\"link\":\"%s\",\"attached\":%u,"
		"\"reconnects\":%ju,\"nvsp\":%u,\"dropped\":%ju,\"numbered\":%ju,"
		"\"out_of_order\":%ju,\"faults\":%ju,\"fault\":\"%s\"",
		guest->opt->port, extra->ended ? "true" : "false", extra->seconds, extra->link,
		guest->n_attached, (uintmax_t)extra->reconnects, info->nvsp_version,
		(uintmax_t)AT_THE_END(guest, dropped), (uintmax_t)AT_THE_END(guest, numbered),
		(uintmax_t)AT_THE_END(guest, out_of_order), (uintmax_t)stats_faults(guest),
		vsc_fault(guest->vsc));
	for (unsigned i = 0; i < N_FIELDS; i++)
		fprintf(to, ",\"%s\":%ju", fields[i].name, (uintmax_t)total(guest, &fields[i]));
	fprintf(to, ",\"queues\":[");
	for (uint32_t q = 0; q < guest->opt->queues; q++) {
		fprintf(to, "%s{", q > 0 ? "," : "");
		for (unsigned i = 0; i < N_FIELDS; i++)
			fprintf(to, "%s\"%s\":%ju", i > 0 ? "," : "", fields[i].name,
				(uintmax_t)value(guest, q, &fields[i]));
		fprintf(to, "}");
	}
	fprintf(to, "]}\n");
}

static void write_text(FILE *to, const struct guest *guest, const struct stats_extra *extra)
{
	const char *fault = vsc_fault(guest->vsc);

	fprintf(to, "%s: %.1f s, switch %s, attached %u times, reconnected %ju times\n",
		guest->opt->port, extra->seconds, extra->link, guest->n_attached,
		(uintmax_t)extra->reconnects);
	for (unsigned i = 0; i < N_FIELDS; i++) {
		uint64_t n = total(guest, &fields[i]);

		if (n > 0 || strncmp(fields[i].help, "FAULT", 5) != 0)
			fprintf(to, "%16ju  %s\n", (uintmax_t)n, fields[i].help);
	}
	fprintf(to, "%16ju  frames dropped at the other end\n",
		(uintmax_t)AT_THE_END(guest, dropped));
	if (guest->opt->pktgen == PKTGEN_RX)
		fprintf(to, "%16ju  frames that came late in their flow\n",
			(uintmax_t)AT_THE_END(guest, out_of_order));
	if (extra->seconds > 0)
		fprintf(to, "%16.0f  frames sent a second, %.0f received\n",
			total(guest, &fields[0]) / extra->seconds,
			total(guest, &fields[4]) / extra->seconds);
	if (fault[0] != '\0')
		fprintf(to, "the switch broke the protocol, first by: %s\n", fault);
}

void stats_write(FILE *to, const struct guest *guest, const struct stats_extra *extra)
{
	if (guest->opt->json)
		write_json(to, guest, extra);
	else
		write_text(to, guest, extra);
	fflush(to);
}
