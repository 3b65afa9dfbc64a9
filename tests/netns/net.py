# SPDX-License-Identifier: MIT
"""Hosts on one machine: network namespaces joined by a switch, with the command started in them by mpirun.

Needs root, iproute2 and Open MPI. Nothing leaves the machine: the namespaces have no route out.
"""
import os
import shutil
import signal
import subprocess
import sys
import time

SKIPPED = 77
SUBNET = "10.77.0"
# Over Ethernet: two sockets a pair of hosts, as one is half-duplex for long messages; and keepalives, without which
# mpirun waits minutes for a host that is cut off.
MCA = {
    "plm": "rsh", "ras": "^slurm", "pml": "ob1", "btl": "tcp,vader,self",
    "btl_tcp_if_include": SUBNET + ".0/24", "oob_tcp_if_include": SUBNET + ".0/24", "btl_tcp_links": "2",
    "oob_tcp_keepalive_time": "3", "oob_tcp_keepalive_intvl": "1", "oob_tcp_keepalive_probes": "3",
    "mpi_yield_when_idle": "1", "hwloc_base_binding_policy": "none", "rmaps_base_oversubscribe": "1",
}


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def why_not():
    """Why there can be no network namespaces here, or None."""
    if os.geteuid() != 0:
        return "not root"
    if not shutil.which("ip") or not shutil.which("tc"):
        return "no ip and tc (Debian: iproute2)"
    name = "lstry%d" % os.getpid()
    made = ip("netns", "add", name, check=False)
    if made.returncode != 0:
        return "ip netns add: " + made.stderr.strip()
    ip("netns", "del", name)
    return None


