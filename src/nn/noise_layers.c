/* SPDX-License-Identifier: MIT */
/*
 * Noise while training: GaussianNoise (added), GaussianDropout (multiplied, mean 1), AlphaDropout (some values become the lower
 * bound of selu, and all are scaled so that mean and variance stay). A value is a function of (seed, layer, iteration, row of the
 * global batch, element), as in dropout.c.
 */
#include <math.h>

#include "base/rng.h"
#include "math/clones.h"
#include "math/team.h"
#include "nn/draw.h"
#include "nn/layers.h"

static bool is_noise(const lsi_layer *layer) {
  return layer->kind == LSI_LAYER_GAUSSIAN_NOISE;
}

static ls_status noise_build(lsi_layer *layer, int index, lsi_layout *layout) {
  (void)index, (void)layout;
  double rate = layer->dropout.rate;
  LSI_CHECK(rate >= 0 && (is_noise(layer) ? rate <= 1 : rate < 1), LS_ERR_ARG, NULL, "%s: %s is %g, must be at least 0 and %s 1", layer->name,
            is_noise(layer) ? "stddev" : "rate", rate, is_noise(layer) ? "at most" : "below");
  lsi_layer_keep_shape(layer);
  return LS_OK;
}

static bool noise_aliases(const lsi_layer *layer, bool training) {
  return !training || layer->dropout.rate == 0;
}

/* aux: what dy is multiplied by, for the two dropouts. */
static size_t noise_aux_bytes(const lsi_layer *layer, size_t max_rows) {
  return is_noise(layer) ? 0 : max_rows * layer->out_size * sizeof(float);
}

static lsi_rng stream(const lsi_layer *layer, const lsi_pass *pass) {
  uint64_t seed = layer->dropout.seed ? layer->dropout.seed : pass->seed;
  return lsi_rng_make(seed, LSI_RNG_NOISE, (uint64_t)layer->index, (uint64_t)pass->iteration);
}

typedef struct alpha_constants {
  float drop, scale, offset; /* dropped values are `drop`; then times scale, plus offset */
} alpha_constants;

static alpha_constants alpha_of(double rate) {
  double drop = -1.6732632423543772848 * 1.0507009873554804935, scale = 1.0 / sqrt((1.0 - rate) * (1.0 + rate * drop * drop));
  return (alpha_constants){(float)drop, (float)scale, (float)(-scale * drop * rate)};
}

static void noisy_row(const lsi_layer *layer, lsi_rng rng, uint64_t sample, const float *x, float *y, float *factor) {
  double rate = layer->dropout.rate, spread = is_noise(layer) ? rate : sqrt(rate / (1.0 - rate));
  alpha_constants alpha = alpha_of(rate);
  for (size_t i = 0; i < layer->out_size; i++) {
    double u = lsi_rng_double(rng, sample, i);
    if (layer->kind == LSI_LAYER_ALPHA_DROPOUT) {
      bool kept = u >= rate;
      y[i] = (kept ? x[i] : alpha.drop) * alpha.scale + alpha.offset;
      factor[i] = kept ? alpha.scale : 0.0f;
    } else if (is_noise(layer)) {
      y[i] = x[i] + (float)(spread * lsi_normal_quantile(u));
    } else {
      factor[i] = (float)(1.0 + spread * lsi_normal_quantile(u));
      y[i] = x[i] * factor[i];
    }
  }
}

static ls_status noise_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  lsi_rng rng = stream(layer, pass);
  size_t n = layer->out_size;
  int64_t rows = (int64_t)lsi_pass_rows(pass);
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(60.0 * (double)rows * (double)n))
  for (int64_t r = 0; r < rows; r++) {
    size_t at = (size_t)r * n;
    noisy_row(layer, rng, (uint64_t)(pass->plan->row_begin + r), io->x + at, io->y + at, is_noise(layer) ? NULL : (float *)io->aux + at);
  }
  return LS_OK;
}

LSI_CLONES static void multiply(size_t n, const float *factor, const float *dy, float *dx) {
  for (size_t i = 0; i < n; i++) dx[i] = dy[i] * factor[i];
}

/* dx is dy where nothing is multiplied. */
static ls_status noise_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  if (io->dx && !is_noise(layer) && layer->dropout.rate > 0)
    multiply(lsi_pass_rows(pass) * layer->out_size, io->aux, io->dy, io->dx);
  return LS_OK;
}

#define NOISE_OPS(class, snake)                                                                                             \
  {.class_name = class, .base_name = snake, .build = noise_build, .forward = noise_forward, .backward = noise_backward,     \
   .aux_bytes = noise_aux_bytes, .aliases = noise_aliases, .dx_in_place = true}
const lsi_layer_ops lsi_gaussian_noise_ops = NOISE_OPS("GaussianNoise", "gaussian_noise");
const lsi_layer_ops lsi_gaussian_dropout_ops = NOISE_OPS("GaussianDropout", "gaussian_dropout");
const lsi_layer_ops lsi_alpha_dropout_ops = NOISE_OPS("AlphaDropout", "alpha_dropout");
