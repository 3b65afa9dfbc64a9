# SPDX-License-Identifier: MIT
"""Names and defaults of every class, activations, losses and regularisers with their gradients, against Keras."""
import inspect
import sys

import jax
import jax.numpy as jnp
import keras
import numpy as np

from elements import SHAPES, f4, keras_object, rng
from oracle import Oracle, OracleError, Report, wanted

keras.utils.set_random_seed(5)
oracle, report = Oracle(sys.argv[1]), Report()

# Ours alone, or ours by name only.
NOT_KERAS = {("losses", "crossentropy"), ("schedules", "Constant"), ("schedules", "LinearWarmup"), ("metrics", "accuracy"), ("metrics", "crossentropy")}
OURS_ONLY = {"l1_l2", "huber_loss", "rmse", "lamb", "schedule_free_adamw", "kld", "KLD", "kullback_leibler_divergence", "logcosh",
             "categorical_generalized_cross_entropy"}  # names of Keras 2 and of habit; written to files in Keras's spelling
MODULES = {"initializers": keras.initializers, "regularizers": keras.regularizers, "losses": keras.losses,
           "metrics": keras.metrics, "optimizers": keras.optimizers, "schedules": keras.optimizers.schedules}


def tables():
    """Our argument names, order and defaults are Keras's; each of our names means the same class there."""
    families, _ = oracle("tables")
    for family, module in MODULES.items():
        for entry in families[family]:
            name = entry["class_name"]
            if (family, name) in NOT_KERAS:
                continue
            signature = inspect.signature(getattr(module, name).__init__).parameters
            theirs = [p for p in signature if p not in ("self", "args", "kwargs")]
            ours = [p for p, _ in entry["params"]]
            known = [p for p in theirs if p in ours]
            report.true(f"{family}: arguments", known == ours and theirs[:1] == ours[:1],
                        f"{name}: ours {ours}, Keras {theirs}")
            for param, value in entry["params"]:
                default = signature[param].default if param in signature else None
                if param == "name" and default is None or param not in signature:
                    continue
                default = "REQUIRED" if default is inspect.Parameter.empty else default
                if (name, param) == ("BinaryIoU", "target_class_ids"):
                    continue  # a list cannot be a default here: none means all
                same = value == default or isinstance(default, (int, float)) and float(value) == float(default)
                report.true(f"{family}: defaults", same, f"{name}.{param}: ours {value!r}, Keras {default!r}")
            if family in ("initializers", "regularizers", "losses", "metrics", "optimizers"):
                for alias in {entry["name"], *entry["aliases"]} - OURS_ONLY:
                    try:
                        found = module.get(alias)
                    except ValueError:
                        found = None
                    except (KeyError, TypeError):  # known, and lacks an argument
                        found = name
                    report.true(f"{family}: names", found is not None, f"{alias} ({name}) is not known to Keras")
    for name in families["activations"]:
        report.true("activations: names", keras.activations.get(name) is not None, name)
    return families


# What Keras 3.15 has and we do not, and why. Layers are in README.md.
LEFT_OUT = {
    "losses": {"CTC": "aligns sequences", "Circle": "compares the samples of a batch"},
    "metrics": {"Mean": "of values, not of predictions", "Sum": "the same", "MeanMetricWrapper": "read as the metric whose function it wraps"},
    "optimizers": {"LossScaleOptimizer": "for float16", "MultiOptimizer": "one optimizer for each layer", "OptimizerMap": "the same"},
    "schedules": {}, "regularizers": {}, "constraints": {}, "initializers": {"STFT": "for signals"},
    "activations": {"glu": "halves the width that units promise", "threshold": "has arguments, which a name cannot give"},
}
OF_FEATURES = {"SpectralNormalization", "TimeDistributed", "EinsumDense", "Discretization", "CategoryEncoding"}  # of one chain, on features alone


def nothing_is_forgotten():
    """Every class and activation of Keras's is ours, or left out for a reason."""
    version = tuple(map(int, keras.__version__.split(".")[:2]))
    for family, module in {**MODULES, "constraints": keras.constraints}.items():
        ours = {entry["class_name"] for entry in families[family]}
        theirs = {name for name, value in vars(module).items() if inspect.isclass(value) and name == value.__name__ and name[0].isupper()}
        theirs -= {"Loss", "Metric", "Optimizer", "Initializer", "Regularizer", "Constraint", "LearningRateSchedule"}
        report.true(f"{family}: complete", version > (3, 15) or theirs - ours <= set(LEFT_OUT[family]), f"{theirs - ours - set(LEFT_OUT[family])}")
        report.true(f"{family}: no reason too many", not ours & set(LEFT_OUT[family]), family)
    ours = set(families["activations"])
    theirs = {value.__name__ for name, value in vars(keras.activations).items() if inspect.isfunction(value)} - {"get", "serialize", "deserialize"}
    report.true("activations: complete", version > (3, 15) or theirs - ours <= set(LEFT_OUT["activations"]), f"{theirs - ours}")
    report.true("layers: those of features that are missing", not OF_FEATURES & set(families["layers"]), "the README names one that is there")


