# SPDX-License-Identifier: MIT
"""What the comparisons with files of Keras 3 share."""
import os
import sys
import tempfile
import warnings

import absl.logging
import keras
import numpy as np

from nets import FREEZES
from oracle import Oracle, Report

schedules = keras.optimizers.schedules

OPTIMIZERS = [
    lambda: keras.optimizers.SGD(0.05), lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=1.0),
    lambda: keras.optimizers.Adam(0.002, amsgrad=True, clipvalue=0.5), lambda: keras.optimizers.AdamW(0.002, weight_decay=0.01),
    lambda: keras.optimizers.Adagrad(0.05, global_clipnorm=2.0), lambda: keras.optimizers.RMSprop(0.003),
    lambda: keras.optimizers.RMSprop(0.003, momentum=0.5, centered=True, weight_decay=0.01),
    lambda: keras.optimizers.Adam(schedules.CosineDecay(0.01, 100, alpha=0.1)),
    lambda: keras.optimizers.SGD(schedules.ExponentialDecay(0.1, 10, 0.9, staircase=True), momentum=0.5),
    lambda: keras.optimizers.SGD(schedules.PiecewiseConstantDecay([10, 20], [0.1, 0.05, 0.01])),
    lambda: keras.optimizers.Adam(schedules.PolynomialDecay(0.01, 50)), lambda: keras.optimizers.SGD(schedules.InverseTimeDecay(0.1, 5, 0.5)),
    lambda: keras.optimizers.Adam(0.01, name="mine", beta_1=0.8, epsilon=1e-5),
    lambda: keras.optimizers.Adamax(0.01, weight_decay=0.01), lambda: keras.optimizers.Nadam(0.005), lambda: keras.optimizers.Adadelta(1.0, rho=0.9),
    lambda: keras.optimizers.Ftrl(0.1, l2_regularization_strength=0.01, beta=0.1), lambda: keras.optimizers.Lion(0.002, clipnorm=1.0),
    lambda: keras.optimizers.Lamb(0.01), lambda: keras.optimizers.Adafactor(0.05),
    lambda: keras.optimizers.Nadam(0.005, use_ema=True, ema_momentum=0.9, gradient_accumulation_steps=2),
    lambda: keras.optimizers.Muon(0.005, rms_rate=None, clipnorm=1.0), lambda: keras.optimizers.ScheduleFreeAdamW(0.01, warmup_steps=4, weight_decay=0.01),
    lambda: keras.optimizers.Adafactor(schedules.CosineDecay(0.1, 100), use_ema=True, ema_overwrite_frequency=7),
]


def usable(make):
    """Older versions have fewer optimizers; 3.0 on JAX trains neither with centered nor with Adafactor, and up to 3.3 one that accumulates
    counts every step."""
    try:
        optimizer = make()
        trains = FREEZES or not (getattr(optimizer, "centered", False) or optimizer.name == "adafactor")
        counts = getattr(optimizer, "gradient_accumulation_steps", None) and keras.__version__.startswith(("3.0.", "3.1.", "3.2.", "3.3."))
        return trains and not counts
    except (AttributeError, TypeError, ValueError):
        return False


OPTIMIZERS = [make for make in OPTIMIZERS if usable(make)]
NADAM_MOVED = (3, 10) > tuple(map(int, keras.__version__.split(".")[:2]))  # its scalar stood first; ours is written for those after


def begin():
    """Random numbers, the oracle, the report, and path(name) in a folder of this process."""
    absl.logging.set_verbosity(absl.logging.ERROR)
    # Keras only warns when it drops an optimizer's state; here that is an error.
    warnings.filterwarnings("error", message=".*(optimizer|Skipping).*")
    keras.utils.set_random_seed(5)
    folder = tempfile.TemporaryDirectory()
    return np.random.default_rng(5), Oracle(sys.argv[1]), Report(), lambda name: os.path.join(folder.name, name)


def values(variables):
    return [np.asarray(v.value, np.float64) for v in variables]


def same(ours, theirs):
    return len(ours) == len(theirs) and all(a.shape == b.shape and np.array_equal(a, b) for a, b in zip(ours, theirs))


def weights_of(reply, model):
    return [reply[f"w{i}"].astype(np.float64) for i in range(len(model.weights))]


def plain(config):
    """What get_config() says, without the identities Keras gives objects."""
    if isinstance(config, dict):
        return {k: plain(v) for k, v in config.items() if k not in ("shared_object_id", "build_config")}
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


def small_model(functional=False):
    inputs = keras.Input((4,))
    penalty = "l2" if FREEZES else None  # which 3.0 counts twice on JAX
    layers = [keras.layers.Dense(6, "tanh", kernel_regularizer=penalty), keras.layers.BatchNormalization(momentum=0.9),
              keras.layers.Dense(5, "softplus", trainable=not FREEZES), keras.layers.Dense(5, use_bias=False), keras.layers.LayerNormalization(),
              keras.layers.Dense(3, "softmax")]
    if not functional:
        return keras.Sequential([inputs, *layers])
    x = inputs
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)
