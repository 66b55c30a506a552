#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The hypervisor's half of vmnic_bad_input.sh: says wrong things on the handover socket and
wants to be refused, with the reason. vmnic_bad_input.py SOCKET TAKEN-PORT FREE-PORT [stranger]"""
import array
import fcntl
import os
import random
import socket
import struct
import sys

PATH, TAKEN, FREE = sys.argv[1:4]
MAGIC, RECORD_SIZE, PAGE = 0x48505356, 2 << 20, 4096
HELLO, REGION, GPADL, TEARDOWN, OPEN, CLOSE, MODIFY, READY, DETACH = range(1, 10)
WELCOME, REFUSED, OPEN_RESULT, READY_DONE = 101, 102, 103, 108
R_VERSION, R_NAME, R_PERMISSION, R_MEMORY, R_RECORD, R_LIMIT, R_PROTOCOL = range(1, 8)
RESUME = 1
faults = 0


def verdict(good, text):
    global faults
    faults += not good
    print(("ok   " if good else "FAIL ") + text)


def memfd(size, seals=fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL):
    fd = os.memfd_create("bad", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    if seals:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def plain(kind):
    return struct.pack("=II", kind, 8)


class Hypervisor:
    def __init__(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(5)
        self.sock.connect(PATH)
        self.fds = []

    def send(self, data, fd=None):
        rights = []
        if fd is not None:
            fds = fd if isinstance(fd, list) else [fd]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        try:
            self.sock.sendmsg([data], rights)
        except OSError:
            pass  # it has heard enough

    def hear(self):
        """(type, message); (None, None) at the end"""
        try:
            try:
                data, rights, _, _ = self.sock.recvmsg(1 << 16, socket.CMSG_SPACE(4))
            except ConnectionResetError:
                # It went without reading all of ours; what it said before is still there.
                data, rights, _, _ = self.sock.recvmsg(1 << 16, socket.CMSG_SPACE(4))
        except TimeoutError:
            return "nothing", None
        except OSError:
            return None, None
        for level, kind, fds in rights:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self.fds += array.array("i", fds)
        if not data:
            return None, None
        return struct.unpack_from("=I", data)[0], data

    def hello(self, port=FREE, magic=MAGIC, versions=(1, 1), flags=0, regions=1,
              record=None, record_size=RECORD_SIZE, partition="bad", mac=b"\x02\x77\0\0\x09\x01",
              vps=1, cut=None, length=None):
        def name(text):
            return (text if isinstance(text, bytes) else text.encode()).ljust(64, b"\0")[:64]
        body = struct.pack("=IHHIIII16s6sHI4xQ64s64s64s64s", magic, *versions, flags, 0x50003,
                           regions, vps, bytes(16), mac, 0, 0, record_size, name(partition),
                           name("nic0"), name(port), name("bad_input"))
        total = length if length is not None else 8 + len(body)
        data = struct.pack("=II", HELLO, total) + body
        self.send(data[:cut], memfd(RECORD_SIZE) if record is None else record)

    def region(self, fd, gpa=0, size=16 * PAGE, offset=0):
        self.send(struct.pack("=IIQQQ", REGION, 32, gpa, size, offset), fd)

    def pages(self, ident, first_pfn, n):
        self.send(struct.pack("=IIIIIIII", GPADL, 32 + 8 * n, ident, 0, n * PAGE, n, 0, n) +
                  struct.pack(f"={n}Q", *range(first_pfn, first_pfn + n)))

    def open(self, index=0, gpadl=1, downstream=4, flags=0):
        self.send(struct.pack("=IIIIIIIIII", OPEN, 40, index, gpadl, downstream, 0, 1, flags,
                              0x50003, 0))

    def refused(self, text, code=None, word=None):
        """Whatever came before, it ends by a refusal with a reason, and the line is closed."""
        kind, data = self.hear()
        while kind not in (None, REFUSED, "nothing"):
            kind, data = self.hear()
        if kind != REFUSED:
            verdict(False, f"{text}: not refused, but {kind}")
            return
        got, _ = struct.unpack_from("=II", data, 8)
        reason = data[16:].split(b"\0")[0].decode()
        good = (code is None or got == code) and len(reason) > 5
        good = good and (word is None or word.lower() in reason.lower())
        verdict(good, f"{text}: code {got}, {reason}")
        kind, _ = self.hear()
        verdict(kind is None, f"{text}: and the line is closed")

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)


def attempt(text, code, word, talk):
    hv = Hypervisor()
    talk(hv)
    hv.refused(text, code, word)
    hv.close()


def on_hello():
    attempt("a name that a live NIC holds", R_NAME, TAKEN, lambda hv: hv.hello(port=TAKEN))
    attempt("a version from the future", R_VERSION, "version",
            lambda hv: hv.hello(versions=(7, 9)))
    attempt("a version from before", R_VERSION, "version", lambda hv: hv.hello(versions=(0, 0)))
    attempt("no magic", R_VERSION, "magic", lambda hv: hv.hello(magic=1))
    attempt("a name with a slash", R_PROTOCOL, "name", lambda hv: hv.hello(port="../x"))
    attempt("a name without an end", R_PROTOCOL, "name", lambda hv: hv.hello(port=b"x" * 64))
    attempt("no name", R_PROTOCOL, "name", lambda hv: hv.hello(partition=""))
    attempt("a group's address", R_PROTOCOL, "mac", lambda hv: hv.hello(mac=b"\xff" * 6))
    attempt("no address", R_PROTOCOL, "mac", lambda hv: hv.hello(mac=bytes(6)))
    attempt("4000 regions", R_LIMIT, "region", lambda hv: hv.hello(regions=4000))
    attempt("no region", R_LIMIT, "region", lambda hv: hv.hello(regions=0))
    attempt("four thousand million processors", R_LIMIT, None,
            lambda hv: hv.hello(vps=0xffffffff))
    attempt("unknown flags", R_PROTOCOL, "flag", lambda hv: hv.hello(flags=0x80))
    attempt("half a hello", R_PROTOCOL, None, lambda hv: hv.hello(cut=100))
    attempt("a length that lies", R_PROTOCOL, None, lambda hv: hv.hello(length=4096))
    attempt("two descriptors", R_PROTOCOL, None,
            lambda hv: hv.hello(record=[memfd(RECORD_SIZE), memfd(RECORD_SIZE)]))
    attempt("no hello at all", R_PROTOCOL, None, lambda hv: hv.send(plain(READY)))
    attempt("a type that is none", R_PROTOCOL, None, lambda hv: hv.send(plain(77)))
    attempt("one of the provider's", R_PROTOCOL, None, lambda hv: hv.send(plain(READY_DONE)))
    attempt("three bytes", R_PROTOCOL, None, lambda hv: hv.send(b"abc"))


def on_record():
    attempt("a record that is not sealed", R_RECORD, "sealed",
            lambda hv: hv.hello(record=memfd(RECORD_SIZE, 0)))
    attempt("a record too short", R_RECORD, None, lambda hv: hv.hello(record=memfd(PAGE)))
    attempt("a record of another size", R_RECORD, None,
            lambda hv: hv.hello(record=memfd(2 * RECORD_SIZE), record_size=2 * RECORD_SIZE))
    attempt("a record that is no memory", R_RECORD, None,
            lambda hv: hv.hello(record=os.open("/dev/null", os.O_RDWR)))

    for seed in range(20):
        rng = random.Random(seed)

        def damaged(hv):
            fd = memfd(RECORD_SIZE)
            os.pwrite(fd, rng.randbytes(rng.choice([4, 64, 100000])), 8192 if seed % 2 else
                      8192 + rng.randrange(4096))
            hv.hello(flags=RESUME, record=fd)
        attempt(f"a damaged record ({seed})", R_RECORD, None, damaged)
    # As one that a later version may leave behind
    fd = memfd(RECORD_SIZE)
    os.pwrite(fd, struct.pack("=IIII", 0x3152534E, 99, RECORD_SIZE, 0), 8192)
    attempt("a record of a later layout", R_RECORD, None,
            lambda hv: hv.hello(flags=RESUME, record=fd))


def on_memory():
    def with_region(fd, **arguments):
        def talk(hv):
            hv.hello()
            hv.region(fd, **arguments)
        return talk
    attempt("memory that is not sealed", R_MEMORY, "sealed", with_region(memfd(16 * PAGE, 0)))
    attempt("memory that is no memfd", R_MEMORY, None,
            with_region(os.open("/dev/zero", os.O_RDWR)))
    attempt("memory beyond its file", R_MEMORY, None,
            with_region(memfd(16 * PAGE), size=32 * PAGE))
    attempt("memory past its file's end", R_MEMORY, None,
            with_region(memfd(16 * PAGE), offset=1 << 60))
    attempt("half a page", R_MEMORY, None, with_region(memfd(16 * PAGE), size=2048))
    attempt("memory at the end of the world", R_MEMORY, None,
            with_region(memfd(16 * PAGE), gpa=(1 << 64) - PAGE))
    attempt("nothing as memory", R_MEMORY, None, with_region(memfd(16 * PAGE), size=0))
    read_only = os.open(f"/proc/self/fd/{memfd(16 * PAGE)}", os.O_RDONLY)
    attempt("memory that cannot be written", R_MEMORY, None, with_region(read_only))

    def twice(hv):
        hv.hello(regions=2)
        hv.region(memfd(16 * PAGE))
        hv.region(memfd(16 * PAGE), gpa=8 * PAGE)
    attempt("regions that overlap", R_MEMORY, "overlap", twice)

    def too_many(hv):
        hv.hello()
        hv.region(memfd(16 * PAGE))
        hv.region(memfd(16 * PAGE), gpa=16 * PAGE)
    attempt("more regions than said", R_PROTOCOL, None, too_many)

    def early(hv):
        hv.hello()
        hv.send(plain(READY))
    attempt("ready without memory", R_PROTOCOL, "memory", early)

    def foreign(hv):
        hv.hello()
        hv.region(memfd(16 * PAGE))
        hv.pages(1, 1 << 40, 8)
    attempt("pages that are no memory", R_PROTOCOL, None, foreign)


def served():
    """Up to READY_DONE: a NIC that nothing is wrong with. Returns it."""
    hv = Hypervisor()
    memory = memfd(16 * PAGE)
    hv.hello()
    hv.region(memory)
    hv.send(plain(READY))
    kinds = [hv.hear()[0] for _ in range(2)]
    verdict(kinds == [WELCOME, READY_DONE], f"one that does all right is served: {kinds}")
    return hv, memory


def on_channels():
    hv, memory = served()
    hv.pages(1, 0, 8)
    for text, arguments in (
            ("a ring in a list that is none", {"gpadl": 9}),
            ("a ring without data", {"downstream": 1}),
            ("a ring beyond its list", {"downstream": 8}),
            ("channel 63 before the first", {"index": 63}),
            ("channel 4 000 000 000", {"index": 4000000000}),
            ("one taken up again that was never open", {"flags": RESUME})):
        hv.open(**arguments)
        kind, data = hv.hear()
        status = struct.unpack_from("=Ii", data, 8)[1] if kind == OPEN_RESULT else None
        reason = data[16:].split(b"\0")[0].decode() if data else ""
        verdict(status is not None and status < 0 and len(reason) > 3,
                f"{text}: {status}, {reason}")
    os.pwrite(memory, struct.pack("=II", 4, 99999999), 0)  # indices that are none
    hv.open()
    kind, data = hv.hear()
    verdict(kind == OPEN_RESULT, f"a ring with garbage in its header: {kind}")
    hv.send(plain(DETACH))
    kind, _ = hv.hear()
    while kind not in (110, None, "nothing"):
        kind, _ = hv.hear()
    verdict(kind == 110, f"and it is let go in order: {kind}")
    hv.close()
    # Its port takes the next one.
    hv, _ = served()
    hv.close()


def as_stranger():
    try:
        attempt("a stranger", R_PERMISSION, None, lambda hv: hv.hello())
    except PermissionError:
        verdict(True, "a stranger cannot even reach the socket")


if len(sys.argv) > 4:
    as_stranger()
else:
    on_hello()
    on_record()
    on_memory()
    on_channels()
sys.exit(faults != 0)
