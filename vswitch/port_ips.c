/* SPDX-License-Identifier: BSD-3-Clause */
// IPs learned behind ports, newest kept. Main thread only.
#include <string.h>
#include <time.h>

#include "switch_live.h"

struct ip_slot {
	uint8_t family; // 0: free
	uint8_t ip[16];
	uint16_t vlan;
	time_t seen;
};

#define IP_LIFETIME 600 // seconds; a host that lives asks or answers within that time

static struct ip_slot slots[VSW_MAX_PORTS + 1][SWITCH_PORT_IPS];

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static bool same(const struct ip_slot *s, uint8_t family, const uint8_t ip[16], uint16_t vlan)
{
	return s->family == family && s->vlan == vlan && memcmp(s->ip, ip, 16) == 0;
}

void port_ip_note(uint16_t port_id, uint8_t family, const uint8_t ip[16], uint16_t vlan)
{
	struct ip_slot *oldest = slots[port_id];

	// An address lives behind one port: the last to claim it.
	for (struct vsw_port *p = port_next(NULL); p != NULL; p = port_next(p))
		for (unsigned i = 0; p->id != port_id && i < SWITCH_PORT_IPS; i++)
			if (same(&slots[p->id][i], family, ip, vlan) &&
				atomic_load(&p->sw) == atomic_load(&port_by_id(port_id)->sw))
				slots[p->id][i].family = 0;
	for (unsigned i = 0; i < SWITCH_PORT_IPS; i++) {
		struct ip_slot *s = &slots[port_id][i];

		if (same(s, family, ip, vlan)) {
			s->seen = now_s();
			return;
		}
		if (oldest->family != 0 && (s->family == 0 || s->seen < oldest->seen))
			oldest = s;
	}
	*oldest = (struct ip_slot){.family = family, .vlan = vlan, .seen = now_s()};
	memcpy(oldest->ip, ip, sizeof(oldest->ip));
}

void port_ips_forget(uint16_t port_id)
{
	memset(slots[port_id], 0, sizeof(slots[port_id]));
}

unsigned port_ips(const struct vsw_port *port, struct port_ip *ips, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SWITCH_PORT_IPS && n < max; i++) {
		struct ip_slot *s = &slots[port->id][i];

		if (s->family != 0 && now_s() - s->seen > IP_LIFETIME)
			s->family = 0;
		if (s->family == 0)
			continue;
		ips[n].family = s->family;
		memcpy(ips[n].ip, s->ip, sizeof(ips[n].ip));
		ips[n].vlan = s->vlan;
		ips[n++].age_s = now_s() - s->seen;
	}
	return n;
}
