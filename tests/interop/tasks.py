# SPDX-License-Identifier: MIT
"""Compile settings in our own notation, and targets for them."""
import numpy as np

TEXTS = [
    "rmsprop", "SGD(0.05)", "SGD(0.05, momentum=0.9, nesterov=True, clipnorm=1.0)", "Adam(0.002, amsgrad=True, clipvalue=0.5)",
    "AdamW(0.002, weight_decay=0.01)", "Adagrad(0.01, global_clipnorm=2.0)", "RMSprop(0.003, momentum=0.5, centered=True)",
    "Adam(CosineDecay(0.01, 100, alpha=0.1))", "SGD(ExponentialDecay(0.1, 10, 0.9, staircase=True), momentum=0.5)",
    "SGD(PiecewiseConstantDecay([10, 20], [0.1, 0.05, 0.01]))", "Adam(PolynomialDecay(0.01, 50))", "SGD(InverseTimeDecay(0.1, 5, 0.5))",
    "Adam(CosineDecay(0.001, 50, warmup_target=0.01, warmup_steps=5))", "SGD(CosineDecayRestarts(0.1, 12))",
    "SGD(LinearWarmup(0.1, 10))", "SGD(Constant(0.2))",
]
# (loss, last activation, metrics, target)
TASKS = [
    ("sparse_categorical_crossentropy", "softmax", ["accuracy", "sparse_top_k_categorical_accuracy"], "label"),
    ("SparseCategoricalCrossentropy(from_logits=True)", "linear", ["acc", "SparseTopKCategoricalAccuracy(k=2)"], "label"),
    ("CategoricalCrossentropy(label_smoothing=0.1)", "softmax", ["categorical_accuracy", "ce", "top_k_categorical_accuracy"], "hot"),
    ("binary_crossentropy", "sigmoid", ["binary_accuracy", "Precision(thresholds=0.4)", "recall", "bce"], "bits"),
    ("mse", "linear", ["mae", "mse", "rmse", "Accuracy"], "values"), ("Huber(delta=0.5)", "tanh", ["root_mean_squared_error"], "values"),
    ("mean_absolute_error", "linear", ["mean_squared_error"], "values"),
]


def targets(rng, kind, rows, n):
    label = rng.integers(0, n, rows).astype(np.int32)
    if kind == "label":
        return label
    if kind == "hot":
        return np.eye(n, dtype=np.float32)[label]
    return rng.standard_normal((rows, n)).astype(np.float32) if kind == "values" else rng.integers(0, 2, (rows, n)).astype(np.float32)
