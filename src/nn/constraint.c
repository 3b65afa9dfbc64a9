/* SPDX-License-Identifier: MIT */
/* keras/src/constraints/constraints.py */
#include "nn/constraint.h"

#include <omp.h>
#include "math/clones.h"
#include "math/team.h"

enum { NON_NEG, UNIT_NORM, MAX_NORM, MIN_MAX_NORM };

#define NUMBER(argument, value)                                                                    \
  { argument, LSI_PARAM_FLOAT, value, 0.0, 1e30, NULL }
#define AXIS                                                                                       \
  { "axis", LSI_PARAM_INT, 0.0, -8.0, 7.0, NULL }

static const lsi_class_info classes[] = {
    {.kind = NON_NEG, .class_name = "NonNeg", .name = "non_neg", .aliases = {"nonneg"}},
    {.kind = UNIT_NORM, .class_name = "UnitNorm", .name = "unit_norm", .aliases = {"unitnorm"}, .n_params = 1, .params = {AXIS}},
    {.kind = MAX_NORM,
     .class_name = "MaxNorm",
     .name = "max_norm",
     .aliases = {"maxnorm"},
     .n_params = 2,
     .params = {NUMBER("max_value", 2.0), AXIS}},
    {.kind = MIN_MAX_NORM,
     .class_name = "MinMaxNorm",
     .name = "min_max_norm",
     .aliases = {"minmaxnorm"},
     .n_params = 4,
     .params = {NUMBER("min_value", 0.0), NUMBER("max_value", 1.0), {"rate", LSI_PARAM_FLOAT, 1.0, 0.0, 1.0, NULL}, AXIS}},
};

const lsi_family lsi_constraints = {.what = "constraint", .classes = classes, .n_classes = (int)(sizeof classes / sizeof *classes)};

static int axis_of(const lsi_object *constraint, int rank) {
  double axis = lsi_object_get(constraint, "axis");
  return axis < 0 ? (int)axis + rank : (int)axis;
}

ls_status lsi_constraint_check(const lsi_object *constraint, const char *tensor, int rank) {
  if (!constraint->info || constraint->info->kind == NON_NEG)
    return LS_OK;
  int axis = axis_of(constraint, rank);
  LSI_CHECK(axis >= 0 && axis < rank, LS_ERR_ARG, "Axes count from 0.", "%s: constraint %s has axis %.0f, the tensor has %d dimensions", tensor,
            constraint->info->class_name, lsi_object_get(constraint, "axis"), rank);
  return LS_OK;
}

LSI_CLONES static void clear_negative(size_t n, float *w) {
  for (size_t i = 0; i < n; i++)
    w[i] = w[i] >= 0.0f || w[i] != w[i] ? w[i] : 0.0f;
}

/* What values of this norm are multiplied by. */
static float factor(const lsi_object *constraint, double squares) {
  const float least = 1e-7f; /* Keras's epsilon() */
  float norm = (float)sqrt(squares), most = (float)lsi_object_get(constraint, "max_value"), desired = 1.0f;
  if (constraint->info->kind == MAX_NORM)
    desired = norm > most ? most : norm;
  if (constraint->info->kind == MIN_MAX_NORM) {
    float low = (float)lsi_object_get(constraint, "min_value"), rate = (float)lsi_object_get(constraint, "rate");
    float inside = norm < low ? low : norm > most ? most : norm;
    desired = rate * inside + (float)(1.0 - lsi_object_get(constraint, "rate")) * norm;
  }
  return desired / (least + norm);
}

enum { CHUNK = 128 };

LSI_CLONES static void add_squares(size_t n, const float *restrict w, double *restrict sum) {
  for (size_t j = 0; j < n; j++)
    sum[j] += (double)w[j] * (double)w[j];
}

LSI_CLONES static void scale(size_t n, const float *restrict by, float *restrict w) {
  for (size_t j = 0; j < n; j++)
    w[j] *= by[j];
}

/* `n` neighbours of the inner dimensions at once; `length` steps of `stride` along the axis. */
static void norm_chunk(const lsi_object *constraint, size_t n, size_t length, size_t stride, float *w) {
  double sum[CHUNK] = {0};
  float by[CHUNK];
  for (size_t i = 0; i < length; i++)
    add_squares(n, w + i * stride, sum);
  for (size_t j = 0; j < n; j++)
    by[j] = factor(constraint, sum[j]);
  for (size_t i = 0; i < length; i++)
    scale(n, by, w + i * stride);
}

void lsi_constraint_apply(const lsi_object *constraint, int rank, const int64_t *dims, float *w) {
  if (!constraint->info)
    return;
  size_t outer = 1, inner = 1, length = 1;
  int axis = constraint->info->kind == NON_NEG ? 0 : axis_of(constraint, rank);
  for (int d = 0; d < rank; d++)
    *(d < axis ? &outer : d == axis ? &length : &inner) *= (size_t)dims[d];
  if (constraint->info->kind == NON_NEG) {
    clear_negative(outer * length * inner, w);
    return;
  }
  size_t chunks = (inner + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(4.0 * (double)(outer * length * inner)))
  for (size_t k = 0; k < outer * chunks; k++) {
    size_t first = k % chunks * CHUNK, n = inner - first < CHUNK ? inner - first : CHUNK;
    norm_chunk(constraint, n, length, inner, w + k / chunks * length * inner + first);
  }
}
