# SPDX-License-Identifier: BSD-3-Clause
# What is measured besides frame rates: stages, workers, sleeping against polling, idling, TCP.
import contextlib
import json
import os
import statistics
import subprocess
import time

import pcap_files
import programs
from programs import Failed, OpenVswitch, Testpmd, Vswitch, VswitchPoll, VswitchProfile, VswitchTwo


def print_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(row, widths))).rstrip())
        if number == 0:
            print("  ".join("-" * w for w in widths))


def alternate(args, ours):
    """{name: rates} of started programs, turn by turn."""
    figures = {p.name: [] for p in ours}
    for _ in range(args.turns):
        for program in ours:
            figures[program.name].append(program.rate(args.seconds))
    return figures


def compare(args, folder, makers, flows=256):
    frames = pcap_files.make(os.path.join(folder, "pcap"), flows, 64)
    running = []
    try:
        for cls, cpus in makers:
            program = cls(folder, cpus, frames, flows)
            running.append(program)
            program.start()
            program.pause()
        return alternate(args, running)
    finally:
        for program in running:
            program.stop()


def cycles_by_stage(program, seconds):
    """{stage: TSC cycles a packet} of a switch that counts them."""
    before = program.call("show-workers")["workers"][0]
    time.sleep(seconds)
    after = program.call("show-workers")["workers"][0]
    packets = after["packets"] - before["packets"]
    if packets <= 0:
        raise Failed("no packets counted")
    cycles = {s: (after["stages"][s] - before["stages"][s]) / packets for s in after["stages"]}
    cycles["sum"] = sum(cycles.values())
    return cycles


def stages(args, folder):
    """Cycles a packet in each stage, by set of frames."""
    rows, found = [], {}
    for size, flows in args.sets:
        frames = pcap_files.make(os.path.join(folder, "pcap"), flows, size)
        program = VswitchProfile(folder, args.cpu, frames, flows)
        try:
            program.start()
            time.sleep(0.5)
            cycles = cycles_by_stage(program, args.seconds)
        finally:
            program.stop()
        found[f"{size}x{flows}"] = cycles
        if not rows:
            rows.append(["cycles a packet"] + list(cycles))
        rows.append([f"{size} B, {flows} flows"] + [f"{c:.1f}" for c in cycles.values()])
    print("\nOur switch with --profile: TSC cycles a packet in each stage\n")
    print_table(rows)
    return found


def poll(args, folder):
    figures = compare(args, folder, [(Vswitch, args.cpu), (VswitchPoll, args.cpu)])
    rate = {n: statistics.median(r) for n, r in figures.items()}
    print(f"\nSleeping when idle against --poll, 64 B, 256 flows: {rate[Vswitch.name]:.1f} and "
          f"{rate[VswitchPoll.name]:.1f} Mpps, ratio "
          f"{rate[Vswitch.name] / rate[VswitchPoll.name]:.2f}")
    return figures


def workers(args, folder):
    figures = compare(args, folder, [(Vswitch, args.cpu), (VswitchTwo, "0,1")])
    rate = {n: statistics.median(r) for n, r in figures.items()}
    print(f"\nTwo workers against one, 64 B, 256 flows: {rate[VswitchTwo.name]:.1f} and "
          f"{rate[Vswitch.name]:.1f} Mpps, ratio "
          f"{rate[VswitchTwo.name] / rate[Vswitch.name]:.2f}")
    return figures


class Bare(Vswitch):
    """Our daemon with an empty switch."""
    name = "vswitch bare"

    def start(self):
        self.sock_path = os.path.join(self.folder, "control.sock")
        self.process = self.spawn(
            [self.build + "/vswitch/vswitchd", "--run-dir", self.folder, "--state-dir",
             self.folder + "/state", "--socket", self.sock_path, "--cpus", self.cpus,
             *self.options])
        wait_for_daemon(self)
        self.call("add-switch", name="bench", type="internal")


def wait_for_daemon(program):
    programs.wait_for("vswitchd", program.answers)


