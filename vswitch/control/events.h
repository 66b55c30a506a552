/* SPDX-License-Identifier: BSD-3-Clause */
// Events, from whoever makes them to every subscriber's bounded queue. Main thread. Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <vswitch/error.h>

#define EVENTS_QUEUE_MAX   1024
#define EVENTS_QUEUE_BYTES (1u << 20)

// event: a name of rpc_events; fields: an object, taken over, or NULL. Never fails: what cannot
// be told counts as lost.
void events_publish(const char *event, json_t *fields);
uint64_t events_seq(void); // of the last event

struct subscriber;

// mask: bit per rpc_event_index(). wake(arg) is called when the queue is no longer empty; it
// must not call back into here. NULL when out of memory.
struct subscriber *events_subscribe(uint32_t mask, void (*wake)(void *arg), void *arg);
void events_choose(struct subscriber *sub, uint32_t mask); // from the next event on
void events_unsubscribe(struct subscriber *sub);           // NULL is welcome

// The next line to send, newline included, malloc'ed; NULL: none waits. After a loss that is
// an overflow event.
char *events_next(struct subscriber *sub, size_t *len);
