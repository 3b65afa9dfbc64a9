/* SPDX-License-Identifier: MIT */
/* The order of an optimizer's variables in Keras, and what may follow from them. */
#include <math.h>

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/keras_variables.h"
#include "optim/schedule.h"

/* Slots that Keras makes variable by variable, before those it makes kind by kind: Adam's momentum and velocity alternate, its
   velocity_hat follows; RMSprop's all go kind by kind. */
static int alternating_slots(const lsi_optimizer *optimizer) {
  bool grouped = optimizer->object.info->kind == LSI_OPT_RMSPROP;
  return optimizer->n_slots >= 2 && !grouped ? 2 : optimizer->n_slots > 0;
}

ls_status lsi_keras_slots(const lsi_net *net, const lsi_optimizer *optimizer, bool by_kind, lsi_keras_slot **out, size_t *n) {
  const lsi_layout *layout = &net->layout;
  int together = by_kind ? optimizer->n_slots > 0 : alternating_slots(optimizer);
  LSI_TRY(LSI_ALLOC("optimizer variables", (size_t)layout->n * LSI_OPT_MAX_SLOTS + 1, out));
  *n = 0;
  for (int first = 0; first < optimizer->n_slots; first += together, together = 1)
    for (int t = 0; t < layout->n; t++)
      for (int s = first; layout->tensors[t].trainable && s < first + together; s++)
        (*out)[(*n)++] = (lsi_keras_slot){s, &layout->tensors[t]};
  return LS_OK;
}

size_t lsi_keras_count_trainable(const lsi_net *net) {
  size_t n = 0;
  for (int t = 0; t < net->layout.n; t++) n += net->layout.tensors[t].trainable;
  return n;
}

bool lsi_keras_has_rate(const lsi_optimizer *optimizer, double *rate) {
  lsi_object schedule;
  *rate = optimizer->learning_rate;
  if (!optimizer->has_schedule) return true;
  lsi_object_nested(&optimizer->object, &schedule);
  if (schedule.info->kind == LSI_SCHEDULE_CONSTANT) *rate = lsi_object_get(&schedule, "learning_rate");
  else if (schedule.info->kind == LSI_SCHEDULE_LINEAR_WARMUP) *rate = lsi_object_get(&schedule, "target");
  else return false;
  return true;
}

void lsi_keras_optimizer_set(const char *path, lsi_optimizer *optimizer, double iteration, double rate, bool has_slots) {
  if (!isnan(rate) && !optimizer->has_schedule) optimizer->learning_rate = rate;
  if (has_slots) optimizer->iteration = (int64_t)iteration;
  else if (iteration > 0)
    lsi_log_warn("%s: the optimizer was at iteration %.0f, but its slots are not in the file (Keras loses them when it loads a .h5 "
                 "file): it starts anew",
                 path, iteration);
}
