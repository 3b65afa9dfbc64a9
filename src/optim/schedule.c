/* SPDX-License-Identifier: MIT */
/* Keras 3's learning-rate schedules; formulas from
 * keras/src/optimizers/schedules/learning_rate_schedule.py. */
#include "optim/schedule.h"

#include "math/elementary.h"

#define RATE(argument)                                                                             \
  { argument, LSI_PARAM_FLOAT, LSI_REQUIRED, 0.0, 1e6, NULL }
#define STEPS(argument)                                                                            \
  { argument, LSI_PARAM_INT, LSI_REQUIRED, 1.0, LSI_MAX_COUNT, NULL }
#define FRACTION(argument)                                                                         \
  { argument, LSI_PARAM_FLOAT, 0.0, 0.0, 1.0, NULL }
#define FLAG(argument)                                                                             \
  { argument, LSI_PARAM_BOOL, 0.0, 0.0, 1.0, NULL }
#define NAME(text)                                                                                 \
  { "name", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, text }

static const lsi_class_info classes[] = {
    {.kind = LSI_SCHEDULE_CONSTANT,
     .class_name = "Constant",
     .name = "constant",
     .n_params = 1,
     .params = {RATE("learning_rate")}},
    {.kind = LSI_SCHEDULE_PIECEWISE,
     .class_name = "PiecewiseConstantDecay",
     .name = "piecewise_constant_decay",
     .aliases = {"piecewise_constant", "piecewise", "step"},
     .n_params = 3,
     .params = {{"boundaries", LSI_PARAM_LIST, LSI_REQUIRED, 0.0, LSI_MAX_COUNT, NULL},
                {"values", LSI_PARAM_LIST, LSI_REQUIRED, 0.0, 1e6, NULL},
                NAME("PiecewiseConstant")}},
    {.kind = LSI_SCHEDULE_EXPONENTIAL,
     .class_name = "ExponentialDecay",
     .name = "exponential_decay",
     .aliases = {"exponential"},
     .n_params = 5,
     .params = {RATE("initial_learning_rate"),
                STEPS("decay_steps"),
                {"decay_rate", LSI_PARAM_FLOAT, LSI_REQUIRED, LSI_ABOVE_0, 1e6, NULL},
                FLAG("staircase"),
                NAME("ExponentialDecay")}},
    {.kind = LSI_SCHEDULE_INVERSE_TIME,
     .class_name = "InverseTimeDecay",
     .name = "inverse_time_decay",
     .aliases = {"inverse_time"},
     .n_params = 5,
     .params = {RATE("initial_learning_rate"),
                STEPS("decay_steps"),
                {"decay_rate", LSI_PARAM_FLOAT, LSI_REQUIRED, 0.0, 1e6, NULL},
                FLAG("staircase"),
                NAME("InverseTimeDecay")}},
    {.kind = LSI_SCHEDULE_POLYNOMIAL,
     .class_name = "PolynomialDecay",
     .name = "polynomial_decay",
     .aliases = {"polynomial"},
     .n_params = 6,
     .params = {RATE("initial_learning_rate"),
                STEPS("decay_steps"),
                {"end_learning_rate", LSI_PARAM_FLOAT, 0.0001, 0.0, 1e6, NULL},
                {"power", LSI_PARAM_FLOAT, 1.0, LSI_ABOVE_0, 1e3, NULL},
                FLAG("cycle"),
                NAME("PolynomialDecay")}},
    {.kind = LSI_SCHEDULE_COSINE,
     .class_name = "CosineDecay",
     .name = "cosine_decay",
     .aliases = {"cosine"},
     .n_params = 6,
     .params = {RATE("initial_learning_rate"),
                STEPS("decay_steps"),
                FRACTION("alpha"),
                NAME("CosineDecay"),
                {"warmup_target", LSI_PARAM_FLOAT, NAN, 0.0, 1e6, NULL},
                {"warmup_steps", LSI_PARAM_INT, 0.0, 0.0, LSI_MAX_COUNT, NULL}}},
    {.kind = LSI_SCHEDULE_COSINE_RESTARTS,
     .class_name = "CosineDecayRestarts",
     .name = "cosine_decay_restarts",
     .aliases = {"cosine_restarts"},
     .n_params = 6,
     .params = {RATE("initial_learning_rate"),
                STEPS("first_decay_steps"),
                {"t_mul", LSI_PARAM_FLOAT, 2.0, 1.0, 1e6, NULL},
                {"m_mul", LSI_PARAM_FLOAT, 1.0, LSI_ABOVE_0, 1e6, NULL},
                FRACTION("alpha"),
                NAME("SGDRDecay")}},
    {.kind = LSI_SCHEDULE_LINEAR_WARMUP,
     .class_name = "LinearWarmup",
     .name = "linear_warmup",
     .aliases = {"warmup"},
     .n_params = 3,
     .params = {RATE("target"),
                STEPS("warmup_steps"),
                {"initial_learning_rate", LSI_PARAM_FLOAT, 0.0, 0.0, 1e6, NULL}}},
};

