# SPDX-License-Identifier: MIT
"""Random small trainings: a data set, a net, and how to fit it. All drawn from one seed."""
import array
import random
import struct

ACTIVATIONS = ["relu", "sigmoid", "tanh", "gelu", "elu", "selu", "softplus", "silu", "leaky_relu", "linear"]
OPTIMIZERS = [
    "SGD(0.05)",
    "SGD(0.05, momentum=0.9)",
    "SGD(0.02, momentum=0.8, nesterov=True)",
    "SGD(CosineDecay(0.1, decay_steps=30))",
    "Adagrad(0.05)",
    "RMSprop()",
    "RMSprop(0.002, momentum=0.5, centered=True)",
    "Adam(0.01)",
    "Adam(0.01, amsgrad=True)",
    "AdamW(0.01, weight_decay=0.02)",
]
CLIPS = ["", "", "clipnorm=0.5", "clipvalue=0.1", "global_clipnorm=0.5"]
CALLBACKS = [
    "ReduceLROnPlateau: {monitor: loss, patience: 1, factor: 0.5, min_delta: 0.05}",
    "EarlyStopping: {monitor: loss, patience: 1, restore_best_weights: true, min_delta: 0.05}",
    'LearningRateScheduler: {schedule: "ExponentialDecay(0.05, decay_steps=1, decay_rate=0.7)"}',
]


def npy(path, kind, shape, values):
    """Write a NumPy file; kind 'f' float32, 'B' uint8, 'q' int64."""
    descr = {"f": "<f4", "B": "|u1", "q": "<i8"}[kind]
    dims = "(%s,)" % ", ".join(map(str, shape))
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, dims)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        array.array(kind, values).tofile(out)