def activations():
    special = np.array([0, -0.0, 1, -1, 0.5, -0.5, 3, -3, 6, 6.5, 2.5, -2.5, 20, -20, 90, -90, 1e-8, -1e-8, 1e-30], np.float32)
    for name in families["activations"]:
        function = keras.activations.get(name)
        for case in range(6):
            x = f4(5, 7, scale=[0.1, 1, 3, 10, 30, 1][case])
            if case == 5:
                x = np.resize(special, (5, 7))
            dy = f4(*x.shape)
            _, ours = oracle("activation", {"x": x, "dy": dy}, name=name)
            y, back = jax.vjp(lambda z: function(z), jnp.asarray(x))
            y, dx = np.asarray(y), np.asarray(back(jnp.asarray(dy))[0])
            # Each value within a few units of its own last place, or of the row's scale where terms cancel.
            report.close(f"activation {name}", ours["y"], y, 3e-6, scale=np.abs(y) + 0.1, case=f"case {case}")
            # Keras's kinks give either one-sided slope.
            kink = np.isin(x, [0, 0.5, -0.5, 1, -1, 3, -3, 6, 2.5, -2.5]) & (case == 5)
            row = np.abs(dx).max(axis=1, keepdims=True)
            report.close(f"activation {name}, gradient", np.where(kink, 0, ours["dx"]), np.where(kink, 0, dx), 5e-6,
                         scale=np.maximum(np.abs(dy), row), case=f"case {case}")


LOSSES = [
    ("categorical_crossentropy", "softmax"), ("CategoricalCrossentropy(label_smoothing=0.1)", "softmax"),
    ("CategoricalCrossentropy(from_logits=True)", "linear"),
    ("CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)", "linear"), ("categorical_crossentropy", "linear"),
    ("sparse_categorical_crossentropy", "softmax"), ("SparseCategoricalCrossentropy(from_logits=True)", "linear"),
    ("sparse_categorical_crossentropy", "linear"),
    ("binary_crossentropy", "sigmoid"), ("BinaryCrossentropy(label_smoothing=0.1)", "sigmoid"),
    ("BinaryCrossentropy(from_logits=True)", "linear"), ("BinaryCrossentropy(from_logits=True, label_smoothing=0.3)", "linear"),
    ("binary_crossentropy", "linear"),
    ("mse", "linear"), ("mean_squared_error", "tanh"), ("mae", "linear"), ("huber", "linear"), ("Huber(delta=0.3)", "linear"),
    ("mape", "linear"), ("msle", "softplus"), ("mean_squared_logarithmic_error", "linear"), ("cosine_similarity", "linear"), ("log_cosh", "linear"),
    ("hinge", "linear"), ("squared_hinge", "linear"), ("categorical_hinge", "linear"), ("kl_divergence", "linear"), ("poisson", "softplus"),
    ("binary_focal_crossentropy", "linear"), ("BinaryFocalCrossentropy(gamma=1.5, label_smoothing=0.2)", "linear"),
    ("BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3, from_logits=True)", "linear"),
    ("categorical_focal_crossentropy", "linear"), ("CategoricalFocalCrossentropy(alpha=0.5, gamma=1.5, label_smoothing=0.1)", "linear"),
    ("CategoricalFocalCrossentropy(from_logits=True)", "linear"), ("CategoricalFocalCrossentropy(gamma=0.0)", "linear"),
    ("CategoricalGeneralizedCrossEntropy(q=0.7)", "linear"), ("dice", "sigmoid"), ("Dice(axis=-1)", "sigmoid"), ("tversky", "sigmoid"),
    ("Tversky(alpha=0.3, beta=0.8)", "sigmoid"), ("Tversky(alpha=0.3, beta=0.8, axis=-1)", "sigmoid"),
    ("SparseCategoricalCrossentropy(ignore_class=1)", "softmax"), ("SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)", "linear"),
    ("SparseCategoricalCrossentropy(ignore_class=0, reduction='sum')", "softmax"),
    ("SparseCategoricalCrossentropy(ignore_class=0, reduction='mean_with_sample_weight')", "softmax"),
    ("MeanSquaredError(reduction='sum')", "linear"), ("MeanSquaredError(reduction='mean_with_sample_weight')", "linear"),
    ("CategoricalCrossentropy(from_logits=True, reduction='mean')", "linear"), ("Dice(reduction='sum')", "sigmoid"),
    ("Dice(reduction='mean_with_sample_weight')", "sigmoid"), ("Dice(axis=-1, reduction='sum')", "sigmoid"),
]


