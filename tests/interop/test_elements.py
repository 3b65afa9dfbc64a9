# SPDX-License-Identifier: MIT
"""Names and defaults of every class, activations, losses, metrics, initialisers, regularisers, schedules against Keras."""
import inspect
import sys

import jax
import jax.numpy as jnp
import keras
import numpy as np

from oracle import Oracle, OracleError, Report, wanted

keras.utils.set_random_seed(5)
rng = np.random.default_rng(7)
oracle, report = Oracle(sys.argv[1]), Report()

# Ours alone, or ours by name only.
NOT_KERAS = {("schedules", "Constant"), ("schedules", "LinearWarmup"), ("metrics", "accuracy"), ("metrics", "crossentropy")}
OURS_ONLY = {"l1_l2", "huber_loss", "rmse", "lamb", "kld", "KLD", "kullback_leibler_divergence", "logcosh",
             "categorical_generalized_cross_entropy"}  # names of Keras 2 and of habit; written to files in Keras's spelling
MODULES = {"initializers": keras.initializers, "regularizers": keras.regularizers, "losses": keras.losses,
           "metrics": keras.metrics, "optimizers": keras.optimizers, "schedules": keras.optimizers.schedules}


# Few of them: JAX compiles for every new shape.
SHAPES = [(33, 7), (1, 3), (20, 1)]


