# SPDX-License-Identifier: BSD-3-Clause
# The programs that are compared. Each is started once for a set of frames, stopped by SIGSTOP
# and let run for its turns only, so that turns can alternate within one run. (Open vSwitch is
# started anew for each turn: it judges its flow table by the clock, and a stop makes it drop
# flows by the thousand.)
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

OVS_DPDK = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class Failed(Exception):
    pass


def wait_for(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed("timed out waiting for " + what)
        time.sleep(0.05)


class Program:
    """start() and stop(); resume() and pause() around each turn; packets() = (time, sent)."""
    name = "?"
    settle = 0.3        # seconds from resume() to steady forwarding
    most_flows = 65535  # what its buffers can hold beside the others'

    def __init__(self, folder, cpus, frames, flows=0):
        self.folder = os.path.join(folder, self.name.replace(" ", "-"))
        self.fresh_folder()
        self.cpus = cpus
        self.frames = frames  # the two files
        self.flows = flows    # in each of them
        self.processes = []

    def fresh_folder(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def spawn(self, argv, **kwargs):
        log = open(os.path.join(self.folder, "log"), "ab")
        process = subprocess.Popen(argv, stderr=log, **{"stdin": subprocess.DEVNULL,
                                                        "stdout": log, **kwargs})
        self.processes.append(process)
        return process

    def log_tail(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as f:
            return "".join(f.readlines()[-8:])

    def signal_all(self, number):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)

    def pause(self):
        self.signal_all(signal.SIGSTOP)

    def resume(self):
        self.signal_all(signal.SIGCONT)

    def stop(self):
        self.signal_all(signal.SIGCONT)
        self.signal_all(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []

    def rate(self, seconds):
        """Million frames sent a second, both ports together, over one turn."""
        self.resume()
        try:
            time.sleep(self.settle)
            before = self.packets()
            time.sleep(seconds)
            after = self.packets()
        finally:
            self.pause()
        if after[1] <= before[1]:
            raise Failed(f"{self.name} forwards nothing: {self.log_tail()}")
        return (after[1] - before[1]) / (after[0] - before[0]) / 1e6


class Vswitch(Program):
    name = "vswitch"
    options = []
    build = "build"
    queues = 1
    most_flows = 500000  # a million stations

    def start(self):
        self.sock_path = os.path.join(self.folder, "control.sock")
        # The device keeps each frame of its file in a buffer.
        mbufs = ["--mbufs", str(2 * self.queues * self.flows + 65536)] if self.flows > 4096 else []
        self.process = self.spawn(
            [self.build + "/vswitch/vswitchd", "--run-dir", self.folder, "--state-dir",
             self.folder + "/state", "--socket", self.sock_path, "--cpus", self.cpus,
             *mbufs, *self.options])
        wait_for("vswitchd", self.answers)
        self.call("add-switch", name="bench", type="private")
        # Device names are unique to the process, so that runs do not share anything.
        for side, path in zip("ab", self.frames):
            files = ",".join([f"rx_pcap={path}"] * self.queues)  # a queue each
            self.call("add-port", switch="bench", port=side, type="dpdk", queues=self.queues,
                      devargs=f"net_pcap_{side},{files},infinite_rx=1")

    def answers(self):
        if self.process.poll() is not None:
            raise Failed("vswitchd ended: " + self.log_tail())
        try:
            self.call("version")
            return True
        except OSError:
            return False

    def call(self, method, **params):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(self.sock_path)
            s.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                                  "params": params}).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                more = s.recv(1 << 20)
                if not more:
                    raise Failed("vswitchd hung up: " + self.log_tail())
                data += more
        reply = json.loads(data)
        if "error" in reply:
            raise Failed(f"{method}: {reply['error']['message']}")
        return reply["result"]

    def packets(self):
        ports = self.call("show-stats")["ports"]
        return time.monotonic(), sum(p["tx_packets"] for p in ports)


class VswitchPoll(Vswitch):
    name = "vswitch --poll"
    options = ["--poll"]


class VswitchProfile(Vswitch):
    name = "vswitch --profile"
    options = ["--profile"]


class VswitchTwo(Vswitch):
    name = "vswitch 2 workers"
    queues = 2  # each worker serves one of each port, as with a NIC that spreads its flows


class Testpmd(Program):
    mode = "io"

    def start(self):
        vdevs = []
        for i, path in enumerate(self.frames):
            vdevs += ["--vdev", f"net_pcap{i},rx_pcap={path},infinite_rx=1"]
        control, worker = self.cpus_of()
        self.begin(f"{control},{worker}", vdevs, ["--total-num-mbufs=200000"])

    def begin(self, cores, vdevs, options):
        self.process = self.spawn(
            ["stdbuf", "-oL", "dpdk-testpmd", "-l", cores, "--no-pci", "--in-memory",
             "--no-telemetry", *vdevs, "--", "-i", "--nb-cores=1", f"--forward-mode={self.mode}",
             *options, "-a"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = ""
        self.read_until(lambda text: "testpmd> " in text, 60)

    def n_ports(self):
        return sum(a == "--vdev" for a in self.process.args)

    def cpus_of(self):
        worker = int(self.cpus.split(",")[-1])
        return (0 if worker else 1), worker

    def read_until(self, condition, seconds=10):
        def seen():
            data = self.process.stdout.read()
            if data:
                self.text += data.decode(errors="replace")
            if self.process.poll() is not None:
                raise Failed("testpmd ended: " + self.text[-500:] + self.log_tail())
            return condition(self.text)

        wait_for("testpmd", seen, seconds)

    def packets(self):
        self.process.stdout.read()
        self.text = ""
        self.process.stdin.write(b"show port stats all\n")
        now = time.monotonic()
        self.read_until(lambda text: text.count("Tx-bps:") == self.n_ports())
        return now, sum(int(n) for n in re.findall(r"TX-packets:\s*(\d+)", self.text))

    def stop(self):
        self.resume()
        try:
            self.process.stdin.write(b"quit\n")
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            pass
        super().stop()

    @staticmethod
    def missing():
        return None if shutil.which("dpdk-testpmd") else "no dpdk-testpmd (package dpdk-dev)"


class TestpmdIo(Testpmd):
    name = "testpmd io"


class TestpmdMacswap(Testpmd):
    name = "testpmd macswap"
    mode = "macswap"


class OpenVswitch(Program):
    name = "Open vSwitch"
    settings = []

    @staticmethod
    def missing():
        if os.path.exists(OVS_DPDK) and shutil.which("ovsdb-server"):
            return None
        return "no Open vSwitch with DPDK (package openvswitch-switch-dpdk)"

    def run(self, *argv):
        result = subprocess.run(argv, env=self.env, capture_output=True, text=True,
                                timeout=60, check=False)
        if result.returncode:
            raise Failed(f"{' '.join(argv)}: {result.stderr.strip()}")
        return result.stdout

    def vsctl(self, *argv):
        return self.run("ovs-vsctl", f"--db=unix:{self.folder}/db.sock", *argv)

    def start_daemons(self, *other_config):
        self.env = {**os.environ, "OVS_RUNDIR": self.folder, "OVS_DBDIR": self.folder,
                    "OVS_LOGDIR": self.folder}
        self.run("ovsdb-tool", "create", self.folder + "/db", OVS_SCHEMA)
        self.spawn(["ovsdb-server", self.folder + "/db", f"--remote=punix:{self.folder}/db.sock",
                    f"--unixctl={self.folder}/db.ctl"], env=self.env)
        wait_for("ovsdb-server", lambda: os.path.exists(self.folder + "/db.sock"))
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                   "other_config:max-idle=1000000", "other_config:flow-limit=4000000",
                   *other_config, *self.settings)
        self.spawn([OVS_DPDK, f"unix:{self.folder}/db.sock",
                    f"--unixctl={self.folder}/vswitchd.ctl"], env=self.env)
        wait_for("ovs-vswitchd", lambda: os.path.exists(self.folder + "/vswitchd.ctl"))

    def start(self):
        mask = hex(1 << int(self.cpus.split(",")[-1]))
        self.start_daemons(
            "other_config:dpdk-init=true",
            "other_config:dpdk-extra=--no-pci --in-memory --no-telemetry",
            "other_config:dpdk-socket-mem=1024", "other_config:pmd-cpu-mask=" + mask)
        self.vsctl("--timeout=60", "add-br", "br0", "--", "set", "bridge", "br0",
                   "datapath_type=netdev", "other_config:mac-table-size=1000000",
                   "other_config:mac-aging-time=3600")
        for side, path in zip("ab", self.frames):
            self.vsctl("--timeout=60", "add-port", "br0", side, "--", "set", "interface", side,
                       "type=dpdk", f"options:dpdk-devargs=net_pcap_{side},rx_pcap={path},"
                       "infinite_rx=1")
        wait_for("the first frames", lambda: self.packets()[1] > 1000)
        self.wait_until_steady()

    def wait_until_steady(self):
        """Every flow has to go through the slow path once, both ways: for large sets minutes,
        since Open vSwitch grows its own limit of flows by 2 000 a second at best."""
        limit = time.monotonic() + 240
        while time.monotonic() < limit:
            time.sleep(2)
            text = self.run("ovs-appctl", "-t", self.folder + "/vswitchd.ctl", "upcall/show")
            if int(re.search(r"current (\d+)", text).group(1)) >= 2 * self.flows:
                break
        else:
            print(f"  {self.name}: never had all {2 * self.flows} flows", file=sys.stderr)
        time.sleep(2)

    def pause(self):
        if self.processes:
            self.stop()

    def resume(self):
        if not self.processes:
            self.fresh_folder()
            self.start()

    def packets(self):
        text = self.run("ovs-appctl", "-t", self.folder + "/vswitchd.ctl", "dpctl/show", "-s",
                        "netdev@ovs-netdev")
        now = time.monotonic()
        sent = 0
        for block in re.split(r"\n\s*port \d+: ", text)[1:]:
            if block.split(" ")[0] in "ab":
                sent += int(re.search(r"TX packets:(\d+)", block).group(1))
        return now, sent


FRAME_PROGRAMS = [Vswitch, TestpmdIo, TestpmdMacswap, OpenVswitch]