class Spaces:
    """Two namespaces, gone afterwards."""

    def __init__(self, tag=""):
        self.names = [f"bench{os.getpid()}{tag}{side}" for side in "ab"]

    def __enter__(self):
        for name in self.names:
            sh("ip", "netns", "add", name)
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def address(self, i, ifname):
        sh("ip", "-n", self.names[i], "address", "add", f"10.77.{200}.{i + 1}/24", "dev", ifname)
        sh("ip", "-n", self.names[i], "link", "set", ifname, "up")

    def tcp(self, seconds):
        """Gbit/s of one TCP stream from the first to the second."""
        server = subprocess.Popen(["ip", "netns", "exec", self.names[1], "iperf3", "-s", "-1"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.4)
        try:
            out = sh("ip", "netns", "exec", self.names[0], "iperf3", "-J", "-c", "10.77.200.2",
                     "-t", str(max(1, int(seconds))))
            return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e9
        finally:
            server.kill()
            server.wait()


def sh(*argv):
    result = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if result.returncode:
        raise Failed(f"{' '.join(argv)}: {(result.stderr or result.stdout).strip()[-300:]}")
    return result.stdout


class OvsTap(OpenVswitch):
    name = "Open vSwitch taps TSO"
    tso = ["other_config:userspace-tso-enable=true"]

    def start(self):
        mask = hex(1 << int(self.cpus.split(",")[-1]))
        self.start_daemons(
            "other_config:dpdk-init=true",
            "other_config:dpdk-extra=--no-pci --in-memory --no-telemetry",
            "other_config:dpdk-socket-mem=512", "other_config:pmd-cpu-mask=" + mask, *self.tso)
        self.vsctl("--timeout=60", "add-br", self.bridge(), "--", "set", "bridge", self.bridge(),
                   "datapath_type=netdev")
        for name in self.taps():
            self.vsctl("--timeout=60", "add-port", self.bridge(), name, "--", "set", "interface",
                       name, "type=internal")

    def bridge(self):
        return f"ovb{os.getpid() % 100000}{'t' if self.tso else 'd'}"

    def taps(self):
        return [self.bridge() + side for side in "ab"]


class OvsTapDefaults(OvsTap):
    name = "Open vSwitch taps"
    tso = []


@contextlib.contextmanager
def started(cls, *args):
    program = cls(*args)
    try:
        program.start()
        yield program
    finally:
        program.stop()


@contextlib.contextmanager
def tcp_ours(args, folder):
    with Spaces("v") as spaces, started(Bare, folder, args.cpu, []) as program:
        for i, name in enumerate(spaces.names):
            program.call("add-port", switch="bench", port=f"t{i}", type="tap", ifname="eth",
                         netns=name)
            spaces.address(i, "eth")
        yield spaces


@contextlib.contextmanager
def tcp_ovs(args, folder, cls=OvsTap):
    if OpenVswitch.missing():
        raise Failed(OpenVswitch.missing())
    with Spaces("t" if cls.tso else "d") as spaces, started(cls, folder, args.cpu, []) as program:
        for i, name in enumerate(program.taps()):
            sh("ip", "link", "set", name, "netns", spaces.names[i])
            spaces.address(i, name)
        yield spaces


@contextlib.contextmanager
def tcp_ovs_defaults(args, folder):
    with tcp_ovs(args, folder, OvsTapDefaults) as spaces:
        yield spaces


@contextlib.contextmanager
def tcp_bridge(*_):
    bridge = f"brk{os.getpid() % 100000}"
    with Spaces("k") as spaces:
        try:
            sh("ip", "link", "add", bridge, "type", "bridge")
            sh("ip", "link", "set", bridge, "up")
            for i, name in enumerate(spaces.names):
                outer = f"vk{os.getpid() % 100000}{i}"
                sh("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth", "netns", name)
                sh("ip", "link", "set", outer, "master", bridge, "up")
                spaces.address(i, "eth")
            yield spaces
        finally:
            subprocess.run(["ip", "link", "del", bridge], check=False, capture_output=True)


OVS_TSO = "Open vSwitch userspace, two taps, TSO on"
OVS_DEFAULTS = "Open vSwitch userspace, two taps, defaults"
BRIDGE = "kernel bridge, two veth pairs"


def compare_tcp(args, folder, setups):
    """Set-ups {name: context of Spaces}, the first one ours, turn by turn: each is made anew, as
    two of Open vSwitch cannot be there at once."""
    found = {name: [] for name in setups}
    for _ in range(args.turns):
        for name in list(found):
            try:
                with setups[name](args, folder) as spaces:
                    time.sleep(1)
                    found[name].append(spaces.tcp(args.seconds))
            except (Failed, OSError) as e:
                print(f"{name}: left out: {e}")
                del found[name]
    ours = next(iter(setups))
    rows = [["TCP between two namespaces, one stream", "Gbit/s", "lowest", "highest",
             "ours / this"]]
    for name, rates in found.items():
        median = statistics.median(rates)
        rows.append([name, f"{median:.1f}", f"{min(rates):.1f}", f"{max(rates):.1f}",
                     f"{statistics.median(found[ours]) / median:.2f}"
                     if ours in found and name != ours else ""])
    print()
    print_table(rows)
    return found


def tcp(args, folder):
    return compare_tcp(args, folder, {"vswitch, two taps": tcp_ours, OVS_TSO: tcp_ovs,
                                      BRIDGE: tcp_bridge})


class Guest(Testpmd):
    """A DPDK guest on the control core: virtio-user at the other end of a vhost socket."""

    name = "guest"

    def __init__(self, folder, cpus, mode, size, socket):
        super().__init__(folder, cpus, [])
        self.mode, self.size, self.socket = mode, size, socket

    def start(self):
        control, worker = self.cpus_of()
        self.begin(f"{worker},{control}", [
            "--main-lcore", str(worker), "--single-file-segments",
            "--vdev", f"net_virtio_user0,path={self.socket},mac=02:00:00:00:00:01"],
            [f"--txpkts={self.size - 4}"] if self.mode == "txonly" else [])


class VhostOurs(Bare):
    name = "vswitch"

    def start(self):
        super().start()
        self.call("add-port", switch="bench", port="guest", type="vhost",
                  vhost_socket=self.folder + "/vhost.sock", vhost_mode="server")
        device = f"net_pcap_a,rx_pcap={self.frames[0]},infinite_rx=1" if self.frames else \
            "net_null_a,no-rx=1"
        self.call("add-port", switch="bench", port="a", type="dpdk", devargs=device)


class VhostTestpmd(Testpmd):
    name = "testpmd io"

    def start(self):
        control, worker = self.cpus_of()
        device = f"net_pcap0,rx_pcap={self.frames[0]},infinite_rx=1" if self.frames else \
            "net_null0,no-rx=1"
        self.begin(f"{control},{worker}", ["--vdev", device, "--vdev",
                                           f"net_vhost0,iface={self.folder}/vhost.sock"], [])


def vhost(args, folder):
    """Frames to and from a DPDK guest: the switch on one core, the guest on the other."""
    rows = [["vhost-user, Mpps (Gbit/s)", "vswitch", "testpmd io", "ratio"]]
    found = {}
    for size in (64, 1518):
        for text, mode in ((f"{size} B to the guest", "rxonly"),
                           (f"{size} B from the guest", "txonly")):
            frames = pcap_files.make(os.path.join(folder, "pcap"), 1, size) \
                if mode == "rxonly" else []
            rates = {cls.name: [] for cls in (VhostOurs, VhostTestpmd)}
            for _ in range(args.turns):
                for cls in (VhostOurs, VhostTestpmd):
                    rates[cls.name].append(vhost_rate(args, folder, cls, mode, size, frames))
            found[text] = rates
            median = {n: statistics.median(r) for n, r in rates.items()}
            rows.append([text] + [f"{m:.1f} ({m * size * 8 / 1000:.1f})" for m in median.values()]
                        + [f"{median['vswitch'] / median['testpmd io']:.2f}"])
    print()
    print_table(rows)
    return found


def vhost_rate(args, folder, cls, mode, size, frames):
    switch = cls(folder, args.cpu, frames)
    return guest_rate(args, switch,
                      Guest(folder, args.cpu, mode, size, switch.folder + "/vhost.sock"))


def guest_rate(args, switch, guest):
    """Million frames a second that the switch sends, to the guest or from it."""
    try:
        switch.start()
        guest.start()
        time.sleep(1)
        before = switch.packets()
        time.sleep(args.seconds)
        after = switch.packets()
    finally:
        guest.stop()
        switch.stop()
    if after[1] <= before[1]:
        raise Failed(f"{switch.name} forwards nothing: {guest.log_tail()}")
    return (after[1] - before[1]) / (after[0] - before[0]) / 1e6


def idle(args, folder):
    """Percent of a core while nothing happens, four TAP ports up."""
    with Spaces() as spaces:
        program = Bare(folder, args.cpu, [])
        try:
            program.start()
            for i in range(4):
                program.call("add-port", switch="bench", port=f"t{i}", type="tap",
                             ifname=f"eth{i}", netns=spaces.names[0])
                sh("ip", "-n", spaces.names[0], "link", "set", f"eth{i}", "up")
            time.sleep(3)
            hertz = os.sysconf("SC_CLK_TCK")

            def ticks():
                with open(f"/proc/{program.process.pid}/stat") as f:
                    return sum(map(int, f.read().rpartition(")")[2].split()[11:13]))

            before = ticks()
            time.sleep(10)
            percent = (ticks() - before) / hertz / 10 * 100
        finally:
            program.stop()
    print(f"\nIdle with four TAP ports up: {percent:.2f} percent of a core")
    return percent


SECTIONS = {"stages": stages, "poll": poll, "workers": workers, "idle": idle, "tcp": tcp,
            "vhost": vhost}
