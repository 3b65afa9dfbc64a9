/* SPDX-License-Identifier: MIT */
/*
 * Adafactor (keras/src/optimizers/adafactor.py). The second moments of a matrix are the product of the running means of its
 * rows (r) and columns (c) over the mean of r; those of a vector are kept whole. Means are summed in double, rows and columns
 * each in one fixed order.
 */
#include <omp.h>
#include "math/team.h"
#include "math/tree.h"
#include "optim/update.h"

typedef struct factors {
  float keep, take; /* beta_2_t, 1 - beta_2_t */
  double epsilon;
} factors;

static factors factors_at(const lsi_optimizer *optimizer) {
  const lsi_object *object = &optimizer->object;
  double t = (double)(lsi_optimizer_updates(optimizer) + 1);
  float keep = 1.0f - (float)lsi_pow(t, lsi_object_get(object, "beta_2_decay"));
  return (factors){keep, 1.0f - keep, lsi_object_get(object, "epsilon_1")};
}

/* r: one value a row */
static void row_means(const lsi_optim_tensor *t, const float *g, factors f, float *r) {
  size_t rows = t->batches * t->rows;
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(2.0 * (double)t->count))
  for (size_t i = 0; i < rows; i++) {
    double mean = lsi_sum_squares(g + i * t->columns, t->columns) / (double)t->columns + f.epsilon;
    r[i] = f.keep * r[i] + f.take * (float)mean;
  }
}

enum { CHUNK = 256 };

LSI_CLONES static void add_squares(size_t n, const float *restrict g, double *restrict sum) {
  for (size_t j = 0; j < n; j++)
    sum[j] += (double)g[j] * (double)g[j];
}

/* c: one value a column, of one matrix, a chunk of columns at a time */
static void column_means(const lsi_optim_tensor *t, const float *g, factors f, float *c) {
  size_t chunks = (t->columns + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(2.0 * (double)t->count))
  for (size_t k = 0; k < chunks; k++) {
    double sum[CHUNK] = {0};
    size_t first = k * CHUNK, n = t->columns - first < CHUNK ? t->columns - first : CHUNK;
    for (size_t i = 0; i < t->rows; i++)
      add_squares(n, g + i * t->columns + first, sum);
    for (size_t j = 0; j < n; j++) {
      double mean = sum[j] / (double)t->rows + f.epsilon;
      c[first + j] = f.keep * c[first + j] + f.take * (float)mean;
    }
  }
}

LSI_CLONES static void matrix_row(size_t n, const float *restrict g, float share,
                                  const float *restrict c, float *restrict v,
                                  float *restrict step) {
  for (size_t j = 0; j < n; j++) {
    v[j] = share * c[j];
    step[j] = g[j] / sqrtf(v[j]);
  }
}

/* v = r / mean(r) c, step = g / sqrt(v) */
static void matrix_steps(const lsi_optim_tensor *t, const lsi_update *u) {
  const float *r = u->slots[0], *c = u->slots[1];
  for (size_t b = 0; b < t->batches; b++) {
    double sum = 0;
    for (size_t i = 0; i < t->rows; i++)
      sum += (double)r[b * t->rows + i];
    float mean = (float)(sum / (double)t->rows);
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(20.0 * (double)t->count))
    for (size_t i = 0; i < t->rows; i++) {
      size_t at = (b * t->rows + i) * t->columns;
      matrix_row(t->columns, u->grad + at, r[b * t->rows + i] / mean, c + b * t->columns, u->slots[2] + at,
                 u->scratch + at);
    }
  }
}

LSI_CLONES static void vector_steps(size_t n, const float *restrict g, factors f, float *restrict v,
                                    float *restrict step) {
  float epsilon = (float)f.epsilon;
  for (size_t i = 0; i < n; i++) {
    v[i] = f.keep * v[i] + f.take * (g[i] * g[i] + epsilon);
    step[i] = g[i] / sqrtf(v[i]);
  }
}

static float root_mean_square(const float *x, size_t n) {
  return (float)sqrt(lsi_sum_squares(x, n) / (double)n);
}

LSI_INLINE float larger(float a, float b) {
  return a > b || a != a ? a : b;
}

static void decay_weights(const lsi_optimizer *optimizer, const lsi_update *u) {
  (void)optimizer;
  for (size_t i = 0; i < u->n; i++)
    u->params[i] = lsi_decayed(u->params[i], u->decay, u->rate);
}

LSI_CLONES static void subtract(size_t n, float factor, const float *restrict step, float divisor,
                                float *restrict w) {
  for (size_t i = 0; i < n; i++)
    w[i] -= factor * (step[i] / divisor);
}

static void apply(const lsi_optimizer *optimizer, const lsi_update *u) {
  float clip = (float)lsi_object_get(&optimizer->object, "clip_threshold");
  float divisor = larger(u->decay / clip, 1.0f); /* `decay` carries the step's size here */
  subtract(u->n, u->rate, u->scratch, divisor, u->params);
}

void lsi_update_adafactor(const lsi_optimizer *optimizer, const lsi_update *u, const lsi_optim_tensor *t) {
  const lsi_object *object = &optimizer->object;
  factors f = factors_at(optimizer);
  float inverse_root = 1.0f / sqrtf((float)(lsi_optimizer_updates(optimizer) + 1));
  float rho = u->rate < inverse_root ? u->rate : inverse_root;
  if (u->decay != 0.0f)
    lsi_update_slices(decay_weights, optimizer, u);
  lsi_update second = *u;
  second.rate = larger(root_mean_square(u->params, t->count), (float)lsi_object_get(object, "epsilon_2")) * rho;
  if (t->rows > 0) {
    row_means(t, u->grad, f, u->slots[0]);
    for (size_t b = 0; b < t->batches; b++)
      column_means(t, u->grad + b * t->rows * t->columns, f, u->slots[1] + b * t->columns);
    matrix_steps(t, u);
  } else {
    vector_steps(t->count, u->grad, f, u->slots[2], u->scratch);
  }
  second.decay = root_mean_square(u->scratch, t->count);
  lsi_update_slices(apply, optimizer, &second);
}
