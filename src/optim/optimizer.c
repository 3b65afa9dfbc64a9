/* SPDX-License-Identifier: MIT */
#include "optim/optimizer.h"

#include <omp.h>
#include <string.h>
#include "base/memory.h"
#include "math/subnormal.h"
#include "math/team.h"
#include "optim/schedule.h"
#include "optim/slots.h"
#include "optim/update.h"

/* ---- life ---- */

/* The last two dimensions make matrices, as Adafactor has it; a vector has no rows. */
static lsi_optim_tensor describe_tensor(const lsi_tensor *t) {
  lsi_optim_tensor out = {.offset = t->offset, .count = t->count};
  if (t->rank < 2)
    return out;
  out.rows = (size_t)t->dims[t->rank - 2];
  out.columns = (size_t)t->dims[t->rank - 1];
  out.batches = t->count / (out.rows * out.columns);
  return out;
}

/* Two dimensions, and no embedding's by its name: Muon's rule. */
static bool is_muons(const lsi_object *object, const lsi_tensor *t) {
  bool matrix = object->info->kind == LSI_OPT_MUON && t->rank == 2;
  return matrix && (lsi_object_get(object, "exclude_embeddings") == 0 || !strcasestr(t->name, "embedding"));
}

static ls_status copy_tensors(lsi_optimizer *o, const lsi_layout *layout) {
  size_t largest = 0;
  LSI_TRY(LSI_ALLOC("optimizer", layout->n, &o->tensors));
  for (int i = 0; i < layout->n; i++) {
    const lsi_tensor *t = &layout->tensors[i];
    if (!t->trainable)
      continue;
    lsi_optim_tensor *own = &o->tensors[o->n_tensors++];
    size_t scratch = t->count;
    *own = describe_tensor(t);
    own->by_matrix = is_muons(&o->object, t);
    if (own->by_matrix)
      LSI_TRY(lsi_muon_prepare(own, &scratch));
    if (scratch > largest)
      largest = scratch;
  }
  return lsi_optimizer_measures_tensors(o) ? LSI_ALLOC("optimizer", largest, &o->scratch) : LS_OK;
}

ls_status lsi_optimizer_create(const lsi_object *object, const lsi_layout *layout,
                               lsi_optimizer **out) {
  LSI_TRY(lsi_optimizer_create_bare(object, layout, out));
  lsi_optimizer_fill_slots(*out, 0, (*out)->n);
  return LS_OK;
}

ls_status lsi_optimizer_create_bare(const lsi_object *object, const lsi_layout *layout,
                                    lsi_optimizer **out) {
  LSI_TRY(lsi_object_check(&lsi_optimizers, object));
  lsi_optimizer *o;
  LSI_TRY(LSI_ALLOC("optimizer", 1, &o));
  o->object = *object;
  o->n = layout->n_trainable;
  o->has_schedule = object->nested != NULL;
  o->learning_rate = lsi_object_get(object, "learning_rate");
  ls_status status = lsi_optimizer_make_slots(o);
  if (status == LS_OK)
    status = copy_tensors(o, layout);
  if (status != LS_OK)
    lsi_optimizer_destroy(&o);
  else
    *out = o;
  return status;
}

ls_status lsi_optimizer_create_flat(const lsi_object *object, size_t n, lsi_optimizer **out) {
  lsi_tensor tensor = {.rank = 1, .dims = {(int64_t)n}, .count = n, .trainable = true};
  const lsi_layout layout = {.n = n > 0, .tensors = &tensor, .n_trainable = n, .size = n};
  return lsi_optimizer_create(object, &layout, out);
}

void lsi_optimizer_destroy(lsi_optimizer **optimizer) {
  if (!*optimizer)
    return;
  for (int s = 0; s < (*optimizer)->n_slots; s++)
    lsi_free((*optimizer)->slots[s]);
  lsi_free((*optimizer)->tensors);
  lsi_free((*optimizer)->scratch);
  lsi_free(*optimizer);
  *optimizer = NULL;
}

/* ---- the step ---- */