def has_netem():
    name = "lsnetem%d" % os.getpid()
    ip("netns", "add", name)
    try:
        return ip("netns", "exec", name, "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "20us", check=False).returncode == 0
    finally:
        ip("netns", "del", name, check=False)


class Network:
    """with Network(3, mbit=1000, delay_us=50, relay=...) as net: net.start(...).

    A delay, one way, is the kernel's (netem), or where it has none that of `relay`, the program netns_relay.
    views: by host, commands that change what only its programs see of the file system: {"h2": "mount --bind /a /b"}.
    """

    def __init__(self, n_hosts, mbit=0, delay_us=0, relay=None, views=None):
        self.n, self.views, self.mbit, self.delay_us, self.tag = n_hosts, views, mbit, delay_us, "ls%d" % os.getpid()
        self.folder = "/tmp/lockstep-net-%d" % os.getpid()
        self.relay_program = relay if delay_us and not has_netem() else None
        self.relay = None

    def name(self, host):
        return "%s-%s" % (self.tag, host)

    def hosts(self):
        return ["h%d" % i for i in range(1, self.n + 1)]

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        try:
            for host in self.hosts():
                ip("netns", "add", self.name(host))
                ip("-n", self.name(host), "link", "set", "lo", "up")
            if self.relay_program:
                self.start_relay()
            else:
                self.make_switch()
            for i, host in enumerate(self.hosts(), 1):
                ip("-n", self.name(host), "addr", "add", "%s.%d/24" % (SUBNET, i), "dev", "eth0")
                ip("-n", self.name(host), "link", "set", "eth0", "up")
            self.write_agent()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start_relay(self):
        """Large packets, as each costs the relay the same time, and room for all that TCP has under way."""
        self.relay = subprocess.Popen([self.relay_program, str(self.delay_us), str(self.mbit), *map(self.name, self.hosts())],
                                      stdout=subprocess.PIPE, text=True)
        if self.relay.stdout.readline() != "ready\n":
            raise OSError("netns_relay ended with exit code %d" % self.relay.wait())
        for host in self.hosts():
            ip("-n", self.name(host), "link", "set", "eth0", "mtu", "9000", "txqueuelen", "10000")

    def make_switch(self):
        switch = self.name("sw")
        ip("netns", "add", switch)
        ip("-n", switch, "link", "add", "br0", "type", "bridge")
        ip("-n", switch, "link", "set", "br0", "up")
        for host in self.hosts():
            ip("link", "add", "eth0", "netns", self.name(host), "type", "veth", "peer", "name", host, "netns", switch)
            ip("-n", switch, "link", "set", host, "master", "br0", "up")
            self.slow_down(host)

    def slow_down(self, host):
        add = ["ip", "netns", "exec", self.name(host), "tc", "qdisc", "add", "dev", "eth0", "root"]
        if self.delay_us:
            rate = ["rate", "%dmbit" % self.mbit] if self.mbit else []
            subprocess.run([*add, "netem", "delay", "%dus" % self.delay_us, "limit", "20000", *rate], check=True)
        elif self.mbit:  # a burst of 1 ms: less loses rate, as the kernel sends lumps; more lets whole messages through free
            subprocess.run([*add, "tbf", "rate", "%dmbit" % self.mbit, "burst", str(self.mbit * 125 + 3000), "latency", "10ms"],
                           check=True)

    def write_agent(self):
        """What mpirun takes for ssh. The name of its own keeps Open MPI from taking all hosts for one."""
        self.agent = self.folder + "/agent"
        with open(self.agent, "w") as f:
            f.write('#!/bin/bash\nwhile [ "${1#-}" != "$1" ]; do shift; done\nh=$1; shift\n'
                    "exec nsenter --mount=/proc/%d/ns/mnt ip netns exec %s-$h unshare --uts bash -c 'hostname \"$0\"; . %s/view-$0; eval \"$*\"' \"$h\" \"$@\"\n" %
                    (os.getpid(), self.tag, self.folder))  # from h1, but without its view
        os.chmod(self.agent, 0o755)
        for host in self.hosts():
            with open(self.folder + "/view-" + host, "w") as f:
                f.write((self.views or {}).get(host, "true") + "\n")

    def __exit__(self, *_):
        for host in self.hosts():
            pids = ip("netns", "pids", self.name(host), check=False).stdout.split()
            send(map(int, pids), signal.SIGKILL)
            ip("netns", "del", self.name(host), check=False)
        ip("netns", "del", self.name("sw"), check=False)
        if self.relay:
            self.relay.kill()
            self.relay.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, mpirun, slots, arguments, extra=()):
        """The words that start a program from h1. slots: ranks on each host, e.g. [2, 1]."""
        where = ",".join("%s:%d" % pair for pair in zip(self.hosts(), slots))
        mca = [w for key, value in MCA.items() for w in ("--mca", key, value)]
        return [*self.at_h1(), mpirun, "-n", str(sum(slots)), "--host", where, "--mca", "plm_rsh_agent", self.agent, *mca, *extra,
                *arguments]

    def at_h1(self):
        view = 'hostname h1; . %s/view-h1; exec "$@"' % self.folder
        return ["ip", "netns", "exec", self.name("h1"), "unshare", "--uts", "bash", "-c", view, "bash"]

    @staticmethod
    def environment(base=os.environ):
        """Without settings that would win over the network's."""
        kept = {key: value for key, value in base.items() if not (key.startswith("OMPI_MCA_") and key[9:] in MCA)}
        return dict(kept, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")

    def start(self, mpirun, slots, arguments, log, extra=()):
        return self.popen(self.command(mpirun, slots, arguments, extra), log)

    def start_at_h1(self, words, log):
        return self.popen([*self.at_h1(), *words], log)

    def popen(self, command, log):
        return subprocess.Popen(command, env=self.environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def cut(self, host):
        """As when the cable is pulled."""
        ip("-n", self.name(host), "link", "set", "eth0", "down")

    def stall(self, host):
        """The link is up, but what is sent goes nowhere."""
        ip("-n", self.name("sw"), "link", "set", host, "nomaster")

    def ranks(self, host, program):
        found = []
        for pid in map(int, ip("netns", "pids", self.name(host), check=False).stdout.split()):
            try:
                if os.readlink("/proc/%d/exe" % pid) == os.path.realpath(program):
                    found.append(pid)
            except OSError:
                pass
        return sorted(found)

    def all_ranks(self, program):
        return [pid for host in self.hosts() for pid in self.ranks(host, program)]


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def begin():
    reason = why_not()
    if reason:
        print("SKIPPED: no network namespaces: " + reason)
        sys.exit(SKIPPED)