def f4(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


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


def keras_object(module, text):
    """Our call notation is Python's."""
    if "(" not in text:
        return module.get(text)
    return eval(text, {**vars(module), "schedules": keras.optimizers.schedules})  # pylint: disable=eval-used


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


# (text, kind of prediction, kind of target)
METRICS = [
    ("accuracy", "p", "label"), ("acc", "p", "hot"), ("accuracy", "p1", "b"), ("crossentropy", "p", "label"), ("ce", "p", "hot"),
    ("crossentropy", "p1", "b"), ("Accuracy()", "values", "values"), ("binary_accuracy", "pn", "bn"),
    ("BinaryAccuracy(threshold=0.3)", "pn", "bn"), ("categorical_accuracy", "p", "hot"), ("sparse_categorical_accuracy", "p", "label"),
    ("TopKCategoricalAccuracy(k=3)", "p", "hot"), ("SparseTopKCategoricalAccuracy(k=2)", "p", "label"),
    ("top_k_categorical_accuracy", "p", "hot"), ("sparse_top_k_categorical_accuracy", "p", "label"),
    ("mae", "values", "values"), ("mse", "values", "values"), ("root_mean_squared_error", "values", "values"),
    ("precision", "pn", "bn"), ("recall", "pn", "bn"), ("Precision(thresholds=0.7)", "pn", "bn"), ("Recall(thresholds=0.2)", "pn", "bn"),
    ("categorical_crossentropy", "p", "hot"), ("CategoricalCrossentropy(label_smoothing=0.1)", "p", "hot"),
    ("sparse_categorical_crossentropy", "p", "label"), ("binary_crossentropy", "pn", "bn"), ("bce", "pn", "bn"),
    ("BinaryCrossentropy(label_smoothing=0.2)", "pn", "bn"), ("BinaryCrossentropy(from_logits=True)", "values", "bn"),
    ("CategoricalCrossentropy(from_logits=True)", "values", "hot"), ("SparseCategoricalCrossentropy(from_logits=True)", "values", "label"),
    ("mape", "values", "values"), ("msle", "values", "values"), ("LogCoshError()", "values", "values"), ("hinge", "values", "bn"),
    ("squared_hinge", "values", "values"), ("CategoricalHinge()", "p", "hot"), ("KLDivergence()", "p", "hot"), ("poisson", "pn", "values"),
    ("CosineSimilarity()", "values", "values"), ("PearsonCorrelation()", "values", "values"), ("ConcordanceCorrelation()", "values", "values"),
    ("TruePositives()", "pn", "bn"), ("TrueNegatives(thresholds=0.3)", "pn", "bn"), ("FalsePositives()", "pn", "bn"),
    ("FalseNegatives(thresholds=0.6)", "pn", "bn"), ("Precision(top_k=2)", "pn", "bn"), ("Recall(top_k=1, class_id=1)", "pn", "bn"),
    ("Precision(thresholds=0.4, top_k=2, class_id=0)", "pn", "bn"), ("AUC()", "pn", "bn"), ("AUC(curve='PR')", "pn", "bn"),
    ("AUC(curve='PRGAIN', num_thresholds=30)", "pn", "bn"), ("AUC(curve='PR', summation_method='minoring')", "p1", "b"),
    ("AUC(summation_method='majoring', thresholds=[0.1, 0.7, 0.4])", "pn", "bn"), ("AUC(thresholds=[0.25, 0.5, 0.75])", "p1", "b"),
    ("AUC(multi_label=True, num_labels=3, label_weights=[1.0, 0.5, 2.0])", "pn", "bn"), ("AUC(multi_label=True, curve='PR')", "pn", "bn"),
    ("AUC(label_weights=[1.0, 0.5, 2.0])", "pn", "bn"), ("AUC(from_logits=True, num_thresholds=50)", "v3", "bn"),
    ("SensitivityAtSpecificity(0.5)", "pn", "bn"), ("SpecificityAtSensitivity(0.7, num_thresholds=40)", "pn", "bn"),
    ("PrecisionAtRecall(0.6)", "p1", "b"), ("RecallAtPrecision(0.5, class_id=1)", "pn", "bn"), ("SensitivityAtSpecificity(0.4, num_thresholds=1)", "pn", "bn"),
    ("F1Score(average='macro')", "p", "hot"), ("F1Score(average='micro', threshold=0.4)", "pn", "bn"), ("F1Score(threshold=0.5)", "p1", "b"),
    ("FBetaScore(average='weighted', beta=2.0)", "p", "hot"), ("FBetaScore(average='macro', beta=0.5, threshold=0.3)", "pn", "bn"),
    ("R2Score()", "values", "values"), ("R2Score(class_aggregation='variance_weighted_average', num_regressors=2)", "values", "values"),
    ("MeanIoU(num_classes=7, sparse_y_pred=False)", "p", "label"), ("OneHotMeanIoU(num_classes=7)", "p", "hot"),
    ("IoU(num_classes=7, target_class_ids=[0, 2, 3], sparse_y_pred=False, ignore_class=2)", "p", "label"),
    ("OneHotIoU(num_classes=7, target_class_ids=[1, 4])", "p", "hot"), ("BinaryIoU()", "pn", "bn"),
    ("BinaryIoU(target_class_ids=[1], threshold=0.3)", "pn", "bn"),
]
RESOLVED = {"label": ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"),
            "hot": ("CategoricalAccuracy", "CategoricalCrossentropy"), "b": ("BinaryAccuracy", "BinaryCrossentropy")}


def keras_metric(text, target_kind):
    if text in ("accuracy", "acc"):
        return getattr(keras.metrics, RESOLVED[target_kind][0])()
    if text in ("crossentropy", "ce"):
        return getattr(keras.metrics, RESOLVED[target_kind][1])()
    metric = keras_object(keras.metrics, text)
    if inspect.isfunction(metric):
        metric = keras.metrics.MeanMetricWrapper(metric)
    return metric() if inspect.isclass(metric) else metric


def metrics():
    for text, pred_kind, target_kind in METRICS:
        for case in range(4):
            rows, n = SHAPES[case % 3]
            n = {"p1": 1, "pn": 3, "v3": 3}.get(pred_kind, max(n, 6))
            values = f4(rows, n, scale=2)
            pred = values if pred_kind in ("values", "v3") else np.asarray(jax.nn.softmax(values) if pred_kind == "p" else jax.nn.sigmoid(values))
            weight = np.abs(f4(rows)) if case % 2 else None
            if weight is not None and "IoU" in text:
                weight = np.ceil(weight)  # which Keras turns into integers
            if "BinaryIoU" in text:
                weight = None  # Keras does not spread them over several outputs
            arrays = {"pred": pred, "weight": weight}
            label = rng.integers(0, n, rows).astype(np.int32)
            if target_kind == "label":
                target = arrays["label"] = label
            elif target_kind == "hot":
                target = arrays["target"] = np.eye(n, dtype=np.float32)[label]
            elif target_kind == "values":
                target = arrays["target"] = np.where(rng.random((rows, n)) < 0.3, pred, f4(rows, n)).astype(np.float32)
            else:
                target = arrays["target"] = rng.integers(0, 2, (rows, n)).astype(np.float32)
            if "R2" in text or "Pearson" in text:
                if rows == 1 or n == 1:
                    continue  # no spread to compare with
            reply, _ = oracle("metric", arrays, metric=text)
            metric = keras_metric(text, target_kind)
            metric.update_state(target.astype(np.float32) if "IoU" in text else target, pred, sample_weight=weight)
            expected = float(np.squeeze(metric.result()))
            report.close(f"metric {text}", reply["value"], expected, 3e-6, scale=abs(expected) + 0.1,
                         case=f"case {case} rows {rows} n {n}")


INITIALIZERS = ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "random_normal",
                "RandomNormal(mean=1.0, stddev=0.3)", "truncated_normal", "TruncatedNormal(mean=-2.0, stddev=0.5)", "random_uniform",
                "RandomUniform(minval=-0.5, maxval=2.0)", "zeros", "ones", "Constant(0.3)",
                "VarianceScaling(scale=2.0, mode='fan_out', distribution='uniform')",
                "VarianceScaling(scale=0.5, mode='fan_avg', distribution='untruncated_normal')"]


