# SPDX-License-Identifier: MIT
"""Initialisers, schedules, and optimizers step by step on given gradients, against Keras."""
import sys

import keras
import numpy as np

from elements import f4, keras_object, rng
from oracle import Oracle, Report, wanted

keras.utils.set_random_seed(5)
oracle, report = Oracle(sys.argv[1]), Report()

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
              "SGD(0.1, momentum=0.5, loss_scale_factor=8.0)", "ScheduleFreeAdamW(0.01)",
              "ScheduleFreeAdamW(0.01, beta_1=0.7, beta_2=0.99, warmup_steps=5, weight_decay=0.05, gradient_accumulation_steps=2)",
              "Muon(0.01)", "Muon(0.02, momentum=0.8, nesterov=False, ns_steps=3, rms_rate=None, adam_lr_ratio=0.5, adam_weight_decay=None)"]
OPTIMIZERS = [text for text in OPTIMIZERS if hasattr(keras.optimizers, text.split("(")[0])]


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
            theirs.apply([np.asarray(grads[step, :cut].reshape(matrix) * scale), np.asarray(grads[step, cut:] * scale)])
            expected = np.concatenate([np.asarray(v.value).ravel() for v in variables])
            # Of an element's path so far, which sums up what was added to it.
            report.close(f"optimizer {text}", ours["params"][step], expected, 3e-6, scale=np.abs(expected) + np.abs(params),
                         case=f"step {step}")


for section in (initializers, matrices, schedules, optimizers):
    if wanted(section.__name__):
        section()
report.finish()
