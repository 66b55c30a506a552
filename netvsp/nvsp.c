/* SPDX-License-Identifier: BSD-3-Clause */
// NVSP on the primary channel: what the NIC's driver and we agree on before RNDIS, and besides.
#include <errno.h>
#include <string.h>

#include "vsp.h"

#define MAX_MDL_CHAIN 34u

static const uint32_t versions[] = {
	NVSP_VERSION_6_1,
	NVSP_VERSION_6,
	NVSP_VERSION_5,
	NVSP_VERSION_4,
	NVSP_VERSION_2,
	NVSP_VERSION_1,
};

// Each fills in the answer, which is sent if the guest wants one. `m` is private. False: not now,
// and nothing has changed.
static bool take_init(struct netvsp *vsp, const struct nvsp_message *m, struct nvsp_message *answer)
{
	uint32_t version = 0;

	answer->type = NVSP_INIT_COMPLETE;
	answer->init_complete.max_mdl_chain = MAX_MDL_CHAIN;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]) && version == 0; i++)
		if (versions[i] >= m->init.min && versions[i] <= m->init.max)
			version = versions[i];
	if (vsp->state.nvsp_version != 0) {
		answer->init_complete.status = NVSP_STATUS_FAIL;
		count_up(&vsp->n_bad_messages, 1);
	} else if (version != 0) {
		answer->init_complete.version = version;
		answer->init_complete.status = NVSP_STATUS_SUCCESS;
		vsp->state.nvsp_version = version;
		state_changed(vsp);
		vsp_derive(vsp);
	} else {
		answer->init_complete.status = m->init.min > NVSP_VERSION_6_1 ? NVSP_STATUS_TOO_NEW
		                               : m->init.max < NVSP_VERSION_1
		                                       ? NVSP_STATUS_TOO_OLD
		                                       : NVSP_STATUS_UNSUPPORTED;
	}
	return true;
}

static bool take_ndis_version(
	struct netvsp *vsp, const struct nvsp_message *m, struct nvsp_message *answer)
{
	vsp->state.ndis_major = m->ndis_version.major;
	vsp->state.ndis_minor = m->ndis_version.minor;
	answer->rndis_complete.status = NVSP_STATUS_SUCCESS;
	return true;
}

static bool take_ndis_config(
	struct netvsp *vsp, const struct nvsp_message *m, struct nvsp_message *answer)
{
	uint32_t mtu = m->ndis_config.mtu;

	vsp->state.guest_mtu = mtu > 14 && mtu <= NETVSP_MAX_FRAME ? mtu - 14 : 0;
	vsp->state.capabilities = m->ndis_config.capabilities;
	answer->rndis_complete.status = NVSP_STATUS_SUCCESS;
	return true;
}

static bool take_receive_buffer(
	struct netvsp *vsp, const struct nvsp_message *m, struct nvsp_message *answer)
{
	const struct gpadl *g = vsp->opt.find_gpadl(vsp->opt.arg, m->buffer.gpadl);

	answer->type = NVSP_RECEIVE_BUFFER_COMPLETE;
	if (g == NULL && errno == EAGAIN)
		return false;
	if (g == NULL || !receive_buffer_set(vsp, g, m->buffer.id)) {
		answer->receive_complete.status = NVSP_STATUS_FAIL;
		return true;
	}
	answer->receive_complete.status = NVSP_STATUS_SUCCESS;
	answer->receive_complete.n_sections = 1;
	answer->receive_complete.section.sub_size = vsp->state.receive_section;
	answer->receive_complete.section.n_subs = vsp->state.n_receive;
	answer->receive_complete.section.end_offset =
		vsp->state.receive_section * vsp->state.n_receive;
	return true;
}

static bool take_send_buffer(
	struct netvsp *vsp, const struct nvsp_message *m, struct nvsp_message *answer)
{
	const struct gpadl *g = vsp->opt.find_gpadl(vsp->opt.arg, m->buffer.gpadl);

	answer->type = NVSP_SEND_BUFFER_COMPLETE;
	if (g == NULL && errno == EAGAIN)
		return false;
	if (g == NULL || !send_buffer_set(vsp, g)) {
		answer->send_complete.status = NVSP_STATUS_FAIL;
		return true;
	}
	answer->send_complete.status = NVSP_STATUS_SUCCESS;
	answer->send_complete.section_size = SEND_SECTION;
	return true;
}

static bool revoke_receive_buffer(
	struct netvsp *vsp, const struct nvsp_message *m, struct nvsp_message *answer)
{
	if (vsp->receive != NULL && m->revoke.id == (uint16_t)vsp->state.receive_id)
		receive_buffer_forget(vsp);
	answer->rndis_complete.status = NVSP_STATUS_SUCCESS;
	return true;
}

static bool revoke_send_buffer(
	struct netvsp *vsp, const struct nvsp_message *, struct nvsp_message *answer)
{
	send_buffer_forget(vsp);
	answer->rndis_complete.status = NVSP_STATUS_SUCCESS;
	return true;
}

// There is no other data path to switch to; a guest that asks must hear that it was done.
static bool switch_data_path(
	struct netvsp *, const struct nvsp_message *, struct nvsp_message *answer)
{
	answer->rndis_complete.status = NVSP_STATUS_SUCCESS;
	return true;
}