def initializers():
    """The generators differ, so the distributions are compared: moments, extremes, quantiles; and against Keras's own draw."""
    rows, columns = 300, 400
    for text in INITIALIZERS:
        theirs = np.asarray(keras_object(keras.initializers, text)((rows, columns))).ravel().astype(np.float64)
        _, ours = oracle("initializer", initializer=text, rows=rows, columns=columns, seed=3)
        ours = ours["values"].ravel().astype(np.float64)
        _, again = oracle("initializer", initializer=text, rows=rows, columns=columns, seed=3)
        report.true("initializers: a function of the seed", np.array_equal(ours, again["values"].ravel()), text)
        spread = theirs.std()
        if spread == 0:
            report.close(f"initializer {text}", ours, theirs, 0.0, case=text)
            continue
        # Of 120,000 draws a mean is known to 0.003 spreads, a quantile to about 0.01.
        report.close(f"initializer {text}: mean and spread", [ours.mean(), ours.std()], [theirs.mean(), spread], 0.02, scale=spread)
        levels = np.linspace(0.01, 0.99, 50)
        report.close(f"initializer {text}: quantiles", np.quantile(ours, levels), np.quantile(theirs, levels), 0.05, scale=spread)
        if "untruncated" in text or "andom" in text and "ormal" in text:
            continue
        report.close(f"initializer {text}: ends", [ours.min(), ours.max()], [theirs.min(), theirs.max()], 0.02, scale=spread)
        row_means = ours.reshape(rows, columns).mean(axis=1)
        report.true("initializers: rows are independent", row_means.std() < 3 * spread / np.sqrt(columns), text)


def matrices():
    """Orthogonal: columns (or rows) of one length, at right angles. Identity as Keras has it."""
    for rows, columns in [(7, 7), (30, 12), (12, 30)]:
        _, ours = oracle("initializer", initializer="Orthogonal(gain=1.5)", rows=rows, columns=columns, seed=3)
        w = ours["values"].astype(np.float64)
        product = w.T @ w if rows >= columns else w @ w.T
        report.close("initializer Orthogonal", product, 2.25 * np.eye(min(rows, columns)), 2e-6)
        _, ours = oracle("initializer", initializer="Identity(0.5)", rows=rows, columns=columns, seed=3)
        report.close("initializer Identity", ours["values"], np.asarray(keras.initializers.Identity(0.5)((rows, columns))), 0.0)


def regularizers():
    for text in ["l1", "l2", "L1L2", "L1(0.3)", "L2(0.01)", "L1L2(l1=0.1, l2=0.2)"]:
        w = f4(17, 9)
        w[0, :3] = 0
        reply, ours = oracle("regularizer", {"w": w}, regularizer=text)
        theirs = keras_object(keras.regularizers, text)
        value, grad = jax.value_and_grad(lambda v: jnp.asarray(theirs(v)))(jnp.asarray(w))
        report.close("regularizer values", reply["value"], value, 1e-6, case=text)
        grad = np.where(w == 0, 0, np.asarray(grad))  # |0| has any slope
        report.close("regularizer gradients", ours["grad"], grad, 1e-6, floor=1e-3, case=text)


SCHEDULES = ["ExponentialDecay(0.1, 30, 0.9)", "ExponentialDecay(0.1, 7, 0.5, staircase=True)", "InverseTimeDecay(0.1, 10, 0.5)",
             "InverseTimeDecay(0.1, 10, 0.5, staircase=True)", "PolynomialDecay(0.1, 50)",
             "PolynomialDecay(0.1, 20, end_learning_rate=0.01, power=2.0, cycle=True)",
             "PolynomialDecay(0.1, 40, end_learning_rate=0.02, power=0.5)",
             "PiecewiseConstantDecay([10, 20, 50], [0.1, 0.05, 0.02, 0.01])", "CosineDecay(0.1, 60)", "CosineDecay(0.1, 60, alpha=0.1)",
             "CosineDecay(0.01, 60, alpha=0.05, warmup_target=0.2, warmup_steps=15)", "CosineDecayRestarts(0.1, 12)",
             "CosineDecayRestarts(0.1, 10, t_mul=1.0, m_mul=0.9, alpha=0.1)", "CosineDecayRestarts(0.1, 9, t_mul=1.5, m_mul=0.8)"]


