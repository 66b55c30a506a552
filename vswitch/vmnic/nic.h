/* SPDX-License-Identifier: BSD-3-Clause */
// The inside of this folder: guests' NICs, their ports, and how the two are joined.
//
// A NIC is worked on by one thread at a time. Joined to a port: the worker that has the port's
// only queue, which finds it by vmnic_port.nic; parked: the main thread. The main thread takes
// it away from a worker by putting NULL there and waiting until every worker has passed by.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>
#include <systemd/sd-event.h>

#include <netvsp/attachment.h>
#include <vswitch/counters.h>
#include <vswitch/port.h>

#define NIC_SPEED_MBPS 10000 // what a guest is told, as by Hyper-V

struct vmnic_port;

struct nic {
	// For the thread that polls
	struct netvsp *vsp;
	uint32_t n_queues; // to look at: the highest open one and those below

	// Main thread
	struct nic *next;
	struct attachment *attachment;
	struct vmnic_port *port; // NULL: parked
	bool named;              // has said a good hello
	bool ready, paused;
	bool tampered; // the hypervisor made an eventfd of ours block
	bool refusal_told;
	bool over;                   // to be freed
	uint64_t since_us;           // monotonic: connected
	uint64_t parked_until;       // monotonic: not polled before, as it has had its share
	uint32_t next_queue;         // of those of a parked one
	uint64_t parked_drops;       // frames from the guest while there was no port
	struct attachment_info info; // hello, uid, pid; from `named` on
	uint8_t mac[6];
	_Atomic bool poked;
	sd_event_source *io, *kick, *again; // socket; parked: kick, or after a while
};

struct vmnic_port {
	// Worker
	_Atomic(struct nic *) nic; // NULL: none, or being changed
	uint32_t next_queue;
	struct netvsp_frame frame[NETVSP_BURST];
	uint8_t refused[VSW_BURST]; // why, by frame: port->tx_reasons
	_Atomic uint64_t malformed; // frames from the guest that are not what they claim to be
	_Atomic uint64_t no_mbuf;

	// Main thread
	struct vsw_port *port;
	struct nic *joined;
	int epfd;    // readable: the guest has signalled, or wake_fd was written
	int wake_fd; // ours alone
};

// from_guest.c, to_guest.c: one worker
uint16_t vmnic_rx(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t vmnic_tx(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
// Makes a frame's checksums and lengths what the switch expects of unfinished work. -EINVAL:
// what the guest claims of the frame is not so.
int vmnic_take_offloads(struct rte_mbuf *m, const struct ndis_packet_info *info);

// port_vmnic.c. Main thread: lets the worker have the NIC, or takes it away again.
void vmnic_give(struct vmnic_port *v, struct nic *nic);
void vmnic_take(struct vmnic_port *v, struct nic *nic);
void vmnic_wake(struct vmnic_port *v);
void vmnic_refresh_caps(struct vmnic_port *v);

// hypervisors.c
void nic_accept(int sock); // connected; taken over
void refusals_tick(void);  // once a second: some more may be told

// nics.c
sd_event *nics_event(void);
void nics_add(struct nic *nic);
struct nic *nics_first(void);
int nic_watch_kick(struct nic *nic); // ready; before it is placed
void nic_place(struct nic *nic);     // joined with its port, or parked
void nic_pause(struct nic *nic);     // nobody polls it until nic_resume()
void nic_resume(struct nic *nic);
void nic_forget(struct nic *nic); // paused; freed at the end of the event loop's turn
void nic_run(struct nic *nic);    // attachment_run(), guarded
// attachment_end(), guarded.
void nic_end(struct nic *nic, enum handover_refusal code, const char *reason);
// The NIC that asks for a port, or NULL.
struct nic *nic_find(const char *port_name);
// A port has come: joined with the NIC that waits for it. A port goes: its NIC is parked.
void nics_port_opened(struct vmnic_port *v);
void nics_port_closed(struct vmnic_port *v);
void nics_port_renamed(struct vmnic_port *v);
void nic_set_link(struct nic *nic, bool up); // what the guest is told

// admission.c: whether a hypervisor may have what it asks for
enum handover_refusal nic_admit(
	const struct handover_hello *hello, uid_t uid, char *reason, size_t size);
bool nic_is_welcome(uid_t uid); // may attach some port
// Why one more connection of that user cannot be had; NULL: it can.
const char *nic_no_room(uid_t uid, uint64_t now_us);
// Has no room for that user's for a while. False: a user who is trusted.
bool nic_ban(uid_t uid, uint64_t now_us);
bool nic_may_join(const struct nic *nic, const struct vsw_port *port);
void nic_terms(const struct handover_hello *hello, struct attachment_terms *terms);

// listen.c
int vsp_listen(sd_event *event, const char *path, struct vsw_error *err);
void vsp_unlisten(void);
