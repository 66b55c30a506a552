#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Tags across guests: NETNS-OF-TRUNK NETNS-OF-ACCESS VLAN. What leaves the trunk's guest tagged
# comes to the access port's untagged, and the other way round, byte for byte, short and long.
import fcntl
import socket
import struct
import sys

from frames import Tap, collect, enter

SIOCGIFHWADDR = 0x8927


def address(ifname):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sH14x", ifname.encode(), 0)
        return fcntl.ioctl(s, SIOCGIFHWADDR, request)[18:24].hex()


def frame(dst, src, tag, size, mark):
    body = bytes((i * 7 + mark) & 255 for i in range(size - 14))
    return bytes.fromhex(dst + src) + tag + b"\x88\xb5" + body


def main():
    trunk_ns, access_ns, vlan = sys.argv[1], sys.argv[2], int(sys.argv[3])
    tag = b"\x81\x00" + vlan.to_bytes(2, "big")
    enter(trunk_ns)
    trunk, trunk_mac = Tap("eth"), address("eth")
    enter(access_ns)
    access, access_mac = Tap("eth"), address("eth")
    faults = 0
    for mark, size in enumerate([60, 61, 100, 1000, 1514]):
        for sender, receiver, out, back in (
                (trunk, access, tag, b""), (access, trunk, b"", tag)):
            dst, src = \
                (access_mac, trunk_mac) if sender is trunk else (trunk_mac, access_mac)
            sender.send(frame(dst, src, out, size, mark))
            wanted = frame(dst, src, back, size, mark)
            got = collect([receiver], 2, 1, b"\x88\xb5")[receiver]
            if got != [wanted]:
                faults += 1
                print(f"{size} bytes from the {'trunk' if sender is trunk else 'access port'}: "
                      f"got {[g.hex()[:60] for g in got]}, wanted {wanted.hex()[:60]}")
    return 1 if faults else 0


sys.exit(main())
