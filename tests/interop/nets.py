# SPDX-License-Identifier: MIT
"""Random Keras models of the layers we have."""
import keras

ACTIVATIONS = ["linear", "sigmoid", "relu", "softmax", "tanh", "relu6", "leaky_relu", "elu", "selu", "celu", "softplus", "softsign",
               "silu", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "exponential", "mish", "log_softmax", "sparsemax"]
SMOOTH = ["linear", "sigmoid", "tanh", "elu", "softplus", "silu", "gelu", "mish"]
INITIALIZERS = ["glorot_uniform", "he_normal", "lecun_uniform", "random_normal", "truncated_normal"]


def regularizer(rng):
    return [None, None, None, keras.regularizers.L1(0.01), keras.regularizers.L2(0.02),
            keras.regularizers.L1L2(0.01, 0.03)][rng.integers(6)]


def dense(rng, units, activation, penalties=True):
    pick = regularizer if penalties else (lambda _: None)
    return keras.layers.Dense(
        units, activation=activation, use_bias=bool(rng.random() < 0.8), kernel_initializer=str(rng.choice(INITIALIZERS)),
        kernel_regularizer=pick(rng), bias_regularizer=pick(rng), activity_regularizer=pick(rng),
        trainable=bool(rng.random() < 0.9))


def normalization_layer(rng, width):
    if rng.random() < 0.5:
        return keras.layers.Normalization(invert=bool(rng.random() < 0.3))
    mean, variance = rng.standard_normal(width).tolist(), (rng.random(width) + 0.1).tolist()
    return keras.layers.Normalization(mean=mean, variance=variance, invert=bool(rng.random() < 0.3))


def middle_layer(rng, dropout):
    flags = {"center": bool(rng.random() < 0.8), "scale": bool(rng.random() < 0.8)}
    kind = int(rng.integers(4 if not dropout else 5))
    if kind == 0:
        return keras.layers.Activation(str(rng.choice(ACTIVATIONS)))
    if kind == 1:
        return keras.layers.BatchNormalization(momentum=float(rng.choice([0.9, 0.99])), epsilon=0.002,
                                               beta_regularizer=regularizer(rng), gamma_regularizer=regularizer(rng),
                                               trainable=bool(rng.random() < 0.85), **flags)
    if kind == 2:
        return keras.layers.LayerNormalization(epsilon=0.01, gamma_regularizer=regularizer(rng), **flags)
    if kind == 3:
        return keras.layers.Rescaling(0.5, offset=0.1)
    return keras.layers.Dropout(0.25, seed=int(rng.integers(1, 1000)))


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
            model.add(middle_layer(rng, dropout))
    if last:
        model.add(keras.layers.Flatten())
    model.add(dense(rng, int(rng.integers(2, 6)), last or str(rng.choice(SMOOTH)), penalties=not last))
    return model
