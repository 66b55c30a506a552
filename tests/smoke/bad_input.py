#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# The raw-socket half of bad_input.sh.
import json
import os
import random
import resource
import socket
import sys
import time

PATH = sys.argv[1]
faults = 0


def verdict(good, text):
    global faults
    faults += not good
    print(("ok   " if good else "FAIL ") + text)


class Client:
    def __init__(self, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(PATH)
        self.rest = b""

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n")

    def line(self):
        while b"\n" not in self.rest:
            data = self.sock.recv(1 << 16)
            if not data:
                return None
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def call(self, method, **params):
        self.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return self.line()


def alive(text):
    try:
        reply = Client().call("version")
        verdict(reply is not None and "result" in reply, text + ": the daemon answers others")
    except OSError as e:
        verdict(False, f"{text}: {e}")


def code_of(data):
    """The error code of the first answer, None when the line was closed without one."""
    client = Client()
    try:
        client.send(data)
        reply = client.line()
    except (ConnectionError, BrokenPipeError):
        return None
    return reply.get("error", {}).get("code") if reply else None


def garbage():
    verdict(code_of(b"garbage\n") == -32700, "garbage is a parse error")
    verdict(code_of(b"{\n") == -32700, "half an object is a parse error")
    verdict(code_of(b"\xff\xfe\x00\n") == -32700, "not UTF-8 is a parse error")
    verdict(code_of(b"[]\n") == -32600, "an empty batch is an invalid request")
    verdict(code_of(b"7\n") == -32600, "a number is an invalid request")
    verdict(code_of(b'{"jsonrpc":"1.0","id":1,"method":"version"}\n') == -32600,
            "another protocol version is an invalid request")
    verdict(code_of(b'{"jsonrpc":"2.0","id":1,"method":7}\n') == -32600,
            "a method that is a number is an invalid request")
    verdict(code_of(b'{"jsonrpc":"2.0","id":1,"method":"version","params":[1,2,3]}\n') in
            (-32602, -32600), "positional parameters are refused")
    deep = b'{"jsonrpc":"2.0","id":1,"method":"version","params":' + b"[" * 100000 + b"\n"
    verdict(code_of(deep) in (-32700, -32600), "100 000 open brackets are refused")
    client = Client()
    client.send(b"nonsense\n")
    client.line()
    verdict("result" in client.call("version"), "the connection lives on after a parse error")
    rng = random.Random(77)
    for _ in range(200):
        client = Client()
        try:
            client.send(rng.randbytes(rng.randrange(1, 4096)))
        except OSError:
            pass
        client.sock.close()
    alive("after 200 random writes")


def long_lines():
    client = Client()
    answer = None
    try:
        for _ in range(12):
            client.send(b"x" * (1 << 20))
        client.send(b"\n")
        answer = client.line()
    except OSError:
        pass
    verdict(answer is None or "error" in answer, "a line of 12 MiB is refused or cut off")
    alive("after a line of 12 MiB")


def halves():
    client = Client()
    client.send(b'{"jsonrpc":"2.0","id":1,"meth')
    alive("while half a line hangs")
    client.send(b'od":"version"}\n')
    verdict("result" in client.line(), "the other half completes it")
    client = Client()
    client.send(b'{"jsonrpc":"2.0","id":1,"method":"add-switch","params":{"name":"half')
    client.sock.close()
    alive("after half a line and a close")
    names = [s["name"] for s in Client().call("list-switches")["result"]["switches"]]
    verdict("half" not in names, "half a command did nothing")
    client = Client()
    for byte in b'{"jsonrpc":"2.0","id":1,"method":"version"}\n':
        client.send(bytes([byte]))
    verdict("result" in client.line(), "one byte at a time works")
    client = Client()
    client.send(b"".join(json.dumps({"jsonrpc": "2.0", "id": i, "method": "version"}).encode() +
                         b"\n" for i in range(500)))
    verdict([client.line()["id"] for _ in range(500)] == list(range(500)),
            "500 requests in one write are answered in order")


def crowd():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    clients, refused, served = [], 0, 0
    for _ in range(1000):
        try:
            clients.append(Client(timeout=20))
        except OSError:
            refused += 1
    for client in clients:
        try:
            client.send({"jsonrpc": "2.0", "id": 1, "method": "version"})
        except OSError:
            pass
    for client in clients:
        try:
            reply = client.line()
            served += reply is not None and "result" in reply
            refused += reply is None or "error" in reply
        except (OSError, ValueError):
            refused += 1
    verdict(served + refused == 1000, f"1 000 clients at once: {served} served, {refused} "
            "told or shown that there is no room")
    verdict(served >= 100, "at least 100 of them were served")
    for client in clients:
        client.sock.close()
    time.sleep(0.3)
    alive("after the crowd")
    silent = [Client() for _ in range(50)]
    alive("with 50 silent clients")
    del silent


def slow_subscriber():
    slow = Client()
    verdict("result" in slow.call("subscribe"), "subscribe")
    worker = Client(timeout=60)
    started = time.monotonic()
    for i in range(2500):
        worker.call("set-switch", name="s", ageing=100 + i % 2)
    verdict(time.monotonic() - started < 60, "2 500 events with a subscriber that does not "
            f"read took {time.monotonic() - started:.1f} s")
    worker.call("set-switch", name="s", ageing=300)
    lost = events = 0
    last = 0
    ordered = True
    slow.sock.settimeout(1)
    try:
        while (event := slow.line()) is not None:
            params = event["params"]
            if params["event"] == "overflow":
                lost += params["lost"]
            else:
                events += 1
                ordered &= params["seq"] > last
                last = params["seq"]
    except (TimeoutError, socket.timeout):
        pass
    verdict(lost > 0, f"it is told by overflow what it lost: {events} came, {lost} lost")
    verdict(events + lost >= 2501, "nothing vanished silently")
    verdict(ordered, "what came is in order")
    slow.sock.settimeout(5)
    worker.call("set-switch", name="s", ageing=301)
    verdict(slow.line() is not None, "it gets new events again")
    worker.call("set-switch", name="s", ageing=300)


garbage()
long_lines()
halves()
crowd()
slow_subscriber()
print(f"raw socket: {faults} faults")
sys.stdout.flush()
os._exit(1 if faults else 0)
