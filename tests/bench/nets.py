# SPDX-License-Identifier: MIT
"""The nets that are measured (nets.json), what they cost, and how Lockstep is told of them."""
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))

OPTIMIZERS = {
    "sgd": ("{name: SGD, learning_rate: 0.01}", 0),
    "sgd_momentum": ("{name: SGD, learning_rate: 0.01, momentum: 0.9}", 1),
    "adam": ("{name: Adam, learning_rate: 0.001}", 2),
}


class Net:
    def __init__(self, name, spec):
        self.name = name
        self.sizes = spec["sizes"]
        self.hidden = spec["hidden"]
        self.batch = spec["batch"]
        self.optimizer = spec["optimizer"]
        self.pairs = list(zip(self.sizes, self.sizes[1:]))

    def parameters(self):
        return sum(k * n + n for k, n in self.pairs)

    def slots(self):
        return OPTIMIZERS[self.optimizer][1]

    def flops(self):
        """Of one step's products: forward, weight gradient, input gradient of all layers but the first."""
        macs = 3 * sum(k * n for k, n in self.pairs) - self.pairs[0][0] * self.pairs[0][1]
        return 2 * self.batch * macs

    def products(self):
        """The step's matrix products in its order: (kind, rows, n, k) of a layer of k inputs and n units."""
        forward = [("forward", self.batch, n, k) for k, n in self.pairs]
        backward = []
        for i, (k, n) in reversed(list(enumerate(self.pairs))):
            backward.append(("weight", self.batch, n, k))
            if i > 0:
                backward.append(("input", self.batch, n, k))
        return forward + backward

    def memory_bytes(self, input_bytes):
        """What a step cannot do without: parameters, gradients and slots, activations, the batch."""
        activations = self.batch * sum(self.sizes[1:]) * 4
        return self.parameters() * (2 + self.slots()) * 4 + activations + self.batch * self.sizes[0] * input_bytes

    def group_steps(self):
        """Steps between two looks at the clock: about 10 ms of work, at least 4."""
        return max(4, min(64, int(4e9 / self.flops())))

    def epoch_steps(self):
        """Steps of an epoch when whole epochs are compared: 0.3 s or more for the fastest of the peers."""
        return max(8, min(1000, int(3e10 / self.flops())))

    def config(self):
        """A config without data: the program that measures brings its own."""
        layers = [f"    - Input: {{shape: [{self.sizes[0]}]}}"]
        for n in self.sizes[1:-1]:
            layers.append(f"    - Dense: {{units: {n}, activation: {self.hidden}}}")
        layers.append(f"    - Dense: {{units: {self.sizes[-1]}, activation: softmax}}")
        return "\n".join(
            ["model:", "  layers:", *layers, "compile:", f"  optimizer: {OPTIMIZERS[self.optimizer][0]}",
             "  loss: sparse_categorical_crossentropy", "  metrics: [accuracy]", "fit:",
             f"  batch_size: {self.batch}", "  verbose: 0", ""])


def load(names=None):
    with open(os.path.join(HERE, "nets.json"), encoding="utf-8") as file:
        specs = json.load(file)
    unknown = [name for name in names or [] if name not in specs]
    if unknown:
        raise SystemExit(f"bench: unknown net '{unknown[0]}'; known: {', '.join(specs)}")
    return [Net(name, specs[name]) for name in (names or specs)]
