/* SPDX-License-Identifier: BSD-3-Clause */
// What the parts of a link share. Nobody else includes it.
//
// Whatever the provider was asked for is answered: by it, or, once its socket has ended (which
// says that it touches nothing any more), by us.
#pragma once

#include <sys/queue.h>

#include "vsp_link.h"

#define VSP_RETRY_AWAY_MS    100
#define VSP_RETRY_REFUSED_MS 2000
#define VSP_DRAIN_MS         20
#define VSP_LET_GO_MS        5000 // until it is told that the provider has not

struct vsp_message {
	STAILQ_ENTRY(vsp_message) next;
	int fd; // sent beside it, not ours; or -1
	uint32_t len;
	_Alignas(uint64_t) uint8_t data[];
};

struct vsp_channel {
	bool bound;             // the guest's signals go to kick_fd
	uint32_t connection_id; // if so
	int call_fd;            // interrupts the guest; -1: nobody can
	bool open;              // a provider has opened it: the next one takes it up
	bool asked_open, asked_close, asked_modify; // of this provider, not answered yet
};

struct vsp_link {
	struct vsp_link_options options;
	char *socket_path, *partition, *nic, *port, *software;
	enum vsp_link_state state;
	char reason[HANDOVER_REASON_SIZE]; // why away or refused
	char told[HANDOVER_REASON_SIZE];   // the last one that was told
	int epfd, timer_fd;
	int sock;                       // -1: not connected
	bool dropping;                  // we have ended our half, and wait for the provider's end
	bool renew;                     // the guest has to let go then
	unsigned retry_ms;              // after that
	bool welcomed;                  // by this provider
	bool lacks_port;                // said whoever welcomed us last
	STAILQ_HEAD(, vsp_message) out; // what the socket has no room for yet
	int kick_fd;                    // of the last provider, -1: there was none
	int record_fd;
	struct vmbus_event_place *places; // the first part of the record
	bool record_used;                 // a provider has had it
	struct vmbus_device *device;      // on the bus, or NULL
	bool removing;
	// The guest is to let go of the NIC, and there is no provider to see it through.
	bool alone;
	struct vsp_channel channel[HANDOVER_MAX_CHANNELS];
	uint32_t n_leaving; // lists that the provider has been asked to let go of
	uint32_t leaving[VMBUS_MAX_GPADLS];
};

// ---- vsp_link.c
__attribute__((format(printf, 3, 4))) void vsp_tell(
	struct vsp_link *link, bool warning, const char *fmt, ...);
// Has the provider let go of the guest. Nothing is asked of it or heard from it any more; what it
// was asked is answered when it has ended its half. Again `retry_ms` after that.
void vsp_link_drop(
	struct vsp_link *link, enum vsp_link_state state, const char *reason, unsigned retry_ms);
void vsp_link_arm(struct vsp_link *link, unsigned ms); // one run of the timer; 0: soon
// The guest must let go of the NIC, which is offered again with a new record.
void vsp_link_renew(struct vsp_link *link);
// After the guest has let go of it.
void vsp_link_released(struct vsp_link *link);

// ---- vsp_send.c: in order; what the socket does not take waits. Nothing if not connected, or
// dropping.
void vsp_send(struct vsp_link *link, const void *msg, size_t len, int fd);
void vsp_send_id(struct vsp_link *link, uint32_t type, uint32_t id);
void vsp_send_plain(struct vsp_link *link, uint32_t type);
void vsp_send_gpadl(struct vsp_link *link, const struct gpadl *g);
void vsp_send_open(
	struct vsp_link *link, uint32_t index, const struct vmbus_open_params *p, bool resume);
int vsp_flush(struct vsp_link *link); // 0, or -errno: the connection is over
void vsp_drop_out(struct vsp_link *link);

// ---- vsp_record.c
int vsp_record_create(struct vsp_link *link); // in place of the one there is
void vsp_record_drop(struct vsp_link *link);

// ---- vsp_replay.c: all there is, to a provider that knows nothing. 0 or -errno.
int vsp_replay(struct vsp_link *link);

// ---- vsp_device.c: what the bus wants, and what the provider answers
extern const struct vmbus_device_ops vsp_device_ops;    // with a struct vsp_link *
void vsp_bind_kick(struct vsp_link *link, int kick_fd); // for all open channels; takes the fd
void vsp_open_result(struct vsp_link *link, const struct handover_open_result *m, int fd);
void vsp_close_done(struct vsp_link *link, uint32_t index);
void vsp_modify_done(struct vsp_link *link, uint32_t index);
void vsp_gpadl_gone(struct vsp_link *link, uint32_t id);
void vsp_answer_all(struct vsp_link *link); // in place of a provider that is gone
void vsp_unbind_all(struct vsp_link *link);

// ---- vsp_drain.c: completes, as failed, what the guest waits for. Without a provider only.
// False: no channel is open any more.
bool vsp_drain(struct vsp_link *link);
