/* SPDX-License-Identifier: BSD-3-Clause */
#include "chain.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

uint16_t chain_sum(const struct rte_mbuf *m, uint32_t offset, uint32_t len)
{
	uint32_t done = 0, sum = 0;

	while (offset >= m->data_len && m->next != NULL) {
		offset -= m->data_len;
		m = m->next;
	}
	while (done < len && m != NULL) {
		uint32_t part = RTE_MIN(len - done, m->data_len - offset);
		uint16_t part_sum = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, void *, offset), part);

		sum += done & 1 ? rte_bswap16(part_sum) : part_sum;
		done += part;
		offset = 0;
		m = m->next;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

void chain_store16(struct rte_mbuf *m, uint32_t offset, uint16_t value)
{
	uint8_t bytes[sizeof(value)];

	memcpy(bytes, &value, sizeof(value));
	for (unsigned i = 0; i < sizeof(value); i++, offset++) {
		while (offset >= m->data_len) {
			offset -= m->data_len;
			m = m->next;
		}
		*rte_pktmbuf_mtod_offset(m, uint8_t *, offset) = bytes[i];
	}
}
