/* SPDX-License-Identifier: BSD-3-Clause */
// Messages to the guest, in order. What the interrupt controller has no room for waits here: a
// guest waits for its answers for ever, so none may be lost.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus_state.h"

void bus_send(struct vmbus_bus *bus, const void *msg, size_t len)
{
	struct bus_message *m;

	if (STAILQ_EMPTY(&bus->waiting) &&
		bus->synic->post_message(bus->synic_arg, bus->target_vp, msg, len) != -EAGAIN)
		return;
	m = malloc(sizeof(*m));
	if (m == NULL)
		return;
	m->vp = bus->target_vp;
	m->len = len;
	memcpy(m->data, msg, len);
	STAILQ_INSERT_TAIL(&bus->waiting, m, next);
	bus->n_waiting++;
}

static void drop_first(struct vmbus_bus *bus)
{
	struct bus_message *m = STAILQ_FIRST(&bus->waiting);

	STAILQ_REMOVE_HEAD(&bus->waiting, next);
	bus->n_waiting--;
	free(m);
}

void bus_drop_waiting(struct vmbus_bus *bus)
{
	while (!STAILQ_EMPTY(&bus->waiting))
		drop_first(bus);
}

bool vmbus_bus_flush(struct vmbus_bus *bus)
{
	while (!STAILQ_EMPTY(&bus->waiting)) {
		struct bus_message *m = STAILQ_FIRST(&bus->waiting);

		if (bus->synic->post_message(bus->synic_arg, m->vp, m->data, m->len) == -EAGAIN)
			return true;
		drop_first(bus);
	}
	return false;
}
