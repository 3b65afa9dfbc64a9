# SPDX-License-Identifier: MIT
"""Random small trainings: a data set, a net, and how to fit it. All drawn from one seed."""
import array
import random
import struct

ACTIVATIONS = ["relu", "sigmoid", "tanh", "gelu", "elu", "selu", "softplus", "silu", "leaky_relu", "linear"]
OPTIMIZERS = [
    "SGD(0.05)",
    "SGD(0.05, momentum=0.9)",
    "SGD(0.02, momentum=0.8, nesterov=True, weight_decay=0.01)",
    "SGD(CosineDecay(0.1, decay_steps=30))",
    "SGD(LinearWarmup(0.1, warmup_steps=12), momentum=0.5)",
    "Adagrad(0.05)",
    "RMSprop()",
    "RMSprop(0.002, momentum=0.5, centered=True)",
    "Adam(0.01)",
    "Adam(0.01, amsgrad=True)",
    "Adam(PolynomialDecay(0.02, decay_steps=20, power=2.0))",
    "Adam(PiecewiseConstantDecay(boundaries=[5, 9], values=[0.02, 0.01, 0.003]))",
    "AdamW(0.01, weight_decay=0.02)",
    "Adamax(0.01)",
    "Nadam(0.01)",
    "Adadelta(0.5)",
    "Ftrl(0.1, l1_regularization_strength=0.001)",
    "Lion(0.003)",
    "ScheduleFreeAdamW(0.01, warmup_steps=3)",
    "Muon(0.01)",
    "Lamb(0.01, weight_decay=0.01)",
    "Adafactor(0.05)",
    "Adam(0.01, gradient_accumulation_steps=3)",
    "SGD(0.05, momentum=0.5, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=5)",
    "Nadam(0.01, use_ema=True, gradient_accumulation_steps=2)",
]
SCHEDULES = ["Decay", "Warmup"]
CLIPS = ["", "", "clipnorm=0.5", "clipvalue=0.1", "global_clipnorm=0.5"]

# Task: last activation, loss. "labels" are integers, "onehot" rows of 0 and 1.
SPARSE, ONEHOT = "sparse_categorical_crossentropy", "categorical_crossentropy"
LOSSES = {
    "labels": [
        ("softmax", SPARSE),
        ("softmax", SPARSE),
        ("linear", "SparseCategoricalCrossentropy(from_logits=True)"),
        ("softmax", "CategoricalCrossentropy(label_smoothing=0.1)"),
        ("softmax", "SparseCategoricalCrossentropy(ignore_class=0)"),
        ("softmax", "CategoricalGeneralizedCrossEntropy(q=0.6)"),
        ("softmax", "categorical_focal_crossentropy"),
    ],
    "onehot": [
        ("softmax", ONEHOT),
        ("softmax", "CategoricalCrossentropy(label_smoothing=0.2)"),
        ("linear", "CategoricalCrossentropy(from_logits=True)"),
        ("sparsemax", "CategoricalCrossentropy(reduction='mean_with_sample_weight')"),
        ("linear", "categorical_hinge"),
        ("softmax", "kl_divergence"),
        ("softmax", "Dice()"),
    ],
    "binary": [
        ("sigmoid", "binary_crossentropy"),
        ("sigmoid", "BinaryCrossentropy(label_smoothing=0.1)"),
        ("linear", "BinaryCrossentropy(from_logits=True)"),
        ("sigmoid", "BinaryFocalCrossentropy(apply_class_balancing=True)"),
        ("tanh", "squared_hinge"),
        ("sigmoid", "Tversky(alpha=0.3, beta=0.7)"),
    ],
    "values": [("linear", "mse"), ("tanh", "mae"), ("linear", "Huber(0.5)"), ("linear", "log_cosh"), ("linear", "cosine_similarity"),
               ("linear", "mape"), ("softplus", "msle"), ("linear", "MeanSquaredError(reduction='mean_with_sample_weight')"),
               ("linear", "MeanSquaredError(reduction='sum')")],
}
METRICS = {
    "labels": ["accuracy", "SparseTopKCategoricalAccuracy(k=2)", "sparse_categorical_crossentropy", "MeanIoU(2, sparse_y_pred=False)"],
    "onehot": ["accuracy", "TopKCategoricalAccuracy(k=2)", "categorical_accuracy", "F1Score(average='macro')", "F1Score()", "AUC(multi_label=True)"],
    "binary": ["accuracy", "Precision()", "Recall(thresholds=0.4)", "AUC(curve='PR')", "SensitivityAtSpecificity(0.5)", "FalsePositives()", "Recall(thresholds=[0.3, 0.6])"],
    "values": ["mae", "mse", "RootMeanSquaredError()", "R2Score()", "CosineSimilarity()", "mape", "PearsonCorrelation()"],
}
SMALL_LAYERS = ["ReLU: {negative_slope: 0.1, max_value: 3.0}", "LeakyReLU: {}", "ELU: {alpha: 0.7}", 'PReLU: {alpha_initializer: "RandomUniform(0.0, 0.3)"}',
                "GaussianNoise: {stddev: 0.1}", "UnitNormalization: {}", "RMSNormalization: {}", "ActivityRegularization: {l2: 0.001}", "Identity: {}",
                'PReLU: {shared_axes: [1], activity_regularizer: "L2(0.01)"}', "GroupNormalization: {groups: -1}", "Identity: {activity_regularizer: l1}"]
