# SPDX-License-Identifier: BSD-3-Clause
# Traffic for the benchmark: FILE_a holds frames from A_i to B_i, FILE_b the reverse, so that
# a learning switch learns all and floods nothing.
import os
import struct

HEADER = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)


def mac(side, i):
    return bytes((0x02, 0x77, side)) + i.to_bytes(3, "big")


def write_one(path, src, dst, flows, size):
    """`size` is the frame's with FCS, as people quote it."""
    length = size - 4
    ip = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, length - 14, 0, 0, 64, 17, 0,
                               bytes((10, 77, src, 1)), bytes((10, 77, dst, 1))))
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xffff) + (total >> 16)
    ip[10:12] = struct.pack("!H", ~(total + (total >> 16)) & 0xffff)
    udp = struct.pack("!HHHH", 7, 9, length - 34, 0)
    tail = b"\x08\x00" + bytes(ip) + udp + bytes(length - 42)
    record = struct.pack("<IIII", 0, 0, length, length)
    with open(path, "wb") as f:
        f.write(HEADER)
        f.write(b"".join(record + mac(dst, i) + mac(src, i) + tail for i in range(flows)))


def make(folder, flows, size):
    """(FILE_a, FILE_b). The device wants a few frames at least: few flows are repeated."""
    paths = [os.path.join(folder, f"{flows}x{size}_{side}.pcap") for side in "ab"]
    if not all(map(os.path.exists, paths)):
        os.makedirs(folder, exist_ok=True)
        for path, src, dst in ((paths[0], 0xa, 0xb), (paths[1], 0xb, 0xa)):
            write_one(path, src, dst, flows, size)
    return paths