class Case:
    """One training. `files` are the arrays of its data set, `config` the YAML text."""

    def __init__(self, seed):
        rng = random.Random(seed)
        self.task = rng.choice(["labels", "labels", "binary", "values"])
        self.rows = rng.randint(60, 180)
        self.shape = rng.choice([[rng.randint(2, 24)], [rng.randint(2, 4), rng.randint(2, 5)]])
        self.outputs = {"labels": rng.randint(2, 6), "binary": 1, "values": rng.randint(1, 3)}[self.task]
        self.pixels = rng.random() < 0.3
        self.optimizer = self._optimizer(rng)
        self.batch = rng.choice([8, 13, 16, 24, 32, 33, 50, 64])
        self.leaf_rows = rng.choice([0, 0, 1, 2, 3, 5])
        self.epochs = rng.choice([2, 3])
        self.layers = self._layers(rng)
        self.fit = self._fit(rng)
        self.callbacks = self._callbacks(rng)
        self.data_seed = rng.random()

    def _optimizer(self, rng):
        text, clip = rng.choice(OPTIMIZERS), rng.choice(CLIPS)
        if not clip:
            return text
        return text[:-1] + ("" if text.endswith("()") else ", ") + clip + ")"

    def _block(self, rng):
        extra = ""
        if rng.random() < 0.3:
            extra += ", kernel_regularizer: %s" % rng.choice(["l2", '"L1(0.001)"', "l1_l2"])
        if rng.random() < 0.1:
            extra += ', activity_regularizer: "L2(0.001)"'
        if rng.random() < 0.2:
            extra += ", kernel_initializer: %s" % rng.choice(["he_normal", "lecun_uniform", "glorot_normal"])
        if rng.random() < 0.1:
            extra += ", use_bias: false"
        block = ["Dense: {units: %d, activation: %s%s}" % (rng.randint(1, 40), rng.choice(ACTIVATIONS), extra)]
        if rng.random() < 0.35:
            block.append("BatchNormalization: {momentum: 0.9}")
        if rng.random() < 0.2:
            block.append("LayerNormalization: {}")
        if rng.random() < 0.35:
            block.append("Dropout: {rate: %.1f}" % rng.uniform(0.1, 0.6))
        return block

    def _layers(self, rng):
        layers = ["Input: {shape: %s}" % self.shape]
        if len(self.shape) > 1:
            layers.append("Flatten: {}")
        if self.pixels:
            layers.append("Rescaling: {scale: 0.0039, offset: -0.5}")
        elif rng.random() < 0.25:
            layers.append("Normalization: {}")
        for _ in range(rng.randint(0, 3)):
            layers += self._block(rng)
        last = {"labels": "softmax", "binary": "sigmoid", "values": "linear"}[self.task]
        return layers + ["Dense: {units: %d, activation: %s}" % (self.outputs, last)]

    def _fit(self, rng):
        fit = {"epochs": self.epochs, "batch_size": self.batch, "seed": rng.randrange(10**6), "verbose": 0}
        if rng.random() < 0.2:
            fit["shuffle"] = "false"
        if rng.random() < 0.4:
            fit["validation_split"] = 0.2
        if self.task == "labels" and rng.random() < 0.2:
            fit["class_weight"] = "{0: 2.0, 1: 0.5}"
        if rng.random() < 0.1:
            fit["steps_per_epoch"] = 5
        return fit

    def _callbacks(self, rng):
        if rng.random() > 0.3:
            return []
        allowed = CALLBACKS[:2] if "CosineDecay" not in self.optimizer else CALLBACKS[1:2]
        return [rng.choice(allowed + (CALLBACKS[2:] if "CosineDecay" not in self.optimizer else []))]

    def write_arrays(self, folder):
        """x.npy and y.npy: learnable, so that the numbers stay in a healthy range."""
        rng = random.Random(self.data_seed)
        size = 1
        for n in self.shape:
            size *= n
        directions = [[rng.gauss(0, 1) for _ in range(size)] for _ in range(max(2, self.outputs))]
        x, y = [], []
        for _ in range(self.rows):
            row = [rng.randrange(256) if self.pixels else rng.gauss(0.3, 1.5) for _ in range(size)]
            scores = [sum(a * b for a, b in zip(row, d)) / size for d in directions]
            x += row
            if self.task == "labels":
                y.append(max(range(self.outputs), key=lambda k: scores[k]))
            elif self.task == "binary":
                y.append(int(scores[0] > scores[1]))
            else:
                y += [max(-3.0, min(3.0, s)) for s in scores[: self.outputs]]
        npy(folder + "/x.npy", "B" if self.pixels else "f", [self.rows] + self.shape, x)
        if self.task == "values":
            npy(folder + "/y.npy", "f", [self.rows, self.outputs], y)
        else:
            npy(folder + "/y.npy", "q", [self.rows], y)

    def config(self, data):
        loss = {
            "labels": "sparse_categorical_crossentropy",
            "binary": "binary_crossentropy",
            "values": "mse",
        }[self.task]
        metric = "mae" if self.task == "values" else "accuracy"
        lines = ["# SPDX-License-Identifier: MIT", "data: {train: %s}" % data, "model:", "  layers:"]
        lines += ["    - " + layer for layer in self.layers]
        lines += ["compile:", '  optimizer: "%s"' % self.optimizer, "  loss: " + loss, "  metrics: [%s]" % metric]
        lines += ["fit:"] + ["  %s: %s" % item for item in self.fit.items()]
        if self.callbacks:
            lines += ["callbacks:"] + ["  - " + c for c in self.callbacks]
        lines += ["parallel: {leaf_rows: %d}" % self.leaf_rows]
        return "\n".join(lines) + "\n"

    def steps(self):
        """Optimizer steps of the whole training, when nothing stops it early."""
        rows = self.rows
        if "validation_split" in self.fit:
            rows = int(self.rows * (1.0 - self.fit["validation_split"]))
        per_epoch = self.fit.get("steps_per_epoch", -(-rows // self.batch))
        return per_epoch * self.epochs