CALLBACKS = [
    "EarlyStopping: {monitor: loss, patience: 1, restore_best_weights: true, min_delta: 0.05}",
    "EarlyStopping: {monitor: loss, patience: 0, baseline: 0.3, start_from_epoch: 1}",
    "CSVLogger: {filename: log.csv}",
    "CSVLogger: {filename: log.tsv, separator: ';'}",
    "ModelCheckpoint: {filepath: best.h5, monitor: loss, save_best_only: true}",
    'ModelCheckpoint: {filepath: "e{epoch:02d}-{loss:.3f}.h5"}',
    "TerminateOnNaN: {}",
]
RATE_CALLBACKS = [
    "ReduceLROnPlateau: {monitor: loss, patience: 1, factor: 0.5, min_delta: 0.05}",
    "ReduceLROnPlateau: {monitor: loss, patience: 0, factor: 0.3, min_delta: 0.2, cooldown: 1, min_lr: 0.001}",
    'LearningRateScheduler: {schedule: "ExponentialDecay(0.05, decay_steps=1, decay_rate=0.7)"}',
]
WIDE = 2400  # features of the few sets of more than 1 MiB, which a small memory limit makes streamed


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
    """One training: its data set's arrays and its config."""

    def __init__(self, seed):
        rng = random.Random(seed)
        self.task = rng.choice(["labels", "labels", "onehot", "binary", "values"])
        self.batch = rng.choice([8, 13, 16, 24, 32, 33, 50, 64])
        self.rows = rng.randint(60, 180)
        if rng.random() < 0.3:  # a last batch of fewer samples than there are ranks
            self.rows = max(2, 120 // self.batch) * self.batch + rng.randint(1, 3)
        self.shape = rng.choice([[rng.randint(2, 24)], [rng.randint(2, 4), rng.randint(2, 5)]])
        self.pixels = rng.random() < 0.3
        self.wide = rng.random() < 0.08
        if self.wide:
            self.pixels, self.shape, self.rows = False, [WIDE], 120 + self.rows % 40
        self.outputs = {"binary": 1, "values": rng.randint(1, 3)}.get(self.task, rng.randint(2, 6))
        self.last, self.loss = rng.choice(LOSSES[self.task])
        self.weighted = rng.random() < 0.25
        self.optimizer = self._optimizer(rng)
        self.leaf_rows = rng.choice([0, 0, 0, 1, 2, 3, 5, 7, 12])
        self.epochs = rng.choice([2, 3])
        self.layers = self._layers(rng)
        self.validation = rng.random()
        self.fit = self._fit(rng)
        self.callbacks = self._callbacks(rng)
        self.metrics = rng.sample(METRICS[self.task], rng.choice([1, 1, 2]))
        self.weighted_metrics = rng.sample(METRICS[self.task], rng.choice([0, 0, 1]))
        self.data_seed = rng.random()

    def _optimizer(self, rng):
        text, clip = rng.choice(OPTIMIZERS), rng.choice(CLIPS)
        if not clip:
            return text
        return text[:-1] + ("" if text.endswith("()") else ", ") + clip + ")"

    def _block(self, rng):
        extra = ""
        if rng.random() < 0.3:
            extra += ", kernel_regularizer: %s" % rng.choice(["l2", '"L1(0.001)"', "l1_l2", "OrthogonalRegularizer"])
        if rng.random() < 0.1:
            extra += ', bias_regularizer: "L2(0.01)"'
        if rng.random() < 0.15:
            extra += ', activity_regularizer: "%s"' % rng.choice(["L2(0.001)", "L1(0.001)"])
        if rng.random() < 0.2:
            extra += ", kernel_initializer: %s" % rng.choice(["he_normal", "lecun_uniform", "glorot_normal"])
        if rng.random() < 0.15:
            extra += ', kernel_constraint: "%s"' % rng.choice(["MaxNorm(1.0)", "unit_norm", "MinMaxNorm(0.1, 0.8, rate=0.5, axis=1)", "non_neg"])
        if rng.random() < 0.1:
            extra += ", use_bias: false"
        if rng.random() < 0.07:
            extra += ", trainable: false"
        block = ["Dense: {units: %d, activation: %s%s}" % (rng.randint(2, 40), rng.choice(ACTIVATIONS), extra)]
        if rng.random() < 0.35:
            block.append("BatchNormalization: {momentum: 0.9}")
        if rng.random() < 0.2:
            block.append("LayerNormalization: {}")
        if rng.random() < 0.35:
            block.append("%s: {rate: %.1f}" % (rng.choice(["Dropout", "Dropout", "GaussianDropout", "AlphaDropout"]), rng.uniform(0.1, 0.6)))
        if rng.random() < 0.3:
            block.append(rng.choice(SMALL_LAYERS))
        return block

    def _layers(self, rng):
        layers = ["Input: {shape: %s}" % self.shape]
        if self.pixels:
            layers.append("Rescaling: {scale: 0.0039, offset: -0.5}")
        elif rng.random() < 0.25:
            layers.append("Normalization: {}")
        if len(self.shape) > 1:
            if rng.random() < 0.4:
                layers += self._block(rng)  # along the last axis
            layers.append("Flatten: {}")
        for _ in range(rng.randint(0, 3)):
            layers += self._block(rng)
        return layers + ["Dense: {units: %d, activation: %s}" % (self.outputs, self.last)]

    def _fit(self, rng):
        fit = {"epochs": self.epochs, "batch_size": self.batch, "seed": rng.randrange(10**6), "verbose": 0}
        if rng.random() < 0.2:
            fit["shuffle"] = "false"
        if 0.3 < self.validation < 0.6:
            fit["validation_split"] = rng.choice([0.1, 0.2, 0.35])
        if self.validation > 0.3 and rng.random() < 0.4:
            fit["validation_batch_size"] = rng.choice([1, 7, 64, 1000])
        if self.validation > 0.3 and rng.random() < 0.2:
            fit["validation_steps"] = rng.choice([1, 2, 40])
        if self.validation > 0.3 and rng.random() < 0.2:
            fit["validation_freq"] = 2
        if self.task in ("labels", "onehot", "binary") and rng.random() < 0.2:
            fit["class_weight"] = "{0: 2.0, 1: 0.5}"
        if rng.random() < 0.2:
            fit["steps_per_epoch"] = rng.choice([3, 5, 9, 17])
        if rng.random() < 0.1:
            fit["base_batch_size"] = 32
        if rng.random() < 0.1:
            fit["initial_epoch"] = 1
        return fit

    def _callbacks(self, rng):
        if rng.random() > 0.4:
            return []
        follows_schedule = any(s in self.optimizer for s in SCHEDULES)
        chosen = rng.sample(CALLBACKS, rng.choice([1, 1, 2]))
        if not follows_schedule and rng.random() < 0.5:
            chosen.append(rng.choice(RATE_CALLBACKS))
        return chosen

    def _row(self, rng, size):
        if self.pixels:
            return [rng.randrange(256) for _ in range(size)]
        if self.wide:
            return [rng.random() - 0.4 for _ in range(size)]
        return [rng.gauss(0.3, 1.5) for _ in range(size)]

    def write_arrays(self, folder):
        """x.npy and y.npy: learnable, so that the numbers stay in a healthy range. Returns the weights, if any."""
        rng = random.Random(self.data_seed)
        size = 1
        for n in self.shape:
            size *= n
        directions = [[rng.gauss(0, 1) for _ in range(size)] for _ in range(max(2, self.outputs))]
        x, y = [], []
        for _ in range(self.rows):
            row = self._row(rng, size)
            scores = [sum(a * b for a, b in zip(row, d)) / size for d in directions]
            best = max(range(self.outputs), key=lambda k: scores[k])
            x += row
            if self.task == "labels":
                y.append(best)
            elif self.task == "onehot":
                y += [float(k == best) for k in range(self.outputs)]
            elif self.task == "binary":
                y.append(int(scores[0] > scores[1]))
            else:
                y += [max(-3.0, min(3.0, s)) for s in scores[: self.outputs]]
        npy(folder + "/x.npy", "B" if self.pixels else "f", [self.rows] + self.shape, x)
        if self.task in ("values", "onehot"):
            npy(folder + "/y.npy", "f", [self.rows, self.outputs], y)
        else:
            npy(folder + "/y.npy", "q", [self.rows], y)
        return [rng.choice([0.0, 0.5, 1.0, 1.7]) for _ in range(self.rows)] if self.weighted else []

    def config(self, data):
        """The YAML text; the data set also serves as validation set."""
        validation = ", validation: " + data if self.validation >= 0.6 else ""
        lines = ["# SPDX-License-Identifier: MIT", "data: {train: %s%s}" % (data, validation)]
        lines += ["model:", "  layers:"] + ["    - " + layer for layer in self.layers]
        lines += ["compile:", '  optimizer: "%s"' % self.optimizer, '  loss: "%s"' % self.loss]
        for key, metrics in ("metrics", self.metrics), ("weighted_metrics", self.weighted_metrics):
            lines.append("  %s: [%s]" % (key, ", ".join('"%s"' % m for m in metrics)))
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
        return per_epoch * (self.epochs - self.fit.get("initial_epoch", 0))
