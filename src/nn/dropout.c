/* SPDX-License-Identifier: MIT */
/* Dropout: in training each element is kept with probability 1 - rate and scaled by 1 / (1 - rate). Which ones is a function
   of (seed, layer, iteration, row of the global batch, element): the same on any rank. */
#include "base/rng.h"
#include "math/clones.h"
#include "math/team.h"
#include "nn/layers.h"

enum { CHUNK = 1024 };

static ls_status dropout_build(lsi_layer *layer, int index, lsi_layout *layout) {
  (void)index, (void)layout;
  LSI_CHECK(layer->dropout.rate >= 0 && layer->dropout.rate < 1, LS_ERR_ARG, NULL,
            "%s: rate is %g, must be at least 0 and below 1", layer->name, layer->dropout.rate);
  lsi_layer_keep_shape(layer);
  return LS_OK;
}

static bool dropout_aliases(const lsi_layer *layer, bool training) {
  return !training || layer->dropout.rate == 0;
}

/* aux: one byte an element, 1 = kept. */
static size_t dropout_aux_bytes(const lsi_layer *layer, size_t max_rows) {
  return max_rows * layer->out_size;
}

LSI_CLONES static void keep_chunk(size_t n, const uint32_t *bits, uint32_t threshold, float scale,
                                  const float *x, float *y, uint8_t *kept) {
  for (size_t i = 0; i < n; i++) {
    uint8_t keep = bits[i] >= threshold;
    kept[i] = keep;
    y[i] = keep ? x[i] * scale : 0.0f;
  }
}

LSI_CLONES static void backward_chunk(size_t n, const uint8_t *kept, float scale, const float *dy, float *dx) {
  for (size_t i = 0; i < n; i++) dx[i] = kept[i] ? dy[i] * scale : 0.0f;
}

static void drop_row(lsi_rng rng, uint64_t sample, size_t n, double rate, const float *x, float *y, uint8_t *kept) {
  uint32_t bits[CHUNK];
  uint32_t threshold = (uint32_t)(rate * 4294967296.0);
  float scale = (float)(1.0 / (1.0 - rate));
  for (size_t begin = 0; begin < n; begin += CHUNK) {
    size_t count = n - begin < CHUNK ? n - begin : CHUNK;
    lsi_rng_u32(rng, sample, begin, bits, count);
    keep_chunk(count, bits, threshold, scale, x + begin, y + begin, kept + begin);
  }
}

static ls_status dropout_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  uint64_t seed = layer->dropout.seed ? layer->dropout.seed : pass->seed;
  lsi_rng rng = lsi_rng_make(seed, LSI_RNG_DROPOUT, (uint64_t)layer->index, (uint64_t)pass->iteration);
  size_t n = layer->out_size;
  int64_t rows = (int64_t)lsi_pass_rows(pass);
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(20.0 * (double)rows * (double)n))
  for (int64_t r = 0; r < rows; r++) {
    size_t at = (size_t)r * n;
    drop_row(rng, (uint64_t)(pass->plan->row_begin + r), n, layer->dropout.rate, io->x + at, io->y + at,
             (uint8_t *)io->aux + at);
  }
  return LS_OK;
}

static ls_status dropout_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  if (!io->dx) return LS_OK;
  if (layer->dropout.rate == 0) return LS_OK; /* dx is dy */
  backward_chunk(lsi_pass_rows(pass) * layer->out_size, io->aux, (float)(1.0 / (1.0 - layer->dropout.rate)),
                 io->dy, io->dx);
  return LS_OK;
}

const lsi_layer_ops lsi_dropout_ops = {
    .class_name = "Dropout", .base_name = "dropout", .build = dropout_build, .forward = dropout_forward,
    .backward = dropout_backward, .aux_bytes = dropout_aux_bytes, .aliases = dropout_aliases, .dx_in_place = true};
