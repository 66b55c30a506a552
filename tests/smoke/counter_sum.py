#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Sends at least one frame for each reason to drop, between random ones. See counter_sum.sh.
import random
import struct
import sys

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from frames import SOL_PACKET, Tap, enter

PACKET_VNET_HDR = 15
PORTS = ["u1", "u2", "a10", "t", "big", "lone"]
MACS = {name: "02:77:00:00:00:%02x" % i for i, name in enumerate(PORTS, 1)}


def plain(src, dst, size=60, tag=None):
    frame = Ether(src=src, dst=dst)
    if tag is not None:
        frame /= Dot1Q(vlan=tag)
    frame /= IP(src="10.77.1.1", dst="10.77.1.2") / UDP(sport=1, dport=9)
    return bytes(frame / Raw(b"x" * max(0, size - len(frame))))


def send_odd_metadata(ifname):
    """Frames whose virtio-net header says what the frame does not hold."""
    tap = Tap(ifname)
    tap.sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    frame = bytes(Ether(src=MACS[ifname], dst=MACS["u2"]) / ARP()) + b"y" * 40
    tcp = bytes(Ether(src=MACS[ifname], dst=MACS["u2"]) /
                IP(src="10.77.1.1", dst="10.77.1.2") / TCP() / Raw(b"z" * 3000))
    headers = [
        # flags, gso type, header length, gso size, start and offset of the checksum
        (frame, struct.pack("=BBHHHH", 1, 0, 0, 0, 14, 0)),
        (frame, struct.pack("=BBHHHH", 1, 0, 0, 0, len(frame) - 2, 0)),
        (frame, struct.pack("=BBHHHH", 1, 1, 54, 1000, 34, 16)),
        (tcp, struct.pack("=BBHHHH", 1, 1, 54, 1, 34, 16)),
        (tcp, struct.pack("=BBHHHH", 1, 1, 54, 65535, 34, 16)),
        (tcp, struct.pack("=BBHHHH", 1, 4, 54, 1000, 34, 16)),
        (tcp, struct.pack("=BBHHHH", 1, 1, 54, 1000, 36, 16)),
        (tcp, struct.pack("=BBHHHH", 0, 1, 54, 1000, 0, 0)),
    ]
    for data, header in headers:
        try:
            tap.sock.send(header + data)
        except OSError:
            pass  # the kernel saw through it itself


def main():
    enter(sys.argv[1])
    host_mac = sys.argv[2]
    taps = {name: Tap(name) for name in PORTS}
    rng = random.Random(77)
    everybody = "ff:ff:ff:ff:ff:ff"

    for name, tap in taps.items():
        tap.send(plain(MACS[name], everybody))
    provoking = [
        ("u1", bytes.fromhex("0277000000020277000000018100") + b"\x00\x0a"),  # cut in its tag
        ("u1", plain("01:77:00:00:00:01", MACS["u2"])),
        ("u1", plain(MACS["u1"], "01:80:c2:00:00:0e")),
        ("u1", plain(MACS["u1"], MACS["u2"], tag=10)),
        ("a10", plain(MACS["a10"], everybody, tag=10)),
        ("t", plain(MACS["t"], everybody, tag=30)),
        ("t", plain(MACS["t"], everybody, tag=20)),
        ("t", plain(MACS["t"], "02:77:00:00:01:04", tag=20)),
        ("u1", plain(host_mac, everybody)),
        ("lone", plain(MACS["lone"], everybody)),
        ("u1", plain(MACS["u1"], MACS["u2"], size=4000)),
        ("big", plain(MACS["big"], MACS["u2"], size=4000)),
        ("u1", plain(MACS["u1"], "02:77:00:00:01:01")),
        ("u1", plain(MACS["u1"], "02:77:00:00:01:02")),
        ("u1", plain(MACS["u1"], "02:77:00:00:01:03")),
        ("u1", plain("02:77:00:00:02:01", everybody)),
        ("u1", plain("02:77:00:00:02:02", "02:77:00:00:02:01")),  # both behind u1
    ]
    for name, frame in provoking:
        taps[name].send(frame)
    send_odd_metadata("u1")

    for _ in range(3000):
        name = rng.choice(PORTS)
        dst = rng.choice([everybody, host_mac, "02:77:00:00:01:%02x" % rng.randrange(1, 6),
                          *MACS.values()])
        src = rng.choice([MACS[name], "02:77:00:01:%02x:01" % rng.randrange(256)])
        tag = rng.choice([None, None, 0, 10, 20, 30, 4095])
        frame = plain(src, dst, rng.randrange(42, 1514), tag)
        if rng.random() < 0.1:  # any bytes at all behind the addresses
            frame = frame[:12] + rng.randbytes(rng.randrange(2, 200))
        taps[name].send(frame)


main()