def schedules():
    for text in SCHEDULES:
        _, ours = oracle("schedule", schedule=text, steps=100)
        theirs = keras_object(keras.optimizers.schedules, text)
        expected = np.array([float(theirs(i)) for i in range(100)])
        report.close(f"schedule {text}", ours["rates"], expected, 3e-6, scale=np.abs(expected).max())


OPTIMIZERS = ["SGD(0.1)", "SGD(0.1, momentum=0.9)", "SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01)", "Adagrad(0.1)",
              "RMSprop(0.01)", "RMSprop(0.01, momentum=0.7, centered=True)", "Adam(0.01)", "Adam(0.01, amsgrad=True)",
              "AdamW(0.01)", "SGD(0.1, clipnorm=0.5)", "SGD(0.1, clipvalue=0.2)", "SGD(0.1, global_clipnorm=0.7)",
              "Adamax(0.01)", "Nadam(0.01)", "Adadelta(0.5)", "Ftrl(0.1)", "Lion(0.01)", "Lamb(0.01)", "Adafactor(0.05)",
              "Adamax(0.01, beta_1=0.5, weight_decay=0.01)", "Nadam(0.01, epsilon=1e-4, clipnorm=0.3)", "Adadelta(1.0, rho=0.8, weight_decay=0.02)",
              "Ftrl(0.1, l1_regularization_strength=0.05, l2_regularization_strength=0.1, l2_shrinkage_regularization_strength=0.2, beta=0.3)",
              "Ftrl(0.1, learning_rate_power=-0.7, initial_accumulator_value=0.2)", "Lion(0.01, beta_2=0.9, weight_decay=0.1)",
              "Lamb(0.01, weight_decay=0.05)", "Adafactor(0.05, weight_decay=0.1, clip_threshold=0.5)",
              "Adafactor(0.05, relative_step=False, beta_2_decay=-0.6, epsilon_2=0.1)", "SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3)",
              "Adam(0.01, gradient_accumulation_steps=3, clipnorm=0.5)", "Nadam(0.01, gradient_accumulation_steps=2, use_ema=True)",
              "SGD(0.1, momentum=0.5, loss_scale_factor=8.0)"]


def optimizers():
    """Given gradients of all sizes, zeros among them: every element after every step, to its own rounding."""
    n, cut, matrix, steps = 40, 16, (2, 8), 12
    for text in OPTIMIZERS:
        params = f4(n)
        grads = (f4(steps, n) * 10.0 ** rng.integers(-6, 2, (1, n))).astype(np.float32)
        grads[:, ::9] = 0
        _, ours = oracle("optimizer", {"params": params, "grads": grads}, optimizer=text, cut=cut, rows=matrix[0])
        variables = [keras.Variable(params[:cut].reshape(matrix)), keras.Variable(params[cut:])]
        theirs = keras_object(keras.optimizers, text)
        theirs.build(variables)
        for step in range(steps):
            scale = theirs.loss_scale_factor or 1.0
            theirs.apply([jnp.asarray(grads[step, :cut].reshape(matrix) * scale), jnp.asarray(grads[step, cut:] * scale)])
            expected = np.concatenate([np.asarray(v.value).ravel() for v in variables])
            # Of an element's path so far, which sums up what was added to it.
            report.close(f"optimizer {text}", ours["params"][step], expected, 3e-6, scale=np.abs(expected) + np.abs(params),
                         case=f"step {step}")


def refusals():
    """What Keras has and we do not is refused, not guessed."""
    arrays = {"x": f4(1, 4), "dy": f4(1, 4), "in": f4(2, 2), "target": f4(2, 2), "params": f4(4), "grads": f4(1, 4)}
    arrays["pred"] = f4(2, 2)
    for op, arguments in [("metric", {"metric": "Mean()"}), ("metric", {"metric": "Sum()"}), ("metric", {"metric": "F1Score()"}),
                          ("activation", {"name": "glu"}), ("activation", {"name": "threshold"}), ("loss", {"loss": "ctc", "activation": "linear"}),
                          ("loss", {"loss": "Circle()", "activation": "linear"}), ("optimizer", {"optimizer": "Muon(0.1)"}),
                          ("optimizer", {"optimizer": "ScheduleFreeAdamW"}), ("optimizer", {"optimizer": "LossScaleOptimizer"})]:
        try:
            oracle(op, arrays, **arguments)
            report.true("refusals", False, str(arguments))
        except OracleError as error:
            report.true("refusals", "LS_ERR_UNSUPPORTED" in str(error), f"{arguments} {error}")


families = tables()
for section in (activations, losses, metrics, initializers, matrices, regularizers, schedules, optimizers, refusals):
    if wanted(section.__name__):
        section()
report.finish()
