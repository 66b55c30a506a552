# SPDX-License-Identifier: BSD-3-Clause
# Runs vswitchctl against a fake daemon, as users and scripts do.
import os
import pty
import subprocess
import sys
import tempfile
import unittest

import replies
from fake_daemon import FakeDaemon

HERE = os.path.dirname(os.path.realpath(__file__))
PROGRAM = os.environ.get("VSWITCHCTL", "vswitchctl")


class CtlTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ctl")
        self.socket = os.path.join(self.folder.name, "s")
        self.addCleanup(self.folder.cleanup)

    def daemon(self, answers=None, events=(), **more):
        return FakeDaemon(self.socket, {**(answers or replies.ANSWERS), **more}, events)

    def environment(self, locale="C.UTF-8", **more):
        return {"PATH": os.environ["PATH"], "LC_ALL": locale, "VSWITCH_SOCKET": self.socket,
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), **more}

    def run_ctl(self, *args, stdin=None, locale="C.UTF-8", timeout=30, **env):
        return subprocess.run([PROGRAM, *args], input=stdin, capture_output=True, text=True,
                              timeout=timeout, env=self.environment(locale, **env), check=False)

    def expect(self, code, *args, **more):
        done = self.run_ctl(*args, **more)
        self.assertEqual(done.returncode, code, f"{args}: {done.stdout}{done.stderr}")
        self.assertNotIn("Sanitizer", done.stderr)
        self.assertNotIn("runtime error", done.stderr)
        return done

    def refused(self, code, reason, remedy, *args, **more):
        """The command fails in the one way all do: reason, then what to try."""
        done = self.expect(code, *args, **more)
        lines = done.stderr.splitlines()
        self.assertTrue(lines[0].startswith("vswitchctl: "), done.stderr)
        self.assertIn(reason, lines[0])
        if remedy is None:
            self.assertEqual(len(lines), 1, done.stderr)
        else:
            self.assertTrue(lines[1].startswith("  try: "), done.stderr)
            self.assertIn(remedy, lines[1])
        return done

    def on_terminal(self, *args, stderr=False, columns=80, **env):
        """Output as it reaches a terminal; stderr too if asked."""
        master, slave = pty.openpty()
        import fcntl, struct, termios
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        child = subprocess.Popen([PROGRAM, *args], stdin=subprocess.DEVNULL, stdout=slave,
                                 stderr=slave if stderr else subprocess.DEVNULL,
                                 env=self.environment(**env))
        os.close(slave)
        out = b""
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            out += data
        os.close(master)
        return child.wait(), out.decode(errors="replace").replace("\r\n", "\n")

    def assert_narrow(self, text, width=80):
        for line in text.splitlines():
            self.assertLessEqual(len(line), width, line)


def main():
    unittest.main(verbosity=1, argv=[sys.argv[0], *sys.argv[1:]])
