# SPDX-License-Identifier: MIT
"""Random Keras models of the layers we have."""
import types

import keras
import numpy as np

ACTIVATIONS = ["linear", "sigmoid", "relu", "softmax", "tanh", "relu6", "leaky_relu", "elu", "selu", "celu", "softplus", "softsign",
               "silu", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "exponential", "mish", "log_softmax", "sparsemax"]
ACTIVATIONS = [name for name in ACTIVATIONS if hasattr(keras.activations, name)]  # older versions have fewer
FREEZES = not keras.__version__.startswith("3.0.")  # which trains layers that are made with trainable=False
SMOOTH = ["linear", "sigmoid", "tanh", "elu", "softplus", "silu", "gelu", "mish"]


def draw_by_numpy():
    """First weights from NumPy, since JAX compiles its generator anew for every shape. What is compared overwrites or saves them."""
    draws, source = np.random.default_rng(77), keras.src.initializers.random_initializers

    def uniform(shape, minval=0.0, maxval=1.0, **_):
        return draws.uniform(minval, maxval, shape).astype(np.float32)

    def normal(shape, mean=0.0, stddev=1.0, **_):
        return (mean + stddev * np.clip(draws.standard_normal(shape), -2, 2)).astype(np.float32)

    source.random = types.SimpleNamespace(**{**vars(source.random), "uniform": uniform, "normal": normal, "truncated_normal": normal})


if keras.backend.backend() == "jax":
    draw_by_numpy()


def initializer(rng):
    """By name, or an object with arguments of its own."""
    seed = int(rng.integers(1, 1000)) if rng.random() < 0.7 else None
    make = [lambda i: "glorot_uniform", lambda i: "he_normal", lambda i: "lecun_uniform", lambda i: "random_normal", lambda i: "truncated_normal",
            lambda i: i.GlorotNormal(seed=seed), lambda i: i.RandomUniform(-0.3, 0.2, seed=seed), lambda i: i.Constant(0.25),
            lambda i: i.VarianceScaling(1.5, "fan_avg", "uniform", seed=seed), lambda i: i.RandomNormal(0.1, 0.2, seed=seed)]
    return make[rng.integers(len(make))](keras.initializers)

def matrix_regularizer(rng):
    return keras.regularizers.OrthogonalRegularizer(0.02, mode=str(rng.choice(["rows", "columns"]))) if rng.random() < 0.15 else regularizer(rng)


def regularizer(rng):
    return [None, None, None, keras.regularizers.L1(0.01), keras.regularizers.L2(0.02),
            keras.regularizers.L1L2(0.01, 0.03)][rng.integers(6)]


def dense(rng, units, activation, penalties=True):
    pick = regularizer if penalties else (lambda _: None)
    return keras.layers.Dense(
        units, activation=activation, use_bias=bool(rng.random() < 0.8), kernel_initializer=initializer(rng),
        bias_initializer=str(rng.choice(["zeros", "ones", "random_normal"])),
        kernel_regularizer=(matrix_regularizer if penalties else pick)(rng), bias_regularizer=pick(rng), activity_regularizer=pick(rng),
        kernel_constraint=constraint(rng), bias_constraint=constraint(rng), trainable=bool(rng.random() < 0.9) or not FREEZES)


def normalization_layer(rng, width):
    if rng.random() < 0.5:
        return keras.layers.Normalization(invert=bool(rng.random() < 0.3))
    mean, variance = rng.standard_normal(width).tolist(), (rng.random(width) + 0.1).tolist()
    return keras.layers.Normalization(mean=mean, variance=variance, invert=bool(rng.random() < 0.3))


