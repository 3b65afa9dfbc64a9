# SPDX-License-Identifier: MIT
"""50 steps of fit() from equal weights and data order, ours and real Keras: weights, history, learning rates.

The figure is the largest difference of any weight, relative to the largest weight of its tensor. Sums are taken in
another order, and functions differ in their last place, so each step's gradient differs by some 1e-7 of the largest;
50 steps add such errors up, and optimizers that divide by the gradient's own size (Adam, RMSprop, Adagrad) turn the
rounding of elements whose gradient is nearly nothing into a visible part of a step. A wrong formula shows at 1e-3 or more.

Two places have no right answer, and are avoided: a bias before BatchNormalization (its gradient is zero but for rounding,
which Adam scales up to whole steps), and L1 on a weight at zero (either sign is its slope).
"""
import os
import sys
import tempfile

import absl.logging
import keras
import numpy as np

from oracle import Oracle, Report, wanted

absl.logging.set_verbosity(absl.logging.ERROR)
keras.utils.set_random_seed(31)
rng = np.random.default_rng(31)
oracle, report = Oracle(sys.argv[1]), Report()
folder = tempfile.TemporaryDirectory()
table = []

BOUND, WIDE = 2e-5, 1e-4  # wide: statistics of a batch of few rows, and a rate on the edge of divergence
FEATURES, CLASSES, BATCH, EPOCHS = 12, 4, 16, 5
ROWS = 10 * BATCH  # 10 steps an epoch
L = keras.layers


class LinearWarmup(keras.optimizers.schedules.LearningRateSchedule):
    """Ours alone: target * step / warmup_steps, then target."""

    def __init__(self, target, warmup_steps, initial_learning_rate=0.0):
        self.target, self.warmup_steps, self.first = target, warmup_steps, initial_learning_rate

    def __call__(self, step):
        part = keras.ops.minimum(keras.ops.cast(step, "float32") / self.warmup_steps, 1.0)
        return self.first + (self.target - self.first) * part


def call(module, text):
    names = {**vars(module), **vars(keras.optimizers.schedules), "LinearWarmup": LinearWarmup}
    return eval(text, names) if "(" in text else module.get(text)  # pylint: disable=eval-used


