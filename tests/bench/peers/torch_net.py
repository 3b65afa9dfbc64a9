# SPDX-License-Identifier: MIT
"""The net, data and step in PyTorch; shared by the single process and DistributedDataParallel."""
import torch

BATCHES = 64  # as many as ours has in memory


def build(request, rows):
    sizes, layers = request["sizes"], []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers.append(torch.nn.Linear(a, b))
        if i < len(sizes) - 2:
            layers.append(torch.nn.Sigmoid() if request["hidden"] == "sigmoid" else torch.nn.ReLU())
    batches = BATCHES if sizes[0] * rows * BATCHES < 2**24 else 8
    x = torch.rand(rows * batches, sizes[0])
    y = torch.randint(0, sizes[-1], (rows * batches,))
    return torch.nn.Sequential(*layers), x, y


def optimizer(request, parameters, fused):
    kind = request["optimizer"]
    if kind == "adam":
        return torch.optim.Adam(parameters, lr=1e-3, fused=fused or None)
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9 if kind == "sgd_momentum" else 0.0, fused=fused or None)


def make_step(request, model, x, y, rows, variant):
    """variant: eager, fused (the optimizer's one-pass kernels), or compiled (inductor, and the fused optimizer)."""
    update = optimizer(request, model.parameters(), variant in ("fused", "compiled"))
    loss_of = torch.nn.CrossEntropyLoss()

    def loss(batch, labels):
        return loss_of(model(batch), labels)

    if variant == "compiled":
        loss = torch.compile(loss)
    batches = x.shape[0] // rows

    def step(i):
        j = (i % batches) * rows
        update.zero_grad(set_to_none=True)
        loss(x[j:j + rows], y[j:j + rows]).backward()
        update.step()

    return step
