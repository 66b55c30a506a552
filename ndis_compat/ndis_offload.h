/* SPDX-License-Identifier: BSD-3-Clause */
// NDIS_OFFLOAD and NDIS_OFFLOAD_PARAMETERS (ntddndis.h) as bytes and as what we mean by them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ndis_offload_caps {
	// What can be left to the other side; TCP and UDP checksums come in both families.
	bool tx_csum, rx_csum;
	bool lso4, lso6;
	bool rsc;
	uint32_t lso_max; // bytes of one LSO frame
};

// The request's own header says which revision is wanted: 156, 144 or 112 bytes (3, 2, 1); who
// wants a newer one gets 3. Length of what was written; -EINVAL: the request is no such object, or
// of revision 0; -E2BIG: does not fit.
int ndis_offload_build(uint8_t *to, uint32_t size, const uint8_t *request, uint32_t request_len,
	const struct ndis_offload_caps *caps);
// The guest's side: -EINVAL if header, revision or size are not good.
int ndis_offload_parse(const uint8_t *data, uint32_t len, struct ndis_offload_caps *caps);
// The request of a guest: header only.
uint32_t ndis_offload_build_request(uint8_t *to, uint8_t revision);

enum ndis_offload_choice { NDIS_OFFLOAD_KEEP, NDIS_OFFLOAD_OFF, NDIS_OFFLOAD_ON };

// Each: keep what is set, off, on. For checksums, tx and rx apart.
struct ndis_offload_params {
	uint8_t ip4_tx, tcp4_tx, udp4_tx, tcp6_tx, udp6_tx; // enum ndis_offload_choice
	uint8_t ip4_rx, tcp4_rx, udp4_rx, tcp6_rx, udp6_rx;
	uint8_t lso4, lso6;
	uint8_t rsc4, rsc6;
};
// 22 bytes or more, by revision; -EINVAL: header or values are not good.
int ndis_offload_params_parse(const uint8_t *data, uint32_t len, struct ndis_offload_params *p);
// 28 bytes, or 22 without RSC. Of a pair for checksums, one to keep beside one to change is told
// as off: there is no other word for it.
uint32_t ndis_offload_params_build(uint8_t *to, const struct ndis_offload_params *p, bool rsc);