def f4(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def plain():
    return [L.Dense(9, "tanh"), L.Dense(CLASSES, "softmax")]


def data(kind, rows=ROWS, features=FEATURES):
    x = f4(rows, features)
    score = x @ f4(features, CLASSES) + 0.5 * f4(rows, CLASSES)
    label = score.argmax(axis=1).astype(np.int32)
    if kind == "label":
        return x, label
    if kind == "hot":
        return x, np.eye(CLASSES, dtype=np.float32)[label]
    if kind == "bits":
        return x, (score > 0).astype(np.float32)
    return x, np.tanh(score).astype(np.float32)


def history_close(name, ours, theirs):
    report.true("history: columns", set(ours) == set(theirs), f"{name}: ours {sorted(ours)}, Keras {sorted(theirs)}")
    for column in sorted(set(ours) & set(theirs)):
        a = [v for v in ours[column] if v is not None]  # epochs that were not validated; Keras leaves them out
        b = [float(v) for v in theirs[column]]
        # A sample on the edge between two classes may fall to either side.
        kind, bound = ("history: losses", 2e-5) if "loss" in column else ("history: rates", 1e-6)
        if "acc" in column:
            kind, bound = "history: accuracies", 1.01 / ROWS
        elif "loss" not in column and "rate" not in column:
            kind = "history: other metrics"
            bound = 1e-4
        if len(a) == len(b):
            report.close(kind, a, b, bound, floor=1.0 if "acc" in column else 0.1, case=f"{name} {column}")
        else:
            report.true("history: lengths", False, f"{name} {column}: {len(a)} epochs, Keras {len(b)}")


def case(name, optimizer, layers=None, loss="sparse_categorical_crossentropy", kind="label", metrics=("accuracy",), weighted=(),
         rows=ROWS, keras_fit=None, our_fit=None, arrays=None, loss_weights=None, callbacks=(), bound=BOUND, epochs=EPOCHS):
    """Train on both sides; keras_fit and our_fit: further arguments of either."""
    x, y = data(kind, rows)
    model = keras.Sequential([keras.Input((FEATURES,))] + (layers or plain()))
    path = os.path.join(folder.name, "start.h5")
    model.save(path)
    reply, ours = oracle("fit", {"x": x, "y": y, **(arrays or {})}, model=path, optimizer=optimizer, loss=loss, metrics=list(metrics),
                         weighted_metrics=list(weighted), batch_size=BATCH, epochs=epochs, callbacks=list(callbacks), loss_weights=loss_weights,
                         **(our_fit or {}))
    # Objects whose class name is a metric's name clash; Keras takes the same texts.
    model.compile(call(keras.optimizers, optimizer), call(keras.losses, loss) if "(" in loss else loss,
                  metrics=[call(keras.metrics, m) if "(" in m else m for m in metrics], loss_weights=loss_weights,
                  weighted_metrics=[call(keras.metrics, m) if "(" in m else m for m in weighted] or None)
    history = model.fit(x, y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0,
                        callbacks=[call(keras.callbacks, c) for c in callbacks], **(keras_fit or {})).history
    history_close(name, reply["history"], history)
    variables = [v for layer in model.layers for v in layer.variables if v.dtype == "float32"]
    worst = 0.0
    for i, v in enumerate(variables):
        expected = np.asarray(v.value)
        worst = max(worst, float(np.abs(ours[f"w{i}"] - expected).max() / max(np.abs(expected).max(), 1e-3)))
        report.close("weights", ours[f"w{i}"], expected, bound, floor=1e-3, case=f"{name} {v.path}")
    table.append((name, worst))


OPTIMIZERS = {
    "SGD": "SGD(0.1)",
    "SGD, momentum": "SGD(0.05, momentum=0.9)",
    "SGD, Nesterov": "SGD(0.05, momentum=0.9, nesterov=True)",
    "Adagrad": "Adagrad(0.05)",
    "RMSprop": "RMSprop(0.005)",
    "RMSprop, momentum": "RMSprop(0.005, momentum=0.8)",
    "RMSprop, centered": "RMSprop(0.005, centered=True)",
    "RMSprop, centered, momentum": "RMSprop(0.003, rho=0.8, momentum=0.5, centered=True)",
    "Adam": "Adam(0.01)",
    "Adam, amsgrad": "Adam(0.01, amsgrad=True)",
    "AdamW": "AdamW(0.01)",
    "AdamW, amsgrad": "AdamW(0.01, weight_decay=0.05, beta_1=0.8, beta_2=0.99, amsgrad=True)",
    "rmsprop (default)": "rmsprop",
    "SGD, weight decay": "SGD(0.1, weight_decay=0.02)",
    "SGD, momentum, weight decay": "SGD(0.05, momentum=0.9, weight_decay=0.01)",
    "Adagrad, weight decay": "Adagrad(0.05, weight_decay=0.02)",
    "RMSprop, weight decay": "RMSprop(0.005, weight_decay=0.02)",
    "Adam, weight decay": "Adam(0.01, weight_decay=0.02)",
    "SGD, clipnorm": "SGD(0.5, clipnorm=0.05)",
    "SGD, clipvalue": "SGD(0.5, clipvalue=0.01)",
    "SGD, global_clipnorm": "SGD(0.5, global_clipnorm=0.1)",
    "Adam, clipnorm": "Adam(0.01, clipnorm=0.05)",
    "Adam, clipvalue": "Adam(0.01, clipvalue=0.01)",
    "Adam, global_clipnorm": "Adam(0.01, global_clipnorm=0.1)",
    "Adamax": "Adamax(0.01)",
    "Nadam": "Nadam(0.005)",
    "Adadelta": "Adadelta(1.0)",
    "Ftrl": "Ftrl(0.1, l1_regularization_strength=0.001, l2_regularization_strength=0.001)",
    "Lion": "Lion(0.002)",
    "Muon": "Muon(0.01)",
    "ScheduleFreeAdamW": "ScheduleFreeAdamW(0.01, warmup_steps=3)",
    "Lamb": "Lamb(0.01, weight_decay=0.01)",
    "Adafactor": "Adafactor(0.05)",
    "SGD, moving averages": "SGD(0.1, momentum=0.5, use_ema=True, ema_momentum=0.9)",
    "Adam, moving averages that overwrite": "Adam(0.01, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=7)",
    "Adam, accumulated gradients": "Adam(0.01, gradient_accumulation_steps=3, clipnorm=0.1, weight_decay=0.01)",
}
SCHEDULES = ["ExponentialDecay(0.2, 10, 0.8)", "ExponentialDecay(0.2, 10, 0.5, staircase=True)", "InverseTimeDecay(0.2, 5, 0.5)",
             "PolynomialDecay(0.2, 40, end_learning_rate=0.01, power=2.0)", "PolynomialDecay(0.2, 12, cycle=True)",
             "PiecewiseConstantDecay([10, 25], [0.2, 0.1, 0.02])", "CosineDecay(0.2, 45, alpha=0.1)",
             "CosineDecay(0.01, 30, warmup_target=0.3, warmup_steps=10)", "CosineDecayRestarts(0.2, 8)",
             "CosineDecayRestarts(0.2, 10, t_mul=1.0, m_mul=0.7, alpha=0.05)", "LinearWarmup(0.2, 20)"]


def optimizers():
    for name, text in OPTIMIZERS.items():
        case(name, text)
    for text in SCHEDULES:
        case(f"SGD({text})", f"SGD({text})")
    case("Adam(CosineDecay)", "Adam(CosineDecay(0.02, 45))")


def layers():
    case("BatchNormalization", "SGD(0.05)", [L.Dense(10), L.BatchNormalization(momentum=0.9), L.Activation("relu"),
                                             L.Dense(CLASSES, "softmax")], bound=WIDE)
    case("BatchNormalization, Adam", "Adam(0.005)", [
        L.Dense(10, use_bias=False), L.BatchNormalization(scale=False), L.Activation("tanh"), L.Dense(CLASSES, "softmax")], bound=WIDE)
    case("BatchNormalization, RMSprop", "RMSprop(0.002)", [
        L.Dense(10, use_bias=False), L.BatchNormalization(momentum=0.5), L.Activation("silu"), L.Dense(CLASSES, "softmax")], bound=WIDE)
    case("LayerNormalization", "SGD(0.05, momentum=0.9)", [L.Dense(10, "silu"), L.LayerNormalization(), L.Dense(CLASSES, "softmax")])
    case("regularisers", "SGD(0.05)", [
        L.Dense(9, "tanh", kernel_regularizer=keras.regularizers.L2(0.01), bias_regularizer=keras.regularizers.L1(0.002),
                bias_initializer=keras.initializers.Constant(0.5)),
        L.Dense(8, "tanh", kernel_regularizer=keras.regularizers.L1L2(1e-4, 1e-3),
                activity_regularizer=keras.regularizers.L2(0.01)), L.Dense(CLASSES, "softmax")])
    case("frozen layers", "Adam(0.01)", [L.Dense(9, "tanh", trainable=False), L.BatchNormalization(trainable=False),
                                         L.Dense(8, "relu", kernel_regularizer="l2"), L.Dense(CLASSES, "softmax")])
    case("Rescaling, constants of Normalization", "SGD(0.1)", [
        L.Rescaling(0.5, 0.1), L.Normalization(mean=[0.1] * FEATURES, variance=[0.3] * FEATURES), *plain()])
    constraints = keras.constraints
    case("constraints", "SGD(0.1)", [L.Dense(9, "tanh", kernel_constraint=constraints.MaxNorm(0.8), bias_constraint=constraints.NonNeg()),
                                     L.Dense(8, "tanh", kernel_constraint=constraints.MinMaxNorm(0.3, 0.6, rate=0.5, axis=1)),
                                     L.Dense(CLASSES, "softmax", kernel_constraint="unit_norm")])
    case("layers of activations", "Adam(0.01)", [L.Dense(12), L.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.1), L.Dense(9), L.LeakyReLU(),
                                                 L.Dense(8), L.PReLU(alpha_initializer="uniform"), L.Dense(8), L.ELU(alpha=0.5), L.Dense(CLASSES), L.Softmax()])
    case("shapes and norms", "SGD(0.1)", [L.Reshape((3, -1)), L.Dense(5, "tanh"), L.UnitNormalization(), L.Flatten(), L.Dense(8), L.RMSNormalization(),
                                          L.ActivityRegularization(l1=1e-3, l2=1e-2), L.Identity(), L.Dense(CLASSES, "softmax")])
    for activation in ["relu", "gelu", "selu", "elu", "softplus", "mish", "hard_silu", "leaky_relu"]:
        case(f"activation {activation}", "SGD(0.05, momentum=0.5)", [L.Dense(9, activation), L.Dense(CLASSES, "softmax")])


