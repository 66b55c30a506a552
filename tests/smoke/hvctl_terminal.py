# SPDX-License-Identifier: BSD-3-Clause
# hvctl's console in a terminal: hvctl_terminal.py HVCTL ARGUMENT..., where the guest is a parrot;
# or hvhost's own: hvctl_terminal.py --hvhost HVHOST ARGUMENT..., with any guest.
import fcntl
import os
import pty
import select
import signal
import sys
import termios
import time


seen = b""


def read_until(fd, text, seconds=10):
    global seen
    end = time.time() + seconds
    while text not in seen:
        left = end - time.time()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            sys.exit(f"{text} did not come; but: {seen[-300:]}")
        seen += os.read(fd, 65536)
    seen = seen[seen.index(text) + len(text):]


def start(command):
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    pid = os.fork()
    if pid == 0:
        os.close(master)
        login(slave)
        os.execv(command[0], command)
    return master, slave, before, pid


def login(slave):
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)


def end(master, slave, before, pid, wanted):
    for _ in range(100):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    else:
        os.kill(pid, signal.SIGKILL)
        sys.exit("it does not end")
    if os.waitstatus_to_exitcode(status) != wanted:
        sys.exit(f"ended with {os.waitstatus_to_exitcode(status)}, not {wanted}")
    if termios.tcgetattr(slave) != before:
        sys.exit("the terminal was not given back as it was")
    os.close(master)
    os.close(slave)


def be_at_hvhost(command):
    t = start(command)
    read_until(t[0], b"Ctrl-A x cuts the power", 30)
    read_until(t[0], b"\n", 60)
    end_of_wait = time.time() + 10
    while termios.tcgetattr(t[1])[3] & (termios.ECHO | termios.ICANON | termios.ISIG):
        if time.time() > end_of_wait:
            sys.exit("the terminal is not raw")
        time.sleep(0.05)
    os.write(t[0], b"\x03\x01h")
    read_until(t[0], b"Ctrl-A p  press the power button")
    os.write(t[0], b"\x01x")
    end(*t, 3)


def be_at_hvctl(command):
    t = start(command)
    read_until(t[0], b"Ctrl-] leaves it")
    read_until(t[0], b"Linux version")
    if termios.tcgetattr(t[1])[3] & (termios.ECHO | termios.ICANON | termios.ISIG):
        sys.exit("the terminal is not raw")
    os.write(t[0], b"\x03\x01x\r")
    read_until(t[0], b"said: \x03\x01x")
    os.write(t[0], b"\x1d")
    read_until(t[0], b"which runs on")
    end(*t, 0)

    t = start(command)
    read_until(t[0], b"Linux version")
    os.kill(t[3], signal.SIGTERM)
    end(*t, 1)

    # The guest reads no more, whatever is typed.
    t = start(command + ["--no-log"])
    read_until(t[0], b"Ctrl-] leaves it")
    os.write(t[0], b"mute\r")
    read_until(t[0], b"said: mute")
    for _ in range(200):
        os.write(t[0], b"y" * 1024)
        time.sleep(0.002)
    os.write(t[0], b"\x1d")
    read_until(t[0], b"which runs on")
    end(*t, 0)


if sys.argv[1] == "--hvhost":
    be_at_hvhost(sys.argv[2:])
else:
    be_at_hvctl(sys.argv[1:])
