# SPDX-License-Identifier: MIT
"""PyTorch on one process."""
import time

import torch

from protocol import THREADS, serve
from torch_net import build, make_step

STATE = {}


def open_net(request):
    torch._dynamo.reset()
    model, x, y = build(request, request["batch"])
    STATE["step"] = make_step(request, model, x, y, request["batch"], request["variant"])
    for i in range(3):
        STATE["step"](i)


def run(steps):
    step, start = STATE["step"], time.perf_counter()
    for i in range(steps):
        step(i)
    return time.perf_counter() - start


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    serve({"torch": torch.__version__}, open_net, run)
