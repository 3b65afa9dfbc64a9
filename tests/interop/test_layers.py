# SPDX-License-Identifier: MIT
"""Random nets of every layer: output, gradients, penalties and moving statistics of one pass, training and not, against Keras."""
import json
import os
import sys

import jax
import jax.numpy as jnp
import keras
import numpy as np

from nets import random_model
from oracle import Oracle, Report

keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)
oracle, report = Oracle(sys.argv[1]), Report()


def architecture(model):
    """As Keras writes it; ours reads it."""
    return json.dumps({"class_name": "Sequential", "config": model.get_config()})


def scatter(model):
    """Weights away from their special initial values."""
    for v in model.variables:
        if "seed" in v.path or v.dtype == "uint32":
            continue
        x = rng.standard_normal(v.shape).astype(np.float32) * 0.5
        v.assign(np.abs(x) + 0.3 if "variance" in v.path else x if v.dtype == "float32" else 100)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def weights_of(layer):
    return [v for v in layer.variables if v.dtype != "uint32"]


def our_weights(model):
    values = [v for layer in model.layers for v in weights_of(layer)]
    return values, {f"w{i}": np.asarray(v.value, np.float32) for i, v in enumerate(values)}


def keras_passes(model, x, dy):
    """Output of inference; output and dL/dw for L = sum(y dy) + penalties, and the variables after the pass. In one compilation."""
    trainable = [v.value for v in model.trainable_variables]
    frozen = [v.value for v in model.non_trainable_variables]

    def objective(values, frozen, x, dy):
        y, after, losses = model.stateless_call(values, frozen, x, training=True, return_losses=True)
        penalty = sum(losses) if losses else jnp.float32(0)
        return jnp.sum(y * dy) + penalty, (y, after, penalty)

    @jax.jit
    def both(values, frozen, x, dy):
        still, _ = model.stateless_call(values, frozen, x, training=False)
        return still, jax.value_and_grad(objective, has_aux=True)(values, frozen, x, dy)

    still, ((_, (y, after, penalty)), grads) = both(trainable, frozen, x, dy)
    result = dict(zip((id(v) for v in model.trainable_variables), grads))
    result.update(zip((id(v) for v in model.non_trainable_variables), after))
    return np.asarray(still), np.asarray(y), result, float(penalty)


def compare(model, case):
    rows = int(rng.choice([5, 17]))
    x = rng.standard_normal((rows, *model.input_shape[1:])).astype(np.float32)
    scatter(model)
    values, arrays = our_weights(model)
    dy = rng.standard_normal((rows, *model.output_shape[1:])).astype(np.float32)
    still, y, theirs, penalty = keras_passes(model, x, dy)
    _, out = oracle("net", {"x": x, **arrays}, model=architecture(model))
    report.close("inference", out["y"], still.reshape(rows, -1), 1e-5, floor=1e-6, case=case)

    reply, out = oracle("net", {"x": x, "dy": dy.reshape(rows, -1), **arrays}, model=architecture(model), training=True)
    report.close("training: output", out["y"], y.reshape(rows, -1), 2e-5, floor=1e-6, case=case)
    report.close("training: penalties", reply["penalty"], penalty, 1e-5, floor=1e-3, case=case)
    largest = max((float(np.abs(theirs[id(v)]).max()) for v in model.trainable_variables), default=0)
    for i, v in enumerate(values):
        trained = any(v is t for t in model.trainable_variables)
        kind = "training: gradients" if trained else "training: statistics"
        # A gradient that cancels to nothing (a bias before a normalisation) is rounding of the others' size.
        report.close(kind, out[f"g{i}"], theirs[id(v)], 1e-4, floor=0.02 * largest if trained else 1e-6, case=f"{case} {v.path}")


for number in range(int(os.environ.get("LS_INTEROP_MODELS", "30"))):
    net = random_model(rng, dropout=False)
    compare(net, f"net {number}: {[(l.__class__.__name__, l.output.shape) for l in net.layers]}")
report.finish()
