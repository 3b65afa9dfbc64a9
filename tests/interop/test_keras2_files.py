# SPDX-License-Identifier: MIT
"""Files of real Keras 2 (tf.keras): ours goes on where it stopped, and it opens what ours writes, with equal configs and bits."""
import os
import sys
import tempfile

import numpy as np
import tensorflow as tf

from oracle import Oracle, OracleError, Report

keras = tf.keras
keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
oracle, report = Oracle(sys.argv[1]), Report()
folder = tempfile.TemporaryDirectory()
layers, optimizers, legacy = keras.layers, keras.optimizers, keras.optimizers.legacy
schedules = optimizers.schedules

# Keras 2.11 replaced its optimizers; the older ones live on as "legacy" and lay their state out in another way.
OPTIMIZERS = [
    lambda: optimizers.SGD(0.05), lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True), lambda: optimizers.Adam(0.003),
    lambda: optimizers.Adam(0.003, amsgrad=True, clipnorm=1.0), lambda: optimizers.Adagrad(0.05), lambda: optimizers.AdamW(0.003, weight_decay=0.01),
    lambda: optimizers.RMSprop(0.003, momentum=0.5, centered=True), lambda: optimizers.SGD(schedules.ExponentialDecay(0.1, 10, 0.9)),
    lambda: legacy.SGD(0.05), lambda: legacy.SGD(0.05, momentum=0.9), lambda: legacy.Adam(0.003), lambda: legacy.Adam(0.003, amsgrad=True),
    lambda: legacy.Adagrad(0.05), lambda: legacy.RMSprop(0.003, momentum=0.5), lambda: legacy.RMSprop(0.003, momentum=0.5, centered=True),
    lambda: legacy.Adam(schedules.CosineDecay(0.01, 100)),
]
FIT = {"shuffle": False, "batch_size": 16, "verbose": 0}


def path(name):
    return os.path.join(folder.name, name)


def make(functional):
    stack = [layers.Dense(6, "tanh", kernel_regularizer="l2", kernel_initializer=keras.initializers.HeNormal(seed=4)), layers.BatchNormalization(momentum=0.9),
             layers.Dense(5, "softplus", trainable=False), layers.Dense(5, use_bias=False, name="plain"), layers.LayerNormalization(),
             layers.Activation("selu"), layers.Dense(3, "softmax")]
    inputs = keras.Input((2, 2))
    if not functional:
        return keras.Sequential([inputs, layers.Flatten(), *stack], name="sketch")
    x = layers.Flatten()(inputs)
    for layer in stack:
        x = layer(x)
    return keras.Model(inputs, x)


def data(rows=80):
    return rng.standard_normal((rows, 2, 2)).astype(np.float32), rng.integers(0, 3, rows).astype(np.int32)


def weights_of(reply, model):
    return [reply[f"w{i}"] for i in range(len(model.weights))]


def in_layer_order(model):
    """Keras 2's model.weights of a Functional model is in layer order, too, but trainable ones do not come first."""
    return [w for layer in model.layers for w in layer.get_weights()]


def same(ours, theirs):
    return len(ours) == len(theirs) and all(a.shape == b.shape and np.array_equal(a, b) for a, b in zip(ours, theirs))


def compare(kind, got, expected, case, bound=2e-5):
    for a, b in zip(got, expected):
        report.close(kind, a, b, bound, floor=0.05, case=case)


def plain(config):
    """Without what Keras adds to what it was told."""
    if isinstance(config, dict):
        return {k: plain(v) for k, v in config.items() if k not in ("shared_object_id", "build_config")}
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