def losses():
    last = lambda activation: [L.Dense(9, "tanh"), L.Dense(CLASSES, activation)]  # noqa: E731
    case("label smoothing", "SGD(0.1)", loss="CategoricalCrossentropy(label_smoothing=0.1)", kind="hot")
    case("sparse, from logits", "SGD(0.1)", last("linear"), loss="SparseCategoricalCrossentropy(from_logits=True)")
    case("categorical, from logits, smoothing", "Adam(0.01)", last("linear"), kind="hot",
         loss="CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)")
    case("binary_crossentropy", "SGD(0.2)", last("sigmoid"), loss="binary_crossentropy", kind="bits",
         metrics=["accuracy", "precision", "recall"])
    case("binary, smoothing", "Adam(0.01)", last("sigmoid"), loss="BinaryCrossentropy(label_smoothing=0.1)", kind="bits",
         metrics=["binary_accuracy"])
    case("binary, from logits", "SGD(0.2)", last("linear"), loss="BinaryCrossentropy(from_logits=True)", kind="bits", metrics=[])
    case("mse", "SGD(0.1)", last("linear"), loss="mse", kind="values", metrics=["mae", "root_mean_squared_error"])
    case("mae", "SGD(0.02)", last("tanh"), loss="mae", kind="values", metrics=["mse"])
    case("huber", "RMSprop(0.002)", last("linear"), loss="Huber(delta=0.3)", kind="values", metrics=["mae"])


