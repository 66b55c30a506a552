/* SPDX-License-Identifier: BSD-3-Clause */
// Checksums in software, over chains.
#include "offload_frame.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>

uint16_t sum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// Four bytes at a time: a carry out of 16 bits is worth the same as one out of 32.
static uint64_t sum_bytes(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;
	uint32_t word, i;
	uint32_t tail = 0;

	for (i = 0; i + 4 <= len; i += 4) {
		memcpy(&word, p + i, 4);
		sum += word;
	}
	memcpy(&tail, p + i, len - i);
	return sum + tail;
}

uint16_t frame_sum(const struct rte_mbuf *m, uint32_t offset, uint32_t len)
{
	uint64_t sum = 0;
	bool odd = false;

	while (offset >= m->data_len && len > 0) {
		offset -= m->data_len;
		m = m->next;
	}
	while (len > 0) {
		uint32_t part = RTE_MIN(len, m->data_len - offset);
		uint64_t s = sum_bytes(rte_pktmbuf_mtod_offset(m, const uint8_t *, offset), part);

		// A part that begins at an odd byte has its bytes the other way round.
		sum += odd ? rte_bswap16(sum_fold(s)) : s;
		odd ^= part & 1;
		len -= part;
		offset = 0;
		m = m->next;
	}
	return sum_fold(sum);
}

uint16_t frame_pseudo_sum(const struct frame *f, uint16_t l4_total)
{
	const uint8_t *ip = f->headers + f->l2_len;
	uint64_t sum = rte_cpu_to_be_16(f->proto);

	if (f->family == 4)
		sum += sum_bytes(ip + 12, 8);
	else
		sum += sum_bytes(ip + 8, 32);
	sum += rte_cpu_to_be_16(l4_total);
	return sum_fold(sum);
}

uint32_t frame_sum_offset(const struct frame *f)
{
	return f->l2_len + f->l3_len + (f->proto == IPPROTO_TCP ? 16 : 6);
}

uint16_t frame_l4_checksum(const struct rte_mbuf *m, const struct frame *f)
{
	uint16_t old, sum;

	memcpy(&old, f->headers + frame_sum_offset(f), sizeof(old));
	// Subtracting is adding the inverse: the field counts as zero.
	sum = ~sum_fold((uint64_t)frame_sum(m, f->l2_len + f->l3_len, f->l4_total) +
			(uint16_t)~old + frame_pseudo_sum(f, f->l4_total));
	if (sum == 0 && f->proto == IPPROTO_UDP)
		sum = 0xffff;
	return sum;
}

bool frame_is_private(const struct rte_mbuf *m)
{
	for (; m != NULL; m = m->next)
		if (!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1)
			return false;
	return true;
}

void frame_store16(struct rte_mbuf *m, uint32_t offset, uint16_t value)
{
	uint8_t byte[2];

	memcpy(byte, &value, sizeof(byte));
	for (int i = 0; i < 2; i++, offset++) {
		while (offset >= m->data_len) {
			offset -= m->data_len;
			m = m->next;
		}
		*rte_pktmbuf_mtod_offset(m, uint8_t *, offset) = byte[i];
	}
}