def go_on(number, functional):
    model = make(functional)
    model.compile(OPTIMIZERS[number](), "sparse_categorical_crossentropy", metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)])
    case = f"{number}: {model.optimizer.__class__.__module__.rsplit('.', 1)[-1]} functional {functional}"
    x, y = data()
    model.fit(x, y, epochs=2, **FIT)
    model.save(path("keras.h5"))
    _, ours = oracle("resave", model=path("keras.h5"), save=path("ours.h5"))
    report.true("Keras 2 -> ours: weights' bits", same(weights_of(ours, model), in_layer_order(model)), case)

    adamw = "AdamW" in str(OPTIMIZERS[number]())  # Keras 2 does not find this one by its plain name, and Keras 3 by no other
    back = keras.models.load_model(path("ours.h5"), compile=not adamw)
    report.true("ours -> Keras 2: weights' bits", same(in_layer_order(back), in_layer_order(model)), case)
    report.true("ours -> Keras 2: get_config", plain(back.get_config()) == plain(model.get_config()), f"{case}\n{back.get_config()}\n{model.get_config()}")
    if not adamw:  # Keras 2 makes a legacy optimizer of what does not say otherwise, and Keras 3 refuses files that do
        mine, theirs = back.optimizer.get_config(), model.optimizer.get_config()
        equal = all(np.allclose(mine[k], theirs[k], rtol=1e-7) if isinstance(mine[k], float) else plain(mine[k]) == plain(theirs[k])
                    for k in mine if k in theirs)
        report.true("ours -> Keras 2: optimizer's config", equal, f"{case}\n{mine}\n{theirs}")

    reply, ours = oracle("fit", {"x": x, "y": y}, model=path("keras.h5"), epochs=0, evaluate=True)
    compare("Keras 2 -> ours: evaluate", [reply["evaluate"]], [model.evaluate(x, y, batch_size=7, verbose=0)], case)
    compare("Keras 2 -> ours: predictions", [ours["predict"]], [model.predict(x, verbose=0)], case)
    reply, ours = oracle("fit", {"x": x, "y": y}, model=path("keras.h5"), epochs=4, batch_size=16, save=path("on.h5"))
    history = model.fit(x, y, epochs=4, **FIT).history
    compare("Keras 2 stops, ours goes on 20 steps", weights_of(ours, model), in_layer_order(model), case)
    compare("Keras 2 stops, ours goes on: loss", [reply["history"]["loss"]], [history["loss"]], case)

    if adamw:
        return
    back = keras.models.load_model(path("on.h5"))
    report.true("ours -> Keras 2: compiled", back.optimizer is not None and back.loss is not None, case)
    compare("ours -> Keras 2: predictions", [back.predict(x, verbose=0)], [ours["predict"]], case)
    loss = back.fit(x, y, epochs=1, **FIT).history["loss"][0]
    report.true("ours -> Keras 2: fit goes on", np.isfinite(loss) and loss < 2 * history["loss"][-1] + 0.5, f"{case} {loss}")


def weights_alone(name, functional):
    """Weights in a file of their own, and the architecture as JSON."""
    model = make(functional)
    for w in model.weights:
        w.assign(rng.random(w.shape).astype(np.float32))
    with open(path("model.json"), "w", encoding="utf-8") as file:
        file.write(model.to_json())
    model.save_weights(path(name))
    _, ours = oracle("load_weights", model=path("model.json"), weights=path(name), save=path("ours.h5"))
    case = f"{name} functional {functional}"
    report.true("to_json and save_weights -> ours", same(weights_of(ours, model), in_layer_order(model)), case)
    back = keras.models.load_model(path("ours.h5"), compile=False)
    report.true("to_json and save_weights -> ours -> Keras 2", same(in_layer_order(back), in_layer_order(model)), case)
    report.true("to_json -> ours -> Keras 2: get_config", plain(back.get_config()) == plain(model.get_config()), case)


def archive(functional):
    """The .keras files that Keras 2.12 and later write."""
    model = make(functional)
    model.compile(optimizers.SGD(0.05) if functional else optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    x, y = data()
    model.fit(x, y, epochs=2, **FIT)
    model.save(path("new.keras"), save_format="keras_v3")
    case = f"functional {functional}"
    _, ours = oracle("resave", model=path("new.keras"), save=path("ours.h5"))
    report.true(".keras of Keras 2 -> ours", same(weights_of(ours, model), in_layer_order(model)), case)
    _, ours = oracle("fit", {"x": x, "y": y}, model=path("new.keras"), epochs=4, batch_size=16)
    model.fit(x, y, epochs=4, **FIT)
    compare(".keras of Keras 2, ours goes on 20 steps", weights_of(ours, model), in_layer_order(model), case)


def refused(what, model, *words):
    model.save(path("refused.h5"))
    try:
        oracle("resave", model=path("refused.h5"), save=path("never.h5"))
        report.true(f"refused: {what}", False, "it was read")
    except OracleError as error:
        report.true(f"refused: {what}", all(word in str(error) for word in words), str(error))


def refusals():
    refused("Conv2D", keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3, name="conv"), layers.Flatten()]), "layers[1]", "Conv2D", "conv")
    refused("Lambda", keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x, name="lam")]), "layers[1]", "Lambda", "lam")
    refused("a model in a model", keras.Sequential([keras.Input((4,)), keras.Sequential([layers.Dense(2)], name="inner")]), "layers[1]", "inner")
    refused("mixed precision", keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype="mixed_float16")]), "layers[1]", "mixed_float16")
    inputs = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    refused("a shared layer", keras.Model(inputs, shared(shared(inputs))), "shared")
    refused("training=False", keras.Model(inputs, layers.BatchNormalization(name="bn")(inputs, training=False)), "bn", "training")
    refused("two inputs", keras.Model([inputs, keras.Input((4,), name="other")], shared(inputs)), "input_layers")


for chain in (False, True):
    weights_alone("w.h5", chain)
    weights_alone("w.weights.h5", chain)
    archive(chain)
refusals()
for i in range(len(OPTIMIZERS)):
    go_on(i, functional=i % 2 == 1)
report.finish()
