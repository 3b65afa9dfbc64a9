# SPDX-License-Identifier: MIT
"""Files of Keras 3: training that goes on where the other side stopped."""
import io
import zipfile

import h5py
import keras
import numpy as np

from keras3 import NADAM_MOVED, OPTIMIZERS, begin, small_model, usable, values, weights_of
from tasks import TASKS, TEXTS, targets

rng, oracle, report, path = begin()


def go_on(number):
    """10 steps there, 20 here and there, 20 more there from ours: the same to float rounding."""
    model = small_model(functional=number % 2 == 1)
    model.compile(OPTIMIZERS[number](), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = rng.standard_normal((80, 4)).astype(np.float32), rng.integers(0, 3, 80).astype(np.int32)
    fit = {"shuffle": False, "batch_size": 16, "verbose": 0}
    model.fit(x, y, epochs=2, **fit)
    # In a second fit of one model Nadam's and Adafactor's scalars have no value (Keras 3.15 on JAX): a loaded one goes on.
    loses_scalars = isinstance(model.optimizer, (keras.optimizers.Nadam, keras.optimizers.Adafactor))
    ending = "h5" if number % 3 == 2 and not loses_scalars else "keras"
    case = f"{number}: {model.optimizer.name} .{ending}"
    model.save(path(f"middle.{ending}"))
    _, ours = oracle("fit", {"x": x, "y": y}, model=path(f"middle.{ending}"), epochs=4, batch_size=16, save=path("on.keras"))
    if loses_scalars:
        model = keras.models.load_model(path("middle.keras"))
    model.fit(x, y, epochs=4, **fit)

    def compare(kind, got, expected):
        for a, b in zip(got, expected):
            report.close(kind, a, b, 2e-5, floor=0.05, case=case)

    compare("Keras stops, ours goes on 20 steps", weights_of(ours, model), values(model.weights))
    if NADAM_MOVED and isinstance(model.optimizer, keras.optimizers.Nadam):
        return
    back = keras.models.load_model(path("on.keras"))
    compare("ours stops: optimizer", values(back.optimizer.variables), values(model.optimizer.variables))
    history = back.fit(x, y, epochs=4, **fit).history
    reply, ours = oracle("fit", {"x": x, "y": y}, model=path("on.keras"), epochs=4, batch_size=16)
    compare("ours stops, Keras goes on 20 steps", values(back.weights), weights_of(ours, model))
    report.close("ours stops, Keras goes on: loss", reply["history"]["loss"], history["loss"], 2e-5, floor=0.1, case=case)


def reorder(source, target, order):
    """A .keras file whose optimizer has its variables in another order."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = io.BytesIO(old.read(name))
            if name.endswith(".h5"):
                with h5py.File(data, "r+") as file:
                    variables = file["optimizer/vars"]
                    values_of = [variables[str(i)][()] for i in range(len(variables))]
                    for i, j in enumerate(order(len(variables))):
                        del variables[str(i)]
                        variables[str(i)] = values_of[j]
            new.writestr(name, data.getvalue())


def older_order():
    """Up to Keras 3.9 averages and accumulators alternate, and Nadam's scalar stands before its own slots."""
    model = small_model(functional=False)
    model.compile(keras.optimizers.Nadam(0.005, use_ema=True, gradient_accumulation_steps=2), "sparse_categorical_crossentropy")
    x, y = rng.standard_normal((80, 4)).astype(np.float32), rng.integers(0, 3, 80).astype(np.int32)
    model.fit(x, y, shuffle=False, batch_size=16, epochs=1, verbose=0)
    tensors = len(model.trainable_variables)
    pairs = [2 + i + kind * tensors for i in range(tensors) for kind in (0, 1)]
    model.save(path("newer.keras"))
    reorder(path("newer.keras"), path("older.keras"), lambda n: [0, 1, *pairs, n - 1, *range(2 + 2 * tensors, n - 1)])
    found = [oracle("fit", {"x": x, "y": y}, model=path(name), epochs=2, batch_size=16)[1] for name in ("newer.keras", "older.keras")]
    for a, b in zip(weights_of(found[0], model), weights_of(found[1], model)):
        report.true("older order of the optimizer's variables: same bits", np.array_equal(a, b))


def compiled_by_keras():
    """training_config as real Keras writes it, with its optimizer weights, is understood."""
    for optimizer in [keras.optimizers.SGD(0.1, momentum=0.9), keras.optimizers.RMSprop(0.01, centered=True), keras.optimizers.Adam(0.01),
                      keras.optimizers.AdamW(0.01), keras.optimizers.Adagrad(0.1), keras.optimizers.Adam(clipnorm=1.0),
                      keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 100))]:
        for functional in [isinstance(optimizer, (keras.optimizers.SGD, keras.optimizers.Adam))]:
            if functional:
                inputs = keras.Input((4,))
                model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(keras.layers.Dense(5, "relu")(inputs)))
            else:
                model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3, "softmax")])
            if not usable(lambda made=optimizer: made):
                continue
            model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
            x, y = rng.standard_normal((10, 4)).astype(np.float32), rng.integers(0, 3, 10).astype(np.int32)
            model.fit(x, y, verbose=0)
            try:
                model.save(path("compiled.h5"))
            except ValueError:  # older versions give two of their variables one name
                continue
            reply, ours = oracle("fit", {"x": x, "y": y}, model=path("compiled.h5"), epochs=0, evaluate=True)
            case = f"{optimizer.__class__.__name__} functional {functional}"
            report.close("Keras compiled: predictions", ours["predict"], model.predict(x, verbose=0), 1e-5, case=case)
            report.close("Keras compiled: evaluate", reply["evaluate"], model.evaluate(x, y, verbose=0), 1e-5, case=case)
            optimizer = optimizer.__class__.from_config(optimizer.get_config())


