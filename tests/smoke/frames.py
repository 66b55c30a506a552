# SPDX-License-Identifier: BSD-3-Clause
# Frames in and out of interfaces in other namespaces, byte for byte: the kernel takes VLAN
# tags off before a packet socket sees them, here they are put back.
import ctypes
import os
import select
import socket
import struct
import time

CLONE_NEWNET = 0x40000000
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
TP_STATUS_VLAN_VALID = 1 << 4
TP_STATUS_VLAN_TPID_VALID = 1 << 6
ETH_P_ALL = 3


def enter(netns):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open("/run/netns/" + netns, os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns " + netns)
    os.close(fd)


class Tap:
    """An interface of this thread's namespace, see enter()."""

    def __init__(self, ifname):
        self.ifname = ifname
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.sock.bind((ifname, ETH_P_ALL))
        self.sock.setblocking(False)

    def send(self, frame):
        # A full queue of the interface is not the switch's doing: try again.
        for _ in range(2000):
            try:
                return self.sock.send(bytes(frame))
            except (BlockingIOError, OSError) as e:
                if e.errno not in (11, 105):
                    raise
                time.sleep(0.0005)
        raise TimeoutError("cannot send on " + self.ifname)

    def receive(self):
        """The next frame, tags in place, or None."""
        try:
            data, ancillary, _, _ = self.sock.recvmsg(65536 + 64, 256)
        except BlockingIOError:
            return None
        for level, kind, value in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", value[:20])
                if status & TP_STATUS_VLAN_VALID:
                    if not status & TP_STATUS_VLAN_TPID_VALID:
                        tpid = 0x8100
                    data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
        return data

    def drain(self):
        frames = []
        while (frame := self.receive()) is not None:
            frames.append(frame)
        return frames


def collect(taps, seconds, wanted=None, marker=None):
    """{tap: [frames]} of all that arrives, until `wanted` frames and 30 ms of silence, or
    until the time is up. marker: only frames that hold these bytes."""
    got = {tap: [] for tap in taps}
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([t.sock for t in taps], [], [], left)
        for tap in taps:
            if tap.sock in ready:
                for frame in tap.drain():
                    if marker is None or marker in frame:
                        got[tap].append(frame)
        if wanted is not None and sum(map(len, got.values())) >= wanted:
            end = min(end, time.monotonic() + 0.03)
            wanted = None
    return got