def fits():
    case("ragged last batch", "SGD(0.1, momentum=0.9)", rows=ROWS - 7)
    case("ragged, BatchNormalization", "SGD(0.05)", [L.Dense(10), L.BatchNormalization(), L.Dense(CLASSES, "softmax")], rows=ROWS - 13,
         bound=WIDE)
    case("validation_split", "SGD(0.1)", rows=ROWS + 41, keras_fit={"validation_split": 0.2}, our_fit={"validation_split": 0.2},
         metrics=["accuracy", "sparse_categorical_crossentropy"])
    val_x, val_y = data("label", 37)
    case("validation data", "SGD(0.1)", keras_fit={"validation_data": (val_x, val_y)}, arrays={"val_x": val_x, "val_y": val_y},
         layers=[L.Dense(9, "tanh", kernel_regularizer="l2"), L.Dense(CLASSES, "softmax")])
    weights = {0: 0.5, 1: 2.0, 2: 1.0, 3: 0.25}
    case("class_weight", "SGD(0.1)", keras_fit={"class_weight": weights}, arrays={"class_weight": np.array(list(weights.values()))},
         weighted=["sparse_categorical_accuracy"])
    sample = np.abs(f4(ROWS))
    case("loss_weights", "SGD(0.1)", [L.Dense(9, "tanh", kernel_regularizer="l2", activity_regularizer="l2"), L.Dense(CLASSES, "softmax")],
         loss_weights=2.5, keras_fit={"class_weight": weights}, arrays={"class_weight": np.array(list(weights.values()))})
    case("sample_weight", "Adam(0.01)", keras_fit={"sample_weight": sample}, arrays={"sample_weight": sample},
         weighted=["sparse_categorical_accuracy"])
    sample = np.abs(f4(ROWS - 5))
    case("sample_weight, ragged, mse", "SGD(0.1)", [L.Dense(9, "tanh"), L.Dense(CLASSES)], loss="mse", kind="values", metrics=["mae"],
         weighted=["mse"], rows=ROWS - 5, keras_fit={"sample_weight": sample}, arrays={"sample_weight": sample})
    sample = np.abs(f4(ROWS + 40))
    case("sample_weight, validation_split", "SGD(0.1)", rows=ROWS + 40, keras_fit={"sample_weight": sample, "validation_split": 0.2},
         our_fit={"validation_split": 0.2}, arrays={"sample_weight": sample}, weighted=["sparse_categorical_accuracy"])
    case("validation_freq", "SGD(0.1)", keras_fit={"validation_data": (val_x, val_y), "validation_freq": 2},
         our_fit={"validation_freq": 2}, arrays={"val_x": val_x, "val_y": val_y})
    # A divisor of the pass: where the data end within an epoch, Keras cuts that epoch short and ours goes on with the next pass.
    case("steps_per_epoch", "SGD(0.1)", keras_fit={"steps_per_epoch": 5}, our_fit={"steps_per_epoch": 5}, epochs=10)
    for rows in (1, 3, 16, 32):
        case(f"leaves of {rows} rows", "SGD(0.1)", our_fit={"leaf_rows": rows})


def callbacks():
    case("ReduceLROnPlateau", "SGD(2.0)", callbacks=["ReduceLROnPlateau(monitor='loss', factor=0.3, patience=1, min_delta=0.05)"], epochs=8,
         bound=WIDE)
    val_x, val_y = data("label", 37)
    given = {"keras_fit": {"validation_data": (val_x, val_y)}, "arrays": {"val_x": val_x, "val_y": val_y}}
    case("EarlyStopping", "SGD(0.3)", callbacks=["EarlyStopping(patience=2, restore_best_weights=True)"], epochs=10, **given)
    case("EarlyStopping, val_accuracy", "Adam(0.02)", epochs=10, **given,
         callbacks=["EarlyStopping(monitor='val_accuracy', patience=1, min_delta=0.02)", "ReduceLROnPlateau(patience=1, cooldown=1)"])


for section in (optimizers, layers, losses, fits, callbacks):
    if wanted(section.__name__):
        section()
print(f"largest relative difference of any weight after {EPOCHS * ROWS // BATCH} steps (bound {BOUND:.0e}):")
for row in table:
    print(f"  {row[0]:62}{row[1]:9.2e}")
report.finish()