double lsi_optimizer_rate(const lsi_optimizer *optimizer) {
  if (!optimizer->has_schedule)
    return optimizer->learning_rate;
  lsi_object schedule;
  lsi_object_nested(&optimizer->object, &schedule);
  return lsi_schedule_at(&schedule, optimizer->iteration);
}

typedef void tensor_function(const lsi_optimizer *, const lsi_update *, const lsi_optim_tensor *);

/* How a class updates: slices of the arena, or whole tensors. */
static const struct {
  lsi_update_function *slice;
  tensor_function *tensor;
} updates[] = {
    [LSI_OPT_SGD] = {.slice = lsi_update_sgd},
    [LSI_OPT_RMSPROP] = {.slice = lsi_update_rmsprop},
    [LSI_OPT_ADAGRAD] = {.slice = lsi_update_adagrad},
    [LSI_OPT_ADAM] = {.slice = lsi_update_adam},
    [LSI_OPT_ADAMW] = {.slice = lsi_update_adam},
    [LSI_OPT_ADAMAX] = {.slice = lsi_update_adamax},
    [LSI_OPT_NADAM] = {.slice = lsi_update_nadam},
    [LSI_OPT_ADADELTA] = {.slice = lsi_update_adadelta},
    [LSI_OPT_FTRL] = {.slice = lsi_update_ftrl},
    [LSI_OPT_LION] = {.slice = lsi_update_lion},
    [LSI_OPT_LAMB] = {.tensor = lsi_update_lamb},
    [LSI_OPT_ADAFACTOR] = {.tensor = lsi_update_adafactor},
    [LSI_OPT_SCHEDULE_FREE_ADAMW] = {.slice = lsi_update_schedule_free_adamw},
    [LSI_OPT_MUON] = {.tensor = lsi_update_muon},
};

bool lsi_optimizer_measures_tensors(const lsi_optimizer *optimizer) {
  return updates[optimizer->object.info->kind].tensor != NULL;
}

void lsi_update_slices(lsi_update_function *function, const lsi_optimizer *optimizer,
                       const lsi_update *whole) {
  enum { COST = 8, UNIT = 16 }; /* operations an element is worth; elements of a cache line */
  int threads = lsi_team_for(COST * (double)whole->n);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    size_t first, last;
    lsi_team_slice(whole->n, UNIT, omp_get_thread_num(), omp_get_num_threads(), &first, &last);
    lsi_update u = lsi_update_part(optimizer, whole, first, last - first);
    uint64_t mode = lsi_subnormals_off();
    function(optimizer, &u);
    lsi_subnormals_restore(mode);
  }
}

static void update_tensors(lsi_optimizer *optimizer, const lsi_update *all, size_t begin,
                           size_t end) {
  for (int i = 0; i < optimizer->n_tensors; i++) {
    const lsi_optim_tensor *t = &optimizer->tensors[i];
    if (t->offset < begin || t->offset >= end)
      continue;
    lsi_update u = lsi_update_part(optimizer, all, t->offset - begin, t->count);
    u.scratch = optimizer->scratch;
    updates[optimizer->object.info->kind].tensor(optimizer, &u, t);
  }
}

void lsi_optimizer_update(lsi_optimizer *optimizer, double rate, size_t begin, size_t end,
                          const float *grad, float *params) {
  double decay = lsi_object_get(&optimizer->object, "weight_decay");
  lsi_update_function *slice = updates[optimizer->object.info->kind].slice;
  lsi_update u = {.n = end - begin,
                  .grad = grad + begin,
                  .params = params + begin,
                  .rate = (float)rate,
                  .decay = isnan(decay) ? 0.0f : (float)decay};
  for (int s = 0; s < optimizer->n_slots; s++)
    u.slots[s] = optimizer->slots[s] + begin;
  if (slice)
    lsi_update_slices(slice, optimizer, &u);
  else
    update_tensors(optimizer, &u, begin, end);
}

void lsi_optimizer_advance(lsi_optimizer *optimizer) {
  if (optimizer->scalar_name && lsi_optimizer_due(optimizer))
    optimizer->scalar = (double)lsi_nadam_product(optimizer);
  optimizer->iteration++;
}
