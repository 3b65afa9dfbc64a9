# SPDX-License-Identifier: MIT
"""PyTorch's DistributedDataParallel over gloo; the batch is the global one. Every rank gets every request."""
import os
import time

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from protocol import THREADS, serve
from torch_net import build, make_step

STATE = {}


def open_net(request):
    rows = request["batch"] // dist.get_world_size()
    model, x, y = build(request, rows)
    STATE["step"] = make_step(request, DistributedDataParallel(model), x, y, rows, request["variant"])
    for i in range(3):
        STATE["step"](i)
    dist.barrier()


def run(steps):
    step = STATE["step"]
    dist.barrier()
    start = time.perf_counter()
    for i in range(steps):
        step(i)
    return time.perf_counter() - start


if __name__ == "__main__":
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    cores = sorted(os.sched_getaffinity(0))
    if ranks * THREADS <= len(cores):  # bound, as mpirun binds ours
        os.sched_setaffinity(0, cores[rank * THREADS:(rank + 1) * THREADS])
    torch.set_num_threads(THREADS)
    dist.init_process_group("gloo", init_method="file://" + os.environ["BENCH_STORE"], rank=rank, world_size=ranks)
    serve({"torch": torch.__version__}, open_net, run)