def small_layer(rng, rank):
    layers = keras.layers
    activity = {"activity_regularizer": regularizer(rng)} if rng.random() < 0.5 else {}
    shared = sorted({int(axis) for axis in rng.integers(1, rank + 1, rng.integers(0, 3))}) or None
    rms = getattr(layers, "RMSNormalization", layers.LayerNormalization)  # 3.9 and later
    return [lambda: layers.Rescaling(0.5, offset=0.1), lambda: layers.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.2, **activity), layers.ReLU,
            layers.LeakyReLU, lambda: layers.LeakyReLU(negative_slope=0.05), lambda: layers.ELU(alpha=0.7), layers.Softmax,
            lambda: layers.UnitNormalization(**activity), lambda: layers.PReLU(alpha_initializer="uniform", alpha_regularizer="l2",
                                                                                alpha_constraint="non_neg", shared_axes=shared, **activity),
            rms, lambda: rms(epsilon=0.01), lambda: layers.ActivityRegularization(l1=0.01, l2=0.02), layers.Identity,
            lambda: layers.Permute([int(d) for d in rng.permutation(rank) + 1], **activity),
            lambda: layers.GroupNormalization(groups=-1 if rng.random() < 0.5 and rank > 1 else 1, epsilon=0.01, **activity),
            lambda: layers.RepeatVector(3, **activity) if rank == 1 else layers.Flatten(**activity)][rng.integers(16)]()


def constraint(rng):
    return [None, None, None, keras.constraints.MaxNorm(1.5), keras.constraints.NonNeg(), keras.constraints.UnitNorm(axis=0),
            keras.constraints.MinMaxNorm(0.5, 1.2, rate=0.8)][rng.integers(7)]


def middle_layer(rng, dropout, rank):
    flags = {"center": bool(rng.random() < 0.8), "scale": bool(rng.random() < 0.8)}
    kind = int(rng.integers(4 if not dropout else 5))
    if kind == 0:
        return keras.layers.Activation(str(rng.choice(ACTIVATIONS)), activity_regularizer=regularizer(rng))
    if kind == 1:
        return keras.layers.BatchNormalization(momentum=float(rng.choice([0.9, 0.99])), epsilon=0.002,
                                               beta_regularizer=regularizer(rng), gamma_regularizer=regularizer(rng),
                                               trainable=bool(rng.random() < 0.85) or not FREEZES, **flags)
    if kind == 2:
        return keras.layers.LayerNormalization(epsilon=0.01, gamma_regularizer=regularizer(rng), activity_regularizer=regularizer(rng), **flags)
    if kind == 3:
        return small_layer(rng, rank)
    noise = [keras.layers.Dropout, keras.layers.GaussianNoise, keras.layers.GaussianDropout, keras.layers.AlphaDropout][rng.integers(4)]
    return noise(0.25, seed=int(rng.integers(1, 1000)))


def random_model(rng, dropout=True, last=None):
    """1 to 3 input dimensions, up to four blocks, an output of 2 to 5."""
    shape = tuple(int(d) for d in rng.integers(2, 7, rng.integers(1, 4)))
    model = keras.Sequential([keras.Input(shape)])
    if rng.random() < 0.5:
        model.add(normalization_layer(rng, shape[-1]))
    if rng.random() < 0.7:
        model.add(keras.layers.Flatten())
    for _ in range(int(rng.integers(0, 4))):
        model.add(dense(rng, int(rng.integers(2, 12)), str(rng.choice(ACTIVATIONS))))
        if rng.random() < 0.7:
            model.add(middle_layer(rng, dropout, len(model.output_shape) - 1))
    if last:
        model.add(keras.layers.Flatten())
    model.add(dense(rng, int(rng.integers(2, 6)), last or str(rng.choice(SMOOTH)), penalties=not last))
    return model


def as_functional(model, rng):
    """The same layers as a Functional model, built one way or the other."""
    inputs = x = keras.Input(model.input_shape[1:], name=str(rng.choice(["inputs", "pixels"])))
    for layer in model.layers:
        x = layer.__class__.from_config(layer.get_config())(x)
    name = str(rng.choice(["chain", "net"]))
    return keras.Model(inputs, x, name=name) if rng.random() < 0.5 else keras.Model([inputs], [x], name=name)
