# SPDX-License-Identifier: MIT
"""A B A B ...: workers take turns, so that what the machine does besides meets all of them alike."""
import statistics
import time

SETTLE_S = 0.005  # threads of the one before go to sleep


def turns(workers, count, seconds):
    """times[w][t]: microseconds a step of worker w in turn t. A short warm-up goes before each measurement."""
    times = [[] for _ in workers]
    for _ in range(count):
        for index, worker in enumerate(workers):
            time.sleep(SETTLE_S)
            worker.run(min(0.05, seconds / 4))
            times[index].append(worker.run(seconds))
    return times


def ratio(over, under):
    """Median and spread of the turns' ratios."""
    ratios = sorted(a / b for a, b in zip(over, under))
    return {"ratio": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]}


def fastest(candidates, seconds):
    """The name of the fastest of {name: worker}, and everyone's time."""
    times = {name: worker.run(seconds) for name, worker in candidates.items()}
    return min(times, key=times.get), times