def loss_inputs(text, activation, logits):
    """What our loss takes (logits where it is fused with the activation), and a target for it."""
    rows, n = logits.shape
    fused = activation == "softmax" or (activation == "sigmoid" and "inary" in text)
    given = logits
    if "from_logits" not in text and ("rossentropy" in text or "CrossEntropy" in text or "kl_" in text) and not fused:
        given = np.asarray(jax.nn.softmax(logits) if "ategorical" in text or "kl_" in text else jax.nn.sigmoid(logits))
    elif not fused and activation != "linear":
        given = np.asarray(keras.activations.get(activation)(logits))
    label = rng.integers(0, n, rows).astype(np.int32)
    if "parse" in text or "Generalized" in text:
        if "ignore_class=-1" in text:
            label[::3] = -1
        return fused, given, {"label": label}
    if "ategorical" in text or "kl_" in text:
        return fused, given, {"target": np.eye(n, dtype=np.float32)[label]}
    if "inary" in text or "hinge" in text or "ice" in text or "versky" in text:
        return fused, given, {"target": rng.integers(0, 2, (rows, n)).astype(np.float32)}
    return fused, given, {"target": np.abs(f4(rows, n)) if "poisson" in text or "log" in text else f4(rows, n)}


def losses():
    for text, activation in LOSSES:
        for case in range(6):
            rows, n = SHAPES[case % 3]
            n = max(n, 2) if "ategorical" in text or "kl_" in text else n
            rows = max(rows, 2)  # Keras has an exception for a weighted batch of one
            fused, given, target = loss_inputs(text, activation, f4(rows, n, scale=[0.5, 1, 2, 3, 4, 1][case]))
            weight = np.abs(f4(rows)) if case % 2 else None
            reply, ours = oracle("loss", {"in": given, "weight": weight, **target}, loss=text, activation=activation)
            loss = keras_object(keras.losses, text)
            apply = keras.activations.get(activation) if fused else (lambda z: z)
            truth = next(iter(target.values()))

            def value(z):
                y = apply(z)
                if isinstance(loss, keras.losses.Loss):
                    return loss(truth, y, sample_weight=weight)
                each = loss(truth, y)
                return jnp.mean(each if weight is None else each * weight)

            keras_value, keras_grad = jax.value_and_grad(value)(jnp.asarray(given))
            kind = f"loss {text} after {activation}"
            report.close(kind, reply["loss"], keras_value, 5e-6, scale=abs(float(keras_value)) + 0.1, case=f"case {case}")
            report.close(kind + ", gradient", ours["grad"], keras_grad, 2e-5, floor=0.01, case=f"case {case}")
            report.true("losses: on logits when fused", reply["on_logits"] == (fused or "from_logits" in text), kind)


def regularizers():
    for text in ["l1", "l2", "L1L2", "L1(0.3)", "L2(0.01)", "L1L2(l1=0.1, l2=0.2)", "OrthogonalRegularizer",
                 "OrthogonalRegularizer(0.3, mode='columns')", "OrthogonalRegularizer(factor=0.1)"]:
        w = f4(*((170, 9) if "0.1)" in text else (17, 9)))
        w[0, :3] = 0
        reply, ours = oracle("regularizer", {"w": w}, regularizer=text)
        theirs = keras_object(keras.regularizers, text)
        value, grad = jax.value_and_grad(lambda v: jnp.asarray(theirs(v)))(jnp.asarray(w))
        report.close("regularizer values", reply["value"], value, 1e-6, case=text)
        if "Orthogonal" not in text:
            grad = np.where(w == 0, 0, np.asarray(grad))  # |0| has any slope
        report.close("regularizer gradients", ours["grad"], grad, 1e-5 if "Orthogonal" in text else 1e-6, floor=1e-3, case=text)


def refusals():
    """What Keras has and we do not is refused, not guessed."""
    arrays = {"x": f4(1, 4), "dy": f4(1, 4), "in": f4(2, 2), "target": f4(2, 2), "params": f4(4), "grads": f4(1, 4)}
    arrays["pred"] = f4(2, 2)
    for op, arguments in [("metric", {"metric": "Mean()"}), ("metric", {"metric": "Sum()"}),
                          ("activation", {"name": "glu"}), ("activation", {"name": "threshold"}), ("loss", {"loss": "ctc", "activation": "linear"}),
                          ("loss", {"loss": "Circle()", "activation": "linear"}), ("optimizer", {"optimizer": "MultiOptimizer"}), ("optimizer", {"optimizer": "LossScaleOptimizer"})]:
        try:
            oracle(op, arrays, **arguments)
            report.true("refusals", False, str(arguments))
        except OracleError as error:
            report.true("refusals", "LS_ERR_UNSUPPORTED" in str(error), f"{arguments} {error}")


families = tables()
for section in (nothing_is_forgotten, activations, losses, regularizers, refusals):
    if wanted(section.__name__):
        section()
report.finish()
