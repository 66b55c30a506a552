#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# The judge of vlan_matrix.sh. The oracle below is written from the rules a user is told, not
# from the switch's code: it says for every frame on every port who receives which bytes.
import struct
import sys

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from frames import Tap, collect, enter

MARK = b"vlan matrix frame "
# kind: (mode, access or native VLAN, allowed VLANs)
KINDS = {
    "u0": ("untagged", 0, set()),
    "a10": ("access", 10, set()),
    "a20": ("access", 20, set()),
    "a30": ("access", 30, set()),
    "all": ("trunk", 0, set(range(1, 4095))),
    "n20": ("trunk", 20, {10, 30}),
    "t10": ("trunk", 0, {10}),
}
PORTS = {kind + twin: rules for kind, rules in KINDS.items() for twin in "ab"}
PORTS["da"] = KINDS["u0"]

# What stands between the addresses and the IP header: (TPID, priority, VLAN id) each.
TAGS = {
    "untagged": [],
    "tagged 10": [(0x8100, 0, 10)],
    "tagged 20": [(0x8100, 0, 20)],
    "tagged 30 priority 5": [(0x8100, 5, 30)],
    "tagged 40": [(0x8100, 0, 40)],
    "tagged 4094": [(0x8100, 0, 4094)],
    "tagged 4095": [(0x8100, 0, 4095)],
    "priority-tagged": [(0x8100, 6, 0)],
    "802.1Q 10 in 802.1Q 20": [(0x8100, 0, 20), (0x8100, 0, 10)],
    "802.1Q 20 in 802.1Q 10": [(0x8100, 3, 10), (0x8100, 2, 20)],
    "802.1Q 30 in priority tag": [(0x8100, 7, 0), (0x8100, 0, 30)],
    "802.1Q 10 in 802.1ad 30": [(0x88a8, 0, 30), (0x8100, 0, 10)],
    "802.1ad 10": [(0x88a8, 1, 10)],
    "802.1ad 20 in 802.1Q 10": [(0x8100, 0, 10), (0x88a8, 0, 20)],
}


def oracle_in(rules, tags):
    """(VLAN, priority or None, tags left inside), or None: the frame may not come in."""
    mode, pvid, allowed = rules
    if not tags or tags[0][0] != 0x8100:
        return pvid, None, tags                  # 802.1ad is payload to this switch
    _, priority, vid = tags[0]
    if vid == 0:
        return pvid, priority, tags[1:]
    if mode != "trunk" or vid == 4095:
        return None
    return (vid, priority, tags[1:]) if vid in allowed or vid == pvid else None


def oracle_out(rules, vlan, priority, tags):
    """The tags on the wire, or None: the port is not in the VLAN."""
    mode, pvid, allowed = rules
    if vlan == pvid:
        return tags
    if mode == "trunk" and vlan in allowed:
        return [(0x8100, priority or 0, vlan)] + tags
    return None


def build(tags, src, dst, payload):
    frame = Ether(src=src, dst=dst)
    for tpid, priority, vid in tags:
        layer = Dot1Q if tpid == 0x8100 else Dot1AD
        frame /= layer(prio=priority, vlan=vid)
    frame /= IP(src="10.77.1.1", dst="10.77.1.2") / UDP(sport=7, dport=9) / Raw(payload)
    return bytes(frame)


def describe(frame):
    tags, at = [], 12
    while struct.unpack_from("!H", frame, at)[0] in (0x8100, 0x88a8):
        tpid, tci = struct.unpack_from("!HH", frame, at)
        tags.append(f"{tpid:04x}:{tci >> 13}:{tci & 0xfff}")
        at += 4
    return "[" + " ".join(tags) + "]"


def main():
    enter(sys.argv[1])
    taps = {name: Tap(name) for name in PORTS}
    mac_of = {name: "02:77:00:00:00:%02x" % i for i, name in enumerate(PORTS, 1)}
    for tap in taps.values():
        tap.drain()

    checked = faults = number = 0

    def judge(name, label, tags, dst, receivers):
        nonlocal checked, faults, number
        number += 1
        payload = MARK + b"%06d" % number
        frame = build(tags, mac_of[name], dst, payload)
        wanted = {}
        came_in = oracle_in(PORTS[name], tags)
        for other in receivers:
            if other == name or came_in is None:
                continue
            out = oracle_out(PORTS[other], *came_in)
            if out is not None:
                wanted[other] = build(out, mac_of[name], dst, payload)
        taps[name].send(frame)
        # Silence is proof only after a while; what must come is waited for.
        got = collect(list(taps.values()), 1.0 if wanted else 0.04, len(wanted), payload)
        for other in PORTS:
            frames = got[taps[other]]
            expected = [wanted[other]] if other in wanted else []
            checked += 1
            if frames != expected:
                faults += 1
                print(f"{name} sends {label} to {dst}: {other} got "
                      f"{[describe(f) for f in frames]}, wanted "
                      f"{[describe(f) for f in expected]}")

    # Flooded: everybody in the VLAN gets a broadcast.
    for name in PORTS:
        if name.endswith("a"):
            for label, tags in TAGS.items():
                judge(name, label, tags, "ff:ff:ff:ff:ff:ff", PORTS)
    # Known: each b twin has been heard in its own VLAN; one receiver or none at all.
    for name, rules in PORTS.items():
        if name.endswith("b"):
            judge(name, "an introduction", [], "ff:ff:ff:ff:ff:ff", PORTS)
    for name in PORTS:
        if not name.endswith("a"):
            continue
        for other in PORTS:
            if not other.endswith("b"):
                continue
            for label, tags in TAGS.items():
                came_in = oracle_in(PORTS[name], tags)
                known = came_in is not None and came_in[0] == PORTS[other][1]
                if known:
                    judge(name, label, tags, mac_of[other], [other])

    print(f"{number} frames, {checked} verdicts, {faults} faults")
    return 1 if faults else 0


sys.exit(main())