static bool take_subchannels(
	struct netvsp *vsp, const struct nvsp_message *m, struct nvsp_message *answer)
{
	uint32_t granted = 0;

	answer->type = NVSP_SUBCHANNEL;
	answer->subchannel_complete.status =
		m->subchannel.operation == NVSP_SUBCHANNEL_ALLOCATE
			? subchannels_grant(vsp, m->subchannel.count, &granted)
			: NVSP_STATUS_FAIL;
	answer->subchannel_complete.count = granted;
	return true;
}

// Asked for what this side does not have.
static bool refuse_query(struct netvsp *, const struct nvsp_message *, struct nvsp_message *answer)
{
	answer->type = NVSP_OID_QUERY_EX_COMPLETE;
	answer->rndis_complete.status = NVSP_STATUS_UNSUPPORTED;
	return true;
}

static bool refuse(struct netvsp *, const struct nvsp_message *m, struct nvsp_message *answer)
{
	answer->type = m->type;
	answer->rndis_complete.status = NVSP_STATUS_UNSUPPORTED;
	return true;
}

static const struct rule {
	uint32_t type;
	uint32_t min_len; // bytes that must be there
	uint32_t since;   // version; 0: before one is negotiated
	uint16_t once;    // DID_*: may come but once from open to close
	bool (*handle)(
		struct netvsp *vsp, const struct nvsp_message *m, struct nvsp_message *answer);
} rules[] = {
	{NVSP_INIT, 12, 0, 0, take_init},
	{NVSP_SEND_NDIS_VERSION, 12, NVSP_VERSION_1, DID_NDIS_VERSION, take_ndis_version},
	{NVSP_SEND_NDIS_CONFIG, 20, NVSP_VERSION_2, DID_NDIS_CONFIG, take_ndis_config},
	{NVSP_SEND_RECEIVE_BUFFER, 10, NVSP_VERSION_1, DID_RECEIVE, take_receive_buffer},
	{NVSP_REVOKE_RECEIVE_BUFFER, 6, NVSP_VERSION_1, 0, revoke_receive_buffer},
	{NVSP_SEND_SEND_BUFFER, 10, NVSP_VERSION_1, DID_SEND, take_send_buffer},
	{NVSP_REVOKE_SEND_BUFFER, 6, NVSP_VERSION_1, 0, revoke_send_buffer},
	{NVSP_SWITCH_DATA_PATH, 8, NVSP_VERSION_4, 0, switch_data_path},
	{NVSP_SUBCHANNEL, 12, NVSP_VERSION_5, DID_SUBCHANNELS, take_subchannels},
	{NVSP_OID_QUERY_EX, 4, NVSP_VERSION_5, 0, refuse_query},
	{NVSP_PD_API, 4, NVSP_VERSION_6, 0, refuse},
	{NVSP_PD_POST_BATCH, 4, NVSP_VERSION_6, 0, refuse},
};

// Answers of their own type, which a guest must find even if it is refused.
static uint32_t answer_type(uint32_t type)
{
	switch (type) {
	case NVSP_INIT: return NVSP_INIT_COMPLETE;
	case NVSP_SEND_RECEIVE_BUFFER: return NVSP_RECEIVE_BUFFER_COMPLETE;
	case NVSP_SEND_SEND_BUFFER: return NVSP_SEND_BUFFER_COMPLETE;
	case NVSP_SUBCHANNEL: return NVSP_SUBCHANNEL;
	case NVSP_OID_QUERY_EX: return NVSP_OID_QUERY_EX_COMPLETE;
	default: return NVSP_RNDIS_PACKET_COMPLETE;
	}
}

static void put_fail(struct nvsp_message *answer)
{
	if (answer->type == NVSP_INIT_COMPLETE)
		answer->init_complete.status = NVSP_STATUS_FAIL;
	else // the status of all others is their first word
		answer->rndis_complete.status = NVSP_STATUS_FAIL;
}

static const struct rule *find_rule(uint32_t type)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

static bool is_in_turn(const struct netvsp *vsp, const struct rule *rule, uint32_t len)
{
	return rule != NULL && len >= rule->min_len && vsp->state.nvsp_version >= rule->since &&
	       (vsp->state.flags & rule->once) == 0;
}

bool nvsp_handle(struct netvsp *vsp, const struct vmbus_packet *p)
{
	struct nvsp_message m = {}, answer = {};
	uint32_t len = p->len < sizeof(m) ? p->len : sizeof(m);
	const struct rule *rule;

	memcpy(&m, p->body, len);
	OWN(m);
	rule = find_rule(m.type);
	answer.type = answer_type(m.type);
	if (is_in_turn(vsp, rule, len)) {
		if (!rule->handle(vsp, &m, &answer))
			return false;
		if (rule->once != 0) {
			vsp->state.flags |= rule->once;
			state_changed(vsp);
		}
	} else {
		put_fail(&answer);
		count_up(&vsp->n_bad_messages, 1);
	}
	if (p->wants_completion)
		complete_with(vsp, &vsp->queue[0], p->transaction, &answer);
	return true;
}
