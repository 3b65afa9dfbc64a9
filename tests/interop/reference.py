# SPDX-License-Identifier: MIT
"""What a net predicts in double precision, to judge float32 by: layers and activations once more, in plain NumPy."""
import math

import numpy as np

erf = np.vectorize(math.erf)


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def sparsemax(x):
    """As Keras computes it: its threshold adds up the running sums of all the support, where the paper takes the last."""
    falling = -np.sort(-x, -1)
    sums, k = falling.cumsum(-1), np.arange(1, x.shape[-1] + 1)
    support = 1 + k * falling > sums
    return np.maximum(x - (np.where(support, sums, 0).sum(-1, keepdims=True) - 1) / support.sum(-1, keepdims=True), 0)


def softplus(x):
    return np.logaddexp(x, 0)


ACTIVATIONS = {
    "linear": lambda x: x, "sigmoid": sigmoid, "relu": lambda x: np.maximum(x, 0), "softmax": lambda x: np.exp(log_softmax(x)), "tanh": np.tanh,
    "relu6": lambda x: np.clip(x, 0, 6), "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x), "elu": elu, "celu": elu,
    "selu": lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772), "softplus": softplus, "softsign": lambda x: x / (1 + np.abs(x)),
    "silu": lambda x: x * sigmoid(x), "gelu": lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))), "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1), "hard_tanh": lambda x: np.clip(x, -1, 1), "exponential": np.exp,
    "mish": lambda x: x * np.tanh(softplus(x)), "log_softmax": log_softmax, "sparsemax": sparsemax}


def relu(x, config):
    most, slope, threshold = config.get("max_value"), config["negative_slope"], config.get("threshold", 0)
    return np.minimum(np.where(x > threshold, x, 0), np.inf if most is None else most) + slope * np.minimum(x - threshold, 0)


def scaled(x, config, weights):
    if config.get("scale", True):
        x = x * weights.pop(0)
    return x + weights.pop(0) if config.get("center", True) else x


def normalized(x, axes, epsilon):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


def batch_normalization(x, config, weights):
    mean, variance = weights[-2:]
    return scaled((x - mean) / np.sqrt(variance + config["epsilon"]), config, weights)


def group_normalization(x, config, weights):
    groups = x.reshape(len(x), -1, config["groups"], x.shape[-1] // config["groups"])
    return scaled(normalized(groups, (1, 3), config["epsilon"]).reshape(x.shape), config, weights)


def normalization(x, config, weights):
    mean, variance = weights[:2] if weights else (np.asarray(config[k], np.float64) for k in ("mean", "variance"))
    spread = np.maximum(np.sqrt(variance), 1e-7)
    return x * spread + mean if config["invert"] else (x - mean) / spread


def dense(x, config, weights):
    x = x @ weights[0]
    return ACTIVATIONS[config["activation"]](x + weights[1] if config["use_bias"] else x)


def unit(x, epsilon, mean):
    squares = (x * x).mean(-1, keepdims=True) + epsilon if mean else np.maximum((x * x).sum(-1, keepdims=True), epsilon)
    return x / np.sqrt(squares)


LAYERS = {
    "Dense": dense, "BatchNormalization": batch_normalization, "GroupNormalization": group_normalization, "Normalization": normalization,
    "LayerNormalization": lambda x, c, w: scaled(normalized(x, -1, c["epsilon"]), c, w), "RMSNormalization": lambda x, c, w: unit(x, c["epsilon"], True) * w[0],
    "UnitNormalization": lambda x, c, w: unit(x, 1e-24, False), "Flatten": lambda x, c, w: x.reshape(len(x), -1),
    "Activation": lambda x, c, w: ACTIVATIONS[c["activation"]](x), "Softmax": lambda x, c, w: ACTIVATIONS["softmax"](x),
    "ReLU": lambda x, c, w: relu(x, c), "LeakyReLU": lambda x, c, w: relu(x, c), "ELU": lambda x, c, w: elu(x, c["alpha"]),
    "PReLU": lambda x, c, w: np.where(x > 0, x, w[0] * x), "Rescaling": lambda x, c, w: x * c["scale"] + c["offset"],
    "Permute": lambda x, c, w: x.transpose(0, *c["dims"]), "RepeatVector": lambda x, c, w: np.repeat(x[:, None], c["n"], 1)}


def predict(model, x):
    """Of a chain; layers that are not listed do nothing at inference."""
    x = x.astype(np.float64)
    for layer in model.layers:
        weights = [np.asarray(w, np.float64) for w in layer.get_weights()]
        x = LAYERS.get(layer.__class__.__name__, lambda x, c, w: x)(x, layer.get_config(), weights)
    return x.reshape(len(x), -1)