static ls_status check_schedule(const lsi_object *schedule) {
  if (schedule->info->kind != LSI_SCHEDULE_PIECEWISE)
    return LS_OK;
  int n = schedule->n_list[0];
  LSI_CHECK(schedule->n_list[1] == n + 1, LS_ERR_ARG,
            "Give one value for each interval: one more than boundaries.",
            "schedule PiecewiseConstantDecay: %d boundaries and %d values", n, schedule->n_list[1]);
  for (int i = 1; i < n; i++)
    LSI_CHECK(
        schedule->list[0][i - 1] < schedule->list[0][i], LS_ERR_ARG,
        "Boundaries are iterations, in rising order.",
        "schedule PiecewiseConstantDecay: boundary %d (%g) is not above the one before it (%g)", i,
        schedule->list[0][i], schedule->list[0][i - 1]);
  return LS_OK;
}

const lsi_family lsi_schedules = {.what = "schedule",
                                  .classes = classes,
                                  .n_classes = (int)(sizeof classes / sizeof *classes),
                                  .check = check_schedule};

/* ---- formulas ---- */

static double piecewise(const lsi_object *s, double step) {
  int i = 0;
  while (i < s->n_list[0] && step > s->list[0][i])
    i++;
  return s->list[1][i];
}

static double progress(const lsi_object *s, double step) {
  double p = step / lsi_object_get(s, "decay_steps");
  return lsi_object_get(s, "staircase") != 0 ? floor(p) : p;
}

static double polynomial(const lsi_object *s, double step, double initial) {
  double n = lsi_object_get(s, "decay_steps"), end = lsi_object_get(s, "end_learning_rate");
  if (lsi_object_get(s, "cycle") != 0)
    n *= step == 0 ? 1.0 : ceil(step / n);
  else
    step = step < n ? step : n;
  double rest = 1.0 - step / n;
  double fraction = rest > 0 ? lsi_pow(rest, lsi_object_get(s, "power")) : 0.0;
  return (initial - end) * fraction + end;
}

/* Half a cosine from 1 down to alpha as x goes from 0 to 1, its amplitude times `factor`. */
static double cosine_fraction(double x, double factor, double alpha) {
  return (1.0 - alpha) * (0.5 * factor * (1.0 + lsi_cos_pi(x))) + alpha;
}

static double cosine(const lsi_object *s, double step, double initial) {
  double n = lsi_object_get(s, "decay_steps"), alpha = lsi_object_get(s, "alpha");
  double target = lsi_object_get(s, "warmup_target"), warmup = lsi_object_get(s, "warmup_steps");
  if (isnan(target))
    return initial * cosine_fraction(step < n ? step / n : 1.0, 1.0, alpha);
  if (step < warmup)
    return (target - initial) * (step / warmup) + initial;
  step -= warmup;
  return target * cosine_fraction(step < n ? step / n : 1.0, 1.0, alpha);
}

/* By squaring: exact as long as the power is, so restarts of a doubling period fall on their very
 * step. */
static double whole_power(double base, int64_t n) {
  double power = 1.0;
  for (; n > 0; n >>= 1, base *= base)
    if (n & 1)
      power *= base;
  return power;
}

/* Periods of length 1, t, t^2, ...: which one x lies in, and how far into it. */
static int64_t geometric_period(double x, double t, double *inside) {
  double reach = 1.0 + x * (t - 1.0); /* t^i <= reach < t^(i+1) */
  int64_t i = (int64_t)floor(lsi_log(reach) / lsi_log(t));
  while (i > 0 && whole_power(t, i) > reach)
    i--;
  while (whole_power(t, i + 1) <= reach)
    i++;
  double length = whole_power(t, i);
  *inside = (x - (length - 1.0) / (t - 1.0)) / length;
  return i;
}

static double cosine_restarts(const lsi_object *s, double step, double initial) {
  double x = step / lsi_object_get(s, "first_decay_steps"), t = lsi_object_get(s, "t_mul"), inside;
  int64_t i = (int64_t)floor(x);
  if (t == 1.0)
    inside = x - floor(x);
  else
    i = geometric_period(x, t, &inside);
  double factor = whole_power(lsi_object_get(s, "m_mul"), i);
  return initial * cosine_fraction(inside, factor, lsi_object_get(s, "alpha"));
}

static double linear_warmup(const lsi_object *s, double step, double initial) {
  double target = lsi_object_get(s, "target"), n = lsi_object_get(s, "warmup_steps");
  return step < n ? (target - initial) * (step / n) + initial : target;
}

double lsi_schedule_at(const lsi_object *s, int64_t iteration) {
  double step = (double)iteration, initial = lsi_object_get(s, "initial_learning_rate");
  switch ((lsi_schedule_kind)s->info->kind) {
  case LSI_SCHEDULE_CONSTANT:
    return lsi_object_get(s, "learning_rate");
  case LSI_SCHEDULE_PIECEWISE:
    return piecewise(s, step);
  case LSI_SCHEDULE_EXPONENTIAL:
    return initial * lsi_pow(lsi_object_get(s, "decay_rate"), progress(s, step));
  case LSI_SCHEDULE_INVERSE_TIME:
    return initial / (1.0 + lsi_object_get(s, "decay_rate") * progress(s, step));
  case LSI_SCHEDULE_POLYNOMIAL:
    return polynomial(s, step, initial);
  case LSI_SCHEDULE_COSINE:
    return cosine(s, step, initial);
  case LSI_SCHEDULE_COSINE_RESTARTS:
    return cosine_restarts(s, step, initial);
  case LSI_SCHEDULE_LINEAR_WARMUP:
    return linear_warmup(s, step, initial);
  }
  return NAN;
}
