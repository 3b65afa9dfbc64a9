# SPDX-License-Identifier: MIT
"""What a step costs on many hosts, from what it costs on one and what a message costs. All times in microseconds, sizes in bytes.

A rank computes its leaves, layer by layer from the last to the first in backward; when a bucket of gradients is full its exchange
starts. The exchange of S bytes among N hosts is a reduce-scatter and an all-gather between all pairs (par/exchange_hierarchical.c):
every host sends and receives 2 (N - 1) messages of S / N bytes. Buckets share one wire, first come, first served.
"""
import math
from dataclasses import dataclass


@dataclass
class Link:
    latency: float    # of a message, one way
    per_byte: float   # of the slowest hop
    overhead: float   # a processor's time for one message, sent or received

    def exchange(self, size, hosts):
        if hosts == 1:
            return 0.0
        others = hosts - 1
        return 2 * self.latency + 2 * others * self.overhead + 2 * others / hosts * size * self.per_byte

    def reduce(self, hosts):
        """Loss, metrics and flags: some hundred bytes of every host to every other."""
        return 0.0 if hosts == 1 else math.ceil(math.log2(hosts)) * self.latency + (hosts - 1) * self.overhead


@dataclass
class Cost:
    """Of one rank, measured: phase = fixed + per_row x rows."""
    fixed: dict
    per_row: dict

    def phase(self, name, rows):
        return max(0.0, self.fixed[name] + self.per_row[name] * rows) if rows else self.fixed.get(name, 0.0)

    def alone(self, rows):
        return sum(self.phase(name, rows) for name in self.fixed)


def buckets(net, bucket_bytes=4 << 20):
    """As train/trainer.c cuts them, in the order they get ready: [(share of backward that is done, bytes)]."""
    layers = [(2 if i else 1, k * n, k * n + n) for i, (k, n) in enumerate(net.pairs)]  # products of backward, multiply-adds, parameters
    work = sum(products * macs for products, macs, _ in layers)
    found, done, size = [], 0.0, 0
    for i, (products, macs, parameters) in reversed(list(enumerate(layers))):
        done += products * macs
        size += 4 * parameters
        if size >= bucket_bytes or i == 0:
            later = (products - 1) * macs  # the input gradient of its last layer is computed when it is under way
            found.append(((done - later) / work, size))
            size = 0
    return found


def rows_of_the_busiest(batch, leaf_rows, ranks):
    """The contract deals out whole leaves."""
    leaves = math.ceil(batch / leaf_rows)
    return min(batch, math.ceil(leaves / ranks) * leaf_rows)


def step(cost, cut, link, batch, leaf_rows, hosts, overlap=True):
    """(whole step, exchange that nothing hides)."""
    rows = rows_of_the_busiest(batch, leaf_rows, hosts)
    before = cost.phase("forward", rows) + cost.phase("loss", rows)
    backward = cost.phase("backward", rows)
    fetch = cost.phase("fetch", rows)
    wire = before
    for share, size in cut:
        ready = before + share * backward if overlap else before + backward
        wire = max(wire, ready) + link.exchange(size, hosts)
    computed = before + backward + fetch
    exposed = max(0.0, wire - computed) if overlap else wire - before - backward
    rest = cost.phase("update", rows) + cost.phase("exchange", rows) + link.reduce(hosts)
    return computed + exposed + rest, exposed


def leaf_rows_auto(batch):
    """math/leaf_plan.c"""
    return max(4, min((batch + 7) // 8, 16), min((batch + 15) // 16, 32))


def efficiency(cost, cut, link, net, hosts, weak):
    """Speed over that of one host, a host. Weak: the net's batch on every host."""
    batch = net.batch * (hosts if weak else 1)
    rows = leaf_rows_auto(batch)
    alone = cost.alone(net.batch)
    whole, _ = step(cost, cut, link, batch, rows, hosts)
    return alone / whole * (1 if weak else 1 / hosts)


def knee(cost, cut, link, net, weak, least=0.5, most=1024):
    """The most hosts, a power of two, at that efficiency."""
    found, hosts = 1, 2
    while hosts <= most:
        if efficiency(cost, cut, link, net, hosts, weak) >= least:
            found = hosts
        hosts *= 2
    return found


def batch_for(cost, cut, link, net, hosts, least=0.5, largest=1 << 22):
    """The smallest global batch, the net's times a power of two, that keeps `hosts` at that efficiency; None: not even the largest."""
    batch = net.batch
    while batch <= largest:
        whole, _ = step(cost, cut, link, batch, leaf_rows_auto(batch), hosts)
        if cost.alone(batch) / whole / hosts >= least:
            return batch
        batch *= 2
    return None
