/* SPDX-License-Identifier: MIT */
#include "nn/activation.h"

#include <string.h>
#include "nn/activation_maps.h"
#include "nn/rows.h"

static ls_status unknown_activation(const char *name) {
  const char *names[LSI_ACT_COUNT + 2] = {"swish", "hard_swish"};
  for (int i = 0; i < LSI_ACT_COUNT; i++)
    names[i + 2] = lsi_activation_maps[i].name;
  const char *nearest = lsi_nearest_name(name, names, LSI_ACT_COUNT + 2);
  LSI_FAIL(LS_ERR_ARG,
           "linear, sigmoid, relu, softmax, tanh, relu6, leaky_relu, elu, selu, celu, softplus, "
           "softsign, silu, gelu, "
           "hard_sigmoid, hard_silu, hard_tanh, exponential, mish, log_softmax, log_sigmoid, "
           "tanh_shrink, soft_shrink, "
           "hard_shrink, squareplus, sparse_plus, sparse_sigmoid, sparsemax",
           "unknown activation '%.100s'%s%s%s", name, nearest ? "; did you mean '" : "",
           nearest ? nearest : "", nearest ? "'?" : "");
}

ls_status lsi_activation_parse(const char *name, lsi_activation *out) {
  static const char *const unsupported[][2] = {
      {"glu", "It halves the width of its layer, which Keras's own Dense and Activation do not expect either."},
      {"threshold", "It has no default arguments; the layer ReLU has a threshold."}};
  if (!name || strcmp(name, "None") == 0)
    name = "linear";
  if (strcmp(name, "swish") == 0)
    name = "silu";
  if (strcmp(name, "hard_swish") == 0)
    name = "hard_silu";
  for (int i = 0; i < LSI_ACT_COUNT; i++)
    if (strcmp(name, lsi_activation_maps[i].name) == 0) {
      *out = (lsi_activation)i;
      return LS_OK;
    }
  for (int i = 0; i < 2; i++)
    LSI_CHECK(strcmp(name, unsupported[i][0]) != 0, LS_ERR_UNSUPPORTED, unsupported[i][1],
              "activation '%s' is not supported", name);
  return unknown_activation(name);
}

const char *lsi_activation_name(lsi_activation activation) {
  return lsi_activation_maps[activation].name;
}

bool lsi_activation_needs_input(lsi_activation activation) {
  return lsi_activation_maps[activation].needs_input;
}

typedef struct pass {
  const lsi_activation_map *map;
  size_t n;
  const float *z, *bias, *y, *dy;
  float *out, *z_out;
} pass;

LSI_CLONES static void add_bias(size_t rows, size_t n, const float *z, const float *restrict bias,
                                float *y) {
  for (size_t r = 0; r < rows; r++)
#pragma GCC ivdep
    for (size_t j = 0; j < n; j++)
      y[r * n + j] = z[r * n + j] + bias[j];
}

/* One block: bias first, then the map in place while the block is in the cache. */
static void forward_block(const pass *p, size_t first, size_t rows) {
  size_t at = first * p->n, count = rows * p->n;
  const float *z = p->z + at;
  float *y = p->out + at, *biased = p->z_out ? p->z_out + at : y;
  if (p->bias) {
    add_bias(rows, p->n, z, p->bias, biased);
    z = biased;
  } else if (p->z_out && biased != z) {
    memcpy(biased, z, count * sizeof *z);
  }
  if (p->map->row_forward)
    p->map->row_forward(rows, p->n, z, y);
  else if (p->map->forward)
    p->map->forward(count, z, y);
  else if (z != y) /* linear */
    memcpy(y, z, count * sizeof *z);
}

static void forward_rows(void *context, size_t first, size_t end) {
  const pass *p = context;
  size_t block = lsi_rows_per_block(p->n);
  for (; first < end; first += block)
    forward_block(p, first, end - first < block ? end - first : block);
}

static void backward_rows(void *context, size_t first, size_t end) {
  const pass *p = context;
  size_t at = first * p->n, count = (end - first) * p->n;
  if (p->map->row_backward)
    p->map->row_backward(end - first, p->n, p->y + at, p->dy + at, p->out + at);
  else if (p->map->row_backward_by_input)
    p->map->row_backward_by_input(end - first, p->n, p->z + at, p->y + at, p->dy + at, p->out + at);
  else
    p->map->backward(count, p->z ? p->z + at : NULL, p->y ? p->y + at : NULL, p->dy + at,
                     p->out + at);
}

void lsi_activation_forward(lsi_activation activation, size_t rows, size_t n, const float *z,
                            const float *bias, float *y, float *z_out) {
  pass p = {.map = &lsi_activation_maps[activation],
            .n = n,
            .z = z,
            .bias = bias,
            .out = y,
            .z_out = z_out};
  if (activation == LSI_ACT_LINEAR && !bias && z == y && (!z_out || z_out == z))
    return;
  lsi_rows_run(rows, (double)p.map->cost * (double)rows * (double)n, forward_rows, &p);
}

void lsi_activation_backward(lsi_activation activation, size_t rows, size_t n, const float *z,
                             const float *y, const float *dy, float *dz) {
  pass p = {.map = &lsi_activation_maps[activation], .n = n, .z = z, .y = y, .dy = dy, .out = dz};
  if (activation == LSI_ACT_LINEAR) {
    if (dz != dy)
      memcpy(dz, dy, rows * n * sizeof *dz);
    return;
  }
  lsi_rows_run(rows, (double)p.map->cost * (double)rows * (double)n, backward_rows, &p);
}
