#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# port_packet.py SPACE INTERFACE SPACE INTERFACE: frames with every kind of tag cross from one
# interface to the other and back, unchanged.
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from frames import Tap, enter


def open_in(space, ifname):
    result = []

    def run():
        enter(space)
        result.append(Tap(ifname))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result[0]


def tag(tpid, tci):
    return tpid.to_bytes(2, "big") + tci.to_bytes(2, "big")


TAGS = {
    "none": b"",
    "802.1Q 10": tag(0x8100, 10),
    "802.1Q 4094, priority 7": tag(0x8100, 0xeffe),
    "priority only": tag(0x8100, 0x6000),
    "802.1ad 20": tag(0x88a8, 20),
    "802.1ad 20 with 802.1Q 30": tag(0x88a8, 20) + tag(0x8100, 30),
    "802.1Q 20 twice": tag(0x8100, 20) + tag(0x8100, 20),
    "three": tag(0x88a8, 1) + tag(0x88a8, 2) + tag(0x8100, 3),
}
LENGTHS = [46, 47, 1000, 1488]


def receive(tap, marker):
    end = time.time() + 2
    while time.time() < end:
        frame = tap.receive()
        if frame is None:
            time.sleep(0.001)
        elif marker in frame:
            return frame
    return None


def main():
    ends = [open_in(sys.argv[1], sys.argv[2]), open_in(sys.argv[3], sys.argv[4])]
    faults = n = 0
    for source, target in (ends, reversed(ends)):
        for name, tags in TAGS.items():
            for length in LENGTHS:
                n += 1
                marker = b"frame %04d" % n
                payload = (marker + bytes(i * 7 & 0xff for i in range(length)))[:length]
                sent = bytes.fromhex("027700000001027700000002") + tags + b"\x88\xb5" + payload
                source.send(sent)
                got = receive(target, marker)
                if got != sent:
                    faults += 1
                    print(f"{name}, {length} bytes, from {source.ifname}: sent {sent[:40].hex()}…"
                          f" ({len(sent)}), got {got and got[:40].hex()} ({got and len(got)})")
    print(f"{n} frames, {faults} faults")
    return faults != 0


sys.exit(main())
