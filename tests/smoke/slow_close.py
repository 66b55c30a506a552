# SPDX-License-Identifier: BSD-3-Clause
# slow_close.py SOCKET stream|seqpacket
# Sends a TCP socket whose close waits for a peer that never reads, and keeps no copy of it: who
# receives it, or throws it away unread, is the one who closes it.
import array
import os
import socket
import struct
import sys

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
slow = socket.create_connection(listener.getsockname())
peer, _ = listener.accept()
slow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
slow.setblocking(False)
try:
    while True:
        slow.send(bytes(65536))
except BlockingIOError:
    pass

os.setuid(65534)
kind = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET}[sys.argv[2]]
victim = socket.socket(socket.AF_UNIX, kind)
victim.connect(sys.argv[1])
try:
    victim.sendmsg([b"\n"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                              array.array("i", [slow.fileno()]))])
except BrokenPipeError:
    pass  # turned away already
slow.close()
print("sent", flush=True)
sys.stdin.read()
