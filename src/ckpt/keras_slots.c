/* SPDX-License-Identifier: MIT */
/* The order of an optimizer's variables in Keras, and what may follow from them. */
#include <math.h>

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/keras_variables.h"
#include "optim/schedule.h"

/* A slot's variable for one tensor. Adafactor keeps rows and columns of matrices; what it makes for vectors is an integer 0. */
static lsi_keras_slot variable(const lsi_optimizer *o, int s, const lsi_tensor *t) {
  lsi_keras_slot out = {.name = o->slot_names[s], .tensor = t, .rank = t->rank, .values = o->slots[s] + t->offset};
  for (int d = 0; d < t->rank; d++) out.dims[d] = t->dims[d];
  if (o->slot_form[s] == LSI_SLOT_WHOLE || o->slot_form[s] == LSI_SLOT_NO_MATRICES) return out;
  if (t->rank < 2) return (lsi_keras_slot){.name = out.name, .tensor = t};
  if (o->slot_form[s] == LSI_SLOT_COLUMNS) out.dims[t->rank - 2] = out.dims[t->rank - 1];
  out.rank--;
  return out;
}

/* The variables of slots `first` to `end`, tensor by tensor. */
static void add_group(const lsi_layout *layout, const lsi_optimizer *o, const int *order, int first, int end, lsi_keras_slot *out, size_t *n) {
  for (int t = 0; t < layout->n; t++)
    for (int i = first; layout->tensors[t].trainable && i < end; i++)
      if (lsi_optimizer_has_variable(o, order[i], layout->tensors[t].offset)) out[(*n)++] = variable(o, order[i], &layout->tensors[t]);
}

/* Slots by rising group, each group as it stands. */
static void order_slots(const lsi_optimizer *o, int order[LSI_OPT_MAX_SLOTS]) {
  for (int s = 0; s < o->n_slots; s++) {
    int at = s;
    for (; at > 0 && o->slot_group[order[at - 1]] > o->slot_group[s]; at--) order[at] = order[at - 1];
    order[at] = s;
  }
}

ls_status lsi_keras_slots(const lsi_net *net, const lsi_optimizer *optimizer, bool by_kind, lsi_keras_slot **out, size_t *n) {
  const lsi_layout *layout = &net->layout;
  int order[LSI_OPT_MAX_SLOTS];
  LSI_TRY(LSI_ALLOC("optimizer variables", (size_t)layout->n * LSI_OPT_MAX_SLOTS + 1, out));
  *n = 0;
  order_slots(optimizer, order);
  for (int first = 0, end = 1; first < optimizer->n_slots; first = end++) {
    int group = optimizer->slot_group[order[first]];
    while (!by_kind && end < optimizer->n_slots && optimizer->slot_group[order[end]] == group) end++;
    add_group(layout, optimizer, order, first, end, *out, n);
  }
  if (optimizer->scalar_name) (*out)[(*n)++] = (lsi_keras_slot){.name = optimizer->scalar_name};
  return LS_OK;
}

ls_status lsi_keras_slot_write(hid_t file, const char *name, const lsi_keras_slot *slot, const lsi_optimizer *optimizer) {
  float scalar = slot->tensor ? 0.0f : (float)optimizer->scalar;
  bool placeholder = slot->tensor && !slot->values;
  return lsi_keras_values_write(file, name, slot->rank, slot->dims, placeholder, slot->values ? slot->values : &scalar);
}

ls_status lsi_keras_slot_read(hid_t file, const char *path, const char *name, const lsi_keras_slot *slot, lsi_optimizer *optimizer) {
  float scalar;
  const lsi_keras_wanted wanted = {slot->rank, slot->dims, slot->name, slot->tensor ? slot->tensor->name : optimizer->object.info->class_name};
  LSI_TRY(lsi_keras_values_read(file, path, name, &wanted, slot->values ? slot->values : &scalar));
  if (!slot->tensor) optimizer->scalar = (double)scalar;
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