def fit_goes_on(number):
    """A whole-model .h5 of ours, which has no optimizer state, trains on in Keras."""
    loss, last, metrics, kind = TASKS[number % len(TASKS)]
    x, y = rng.standard_normal((21, 4)).astype(np.float32), targets(rng, kind, 21, 5)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(5, last)])
    model.save(path("keras.h5"))
    oracle("fit", {"x": x, "y": y}, model=path("keras.h5"), save=path("ours.h5"), epochs=1, batch_size=8, optimizer=TEXTS[number], loss=loss, metrics=metrics)
    back = keras.models.load_model(path("ours.h5"))
    if not usable(lambda: back.optimizer):
        return
    before = values(back.trainable_variables)
    history = back.fit(x, y, batch_size=8, epochs=1, verbose=0).history
    case = f"{TEXTS[number]} {loss}"
    report.true("our .h5 -> Keras: fit goes on", np.isfinite(history["loss"][0]), case)
    report.true("our .h5 -> Keras: fit trains", any((a != b).any() for a, b in zip(values(back.trainable_variables), before)), case)


def adapted_by_keras():
    """Mean and variance that Keras has measured stay as they are, whatever ours trains on; near enough that nothing saturates, where
    Keras on JAX clips gradients."""
    x, y = rng.standard_normal((80, 4)).astype(np.float32), rng.integers(0, 3, 80).astype(np.int32)
    normalization = keras.layers.Normalization()
    normalization.adapt(x)
    model = keras.Sequential([keras.Input((4,)), normalization, keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.save(path("adapted.keras"))
    _, ours = oracle("fit", {"x": 1.2 * x + 0.5, "y": y}, model=path("adapted.keras"), epochs=2, batch_size=16)
    model.fit(1.2 * x + 0.5, y, shuffle=False, batch_size=16, epochs=2, verbose=0)
    for a, b in zip(weights_of(ours, model), values(model.weights)):
        report.close("Normalization adapted by Keras: weights", a, b, 2e-5, floor=0.05)


for i in range(len(OPTIMIZERS)):
    go_on(i)
adapted_by_keras()
compiled_by_keras()
if not NADAM_MOVED:
    older_order()
for i in range(len(TEXTS)):
    fit_goes_on(i)
report.finish()
