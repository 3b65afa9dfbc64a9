/* SPDX-License-Identifier: MIT */
/* What Keras's base class does around every formula: gradient accumulation and moving averages of the weights
   (keras/src/optimizers/base_optimizer.py). */
#include "optim/update.h"

#include <string.h>

static int64_t accumulation_steps(const lsi_optimizer *optimizer) {
  double steps = lsi_object_get(&optimizer->object, "gradient_accumulation_steps");
  return isnan(steps) ? 1 : (int64_t)steps;
}

bool lsi_optimizer_accumulates(const lsi_optimizer *optimizer) {
  return accumulation_steps(optimizer) > 1;
}

bool lsi_optimizer_due(const lsi_optimizer *optimizer) {
  return (optimizer->iteration + 1) % accumulation_steps(optimizer) == 0;
}

int64_t lsi_optimizer_updates(const lsi_optimizer *optimizer) {
  return optimizer->iteration / accumulation_steps(optimizer);
}

LSI_CLONES static void gather(size_t n, const float *restrict g, float *restrict sum) {
  for (size_t i = 0; i < n; i++)
    sum[i] = g[i] + sum[i];
}

LSI_CLONES static void conclude(size_t n, float *restrict g, float *restrict sum, float steps) {
  for (size_t i = 0; i < n; i++) {
    g[i] = (g[i] + sum[i]) / steps;
    sum[i] = 0.0f;
  }
}

static void accumulate(const lsi_optimizer *optimizer, const lsi_update *u) {
  float *sum = u->slots[optimizer->accumulator];
  if (lsi_optimizer_due(optimizer))
    conclude(u->n, u->params, sum, (float)accumulation_steps(optimizer));
  else
    gather(u->n, u->params, sum);
}

static lsi_update part(const lsi_optimizer *optimizer, size_t begin, size_t end, float *values) {
  lsi_update u = {.n = end - begin, .params = values + begin};
  for (int s = 0; s < optimizer->n_slots; s++)
    u.slots[s] = optimizer->slots[s] + begin;
  return u;
}

void lsi_optimizer_accumulate(lsi_optimizer *optimizer, size_t begin, size_t end, float *grad) {
  lsi_update u = part(optimizer, begin, end, grad);
  if (optimizer->accumulator >= 0)
    lsi_update_slices(accumulate, optimizer, &u);
}

LSI_CLONES static void blend(size_t n, const float *restrict w, float *restrict average,
                             float momentum) {
  float rest = 1.0f - momentum;
  for (size_t i = 0; i < n; i++)
    average[i] = momentum * average[i] + rest * w[i];
}

/* The first update's average is the weights themselves. */
static void average(const lsi_optimizer *optimizer, const lsi_update *u) {
  int64_t made = lsi_optimizer_updates(optimizer);
  double every = lsi_object_get(&optimizer->object, "ema_overwrite_frequency");
  float momentum = made == 0 ? 0.0f : (float)lsi_object_get(&optimizer->object, "ema_momentum");
  float *values = u->slots[optimizer->average];
  blend(u->n, u->params, values, momentum);
  if (!isnan(every) && (made + 1) % (int64_t)every == 0)
    memcpy(u->params, values, u->n * sizeof *values);
}

void lsi_optimizer_average(lsi_optimizer *optimizer, size_t begin, size_t end, float *params) {
  lsi_update u = part(optimizer, begin, end, params);
  if (optimizer->average >= 0)
    lsi_update_slices(average, optimizer, &u);
}

void lsi_optimizer_finalize(const lsi_optimizer *optimizer, size_t begin, size_t end,
                            float *params) {
  if (optimizer->average >= 0 && optimizer->iteration > 0)
    memcpy(params + begin, optimizer->slots[optimizer->average] + begin,
           (end - begin) * sizeof *params);
}
