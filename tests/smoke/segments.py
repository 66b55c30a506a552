#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Judges TCP segments as they come out of an interface of this namespace.

segments.py INTERFACE COUNT SECONDS [PCAP]

Takes COUNT frames with TCP payload (or what comes in SECONDS), checks each one's lengths and
checksums, and prints one JSON object. Frames that the kernel has not yet put a checksum into
(auxdata says so) are counted apart. PCAP: leaves them there, too."""
import json
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_OUTGOING = 4
TP_STATUS_CSUMNOTREADY = 8


def ones_sum(data):
    if len(data) & 1:
        data += b"\0"
    # One big number modulo 2^16 - 1 is the ones' complement sum.
    n = int.from_bytes(data, "big") % 0xFFFF
    return n


def good(total):
    return total % 0xFFFF == 0


def parse(frame):
    """(fault or None, payload bytes, is TCP)"""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800:
        head = (frame[14] & 15) * 4
        length = struct.unpack_from("!H", frame, 16)[0]
        if frame[23] != 6:
            return None, 0, False
        if not good(ones_sum(frame[14:14 + head])):
            return "ip_checksum", 0, True
        pseudo = frame[26:34] + struct.pack("!HH", 6, length - head)
    elif kind == 0x86DD:
        head = 40
        length = struct.unpack_from("!H", frame, 18)[0] + 40
        if frame[20] != 6:
            return None, 0, False
        pseudo = frame[22:54] + struct.pack("!II", length - head, 6)
    else:
        return None, 0, False
    # Short frames are padded.
    if 14 + length != len(frame) and not (length < 46 and len(frame) == 60):
        return "length", 0, True
    tcp = frame[14 + head:14 + length]
    if len(tcp) < 20 or (tcp[12] >> 4) * 4 > len(tcp):
        return "tcp_length", 0, True
    payload = len(tcp) - (tcp[12] >> 4) * 4
    if not good(ones_sum(pseudo) + ones_sum(tcp)):
        return "tcp_checksum", payload, True
    return None, payload, True


def main():
    interface, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((interface, 0))
    sock.settimeout(0.2)
    pcap = open(sys.argv[4], "wb") if len(sys.argv) > 4 else None
    if pcap:
        pcap.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536 * 2, 1))
    print("ready", flush=True)
    told = {"segments": 0, "unready": 0, "longest": 0, "large": 0, "bytes": 0, "faults": {}}
    end = time.monotonic() + seconds
    while told["segments"] < count and time.monotonic() < end:
        try:
            frame, extra, _, address = sock.recvmsg(1 << 17, 128)
        except TimeoutError:
            continue
        if address[2] == PACKET_OUTGOING or len(frame) < 54:
            continue
        fault, payload, is_tcp = parse(frame)
        if not is_tcp or (payload == 0 and fault is None):
            continue
        status = struct.unpack_from("=I", extra[0][2])[0] if extra else 0
        if fault and fault.endswith("tcp_checksum") and status & TP_STATUS_CSUMNOTREADY:
            fault = None
            told["unready"] += 1
        told["segments"] += 1
        told["bytes"] += payload
        told["longest"] = max(told["longest"], len(frame))
        told["large"] += len(frame) > 32768
        if fault:
            told["faults"][fault] = told["faults"].get(fault, 0) + 1
        if pcap:
            pcap.write(struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame)
    told["bad"] = sum(told["faults"].values())
    told["mean"] = told["bytes"] // max(told["segments"], 1)
    print(json.dumps(told))


main()
