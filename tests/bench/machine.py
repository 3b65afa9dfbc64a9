# SPDX-License-Identifier: MIT
"""What the figures were measured on."""
import os
import platform
import re
import resource
import subprocess
import time


def first_line(command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return (done.stdout.splitlines() or [""])[0].strip()


def cpu():
    found = {}
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            key, _, value = line.partition(":")
            found.setdefault(key.strip(), value.strip())
    name = found.get("model name", platform.machine())
    if "cpu family" in found:
        name += f" (family {found['cpu family']}, model {found.get('model', '?')})"
    flags = set(found.get("flags", "").split())
    level = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    return f"{name}, {level}"


def memory_gib():
    with open("/proc/meminfo", encoding="utf-8") as file:
        return round(int(re.search(r"MemTotal:\s+(\d+)", file.read()).group(1)) / 2**20, 1)


def describe():
    return {"cpu": cpu(), "cores": len(os.sched_getaffinity(0)), "memory_gib": memory_gib(), "kernel": platform.release(),
            "compiler": first_line(["cc", "--version"]), "python": platform.python_version()}


class Others:
    """How much the rest of the machine worked meanwhile. Children count once they have been waited for."""

    def __init__(self):
        self.start, self.busy, self.own = time.time(), self.machine_s(), self.own_s()

    @staticmethod
    def machine_s():
        with open("/proc/stat", encoding="utf-8") as file:
            user, nice, system, _, _, irq, softirq, steal = (int(word) for word in file.readline().split()[1:9])
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def own_s():
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in usages)

    def cores(self):
        """Cores' worth of work by others since the beginning."""
        others = self.machine_s() - self.busy - (self.own_s() - self.own)
        return max(0.0, others / max(1e-9, time.time() - self.start))
