#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""One TCP session and a stream of UDP probes that must live through whatever happens between.

steady.py serve ADDRESS PORT            echoes both, until killed
steady.py run ADDRESS PORT OUT          until SIGTERM: then one JSON object in OUT

TCP carries numbered records; each must come back once, in order. UDP probes leave every 10 ms;
each that comes back sets the modification time of OUT.alive, at most every 5 ms, so that a shell
can see when traffic is back."""
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time

WINDOW = 64
RECORD = 512


def serve(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    poll = selectors.DefaultSelector()
    tcp = socket.create_server((address, port), family=family)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((address, port))
    poll.register(tcp, selectors.EVENT_READ)
    poll.register(udp, selectors.EVENT_READ)
    while True:
        for key, _ in poll.select():
            if key.fileobj is tcp:
                conn, _ = tcp.accept()
                conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                poll.register(conn, selectors.EVENT_READ)
            elif key.fileobj is udp:
                data, peer = udp.recvfrom(2048)
                udp.sendto(data, peer)
            else:
                data = key.fileobj.recv(1 << 16)
                if not data:
                    poll.unregister(key.fileobj)
                    key.fileobj.close()
                else:
                    key.fileobj.sendall(data)


class Session:
    def __init__(self, address, port, out):
        self.out = out
        self.told = {"records": 0, "wrong": 0, "ended": None, "probes": 0, "answers": 0}
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.tcp = socket.create_connection((address, port))
        self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tcp.setblocking(False)
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.connect((address, port))
        self.udp.setblocking(False)
        self.sent = 0
        self.rest = b""
        self.unsent = b""
        self.touched = 0.0
        self.stop = False
        open(out + ".alive", "w").close()

    def record(self, n):
        return struct.pack("!Q", n) * (RECORD // 8)

    def write(self):
        while not self.unsent and self.sent - self.told["records"] < WINDOW and not self.stop:
            self.unsent = self.record(self.sent)
            self.sent += 1
        while self.unsent:
            try:
                self.unsent = self.unsent[self.tcp.send(self.unsent):]
            except BlockingIOError:
                return

    def read(self):
        data = self.tcp.recv(1 << 16)
        if not data:
            raise ConnectionError("closed by the other side")
        self.rest += data
        while len(self.rest) >= RECORD:
            if self.rest[:RECORD] != self.record(self.told["records"]):
                self.told["wrong"] += 1
            self.rest = self.rest[RECORD:]
            self.told["records"] += 1

    def probe(self):
        try:
            self.udp.send(struct.pack("!Q", self.told["probes"]))
            self.told["probes"] += 1
        except OSError:
            pass

    def answers(self):
        try:
            while True:
                self.udp.recv(2048)
                self.told["answers"] += 1
        except OSError:
            pass
        now = time.monotonic()
        if now - self.touched > 0.005:
            os.utime(self.out + ".alive")
            self.touched = now

    def run(self):
        poll = selectors.DefaultSelector()
        poll.register(self.tcp, selectors.EVENT_READ)
        poll.register(self.udp, selectors.EVENT_READ)
        due = time.monotonic()
        last = due + 3600
        while time.monotonic() < last and not (self.stop and self.told["records"] == self.sent):
            if self.stop and last > due + 1800:
                last = time.monotonic() + 20
            self.write()
            for key, _ in poll.select(max(0, due - time.monotonic())):
                if key.fileobj is self.tcp:
                    self.read()
                else:
                    self.answers()
            if time.monotonic() >= due:
                due = time.monotonic() + 0.01
                self.probe()
        self.told["missing"] = self.sent - self.told["records"]


def run(address, port, out):
    session = Session(address, port, out)

    def end(*_):
        session.stop = True

    signal.signal(signal.SIGTERM, end)
    try:
        session.run()
    except OSError as e:
        session.told["ended"] = str(e)
    with open(out, "w", encoding="utf-8") as f:
        json.dump(session.told, f)


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]))
else:
    run(sys.argv[2], int(sys.argv[3]), sys.argv[4])
