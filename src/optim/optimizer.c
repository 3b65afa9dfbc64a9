/* SPDX-License-Identifier: MIT */
#include "optim/optimizer.h"

#include <omp.h>
#include "base/memory.h"
#include "math/team.h"
#include "optim/schedule.h"
#include "optim/update.h"

/* Keras's constructor arguments, in its order. Momenta and betas stay below 1 also when rounded to
 * float. */
#define BELOW_1F 0x1.fffffep-1
#define RATE(value)                                                                                \
  { "learning_rate", LSI_PARAM_SCHEDULE, value, 0.0, 1e6, NULL }
#define NUMBER(argument, value, low, high)                                                         \
  { argument, LSI_PARAM_FLOAT, value, low, high, NULL }
#define FLAG(argument)                                                                             \
  { argument, LSI_PARAM_BOOL, 0.0, 0.0, 1.0, NULL }
/* Not 0: an element that never had a gradient would be 0 / 0. */
#define EPSILON      NUMBER("epsilon", 1e-7, 1e-30, 1e30)
#define DECAY(value) NUMBER("weight_decay", value, 0.0, 1e6)
#define CLIPS                                                                                      \
  NUMBER("clipnorm", NAN, LSI_ABOVE_0, 1e30), NUMBER("clipvalue", NAN, LSI_ABOVE_0, 1e30),         \
      NUMBER("global_clipnorm", NAN, LSI_ABOVE_0, 1e30)
#define NAME(text)                                                                                 \
  { "name", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, text }

static const lsi_class_info classes[] = {
    {.kind = LSI_OPT_SGD,
     .class_name = "SGD",
     .name = "sgd",
     .n_params = 8,
     .params = {RATE(0.01), NUMBER("momentum", 0.0, 0.0, 1.0), FLAG("nesterov"), DECAY(NAN), CLIPS,
                NAME("SGD")}},
    {.kind = LSI_OPT_RMSPROP,
     .class_name = "RMSprop",
     .name = "rmsprop",
     .n_params = 10,
     .params = {RATE(0.001), NUMBER("rho", 0.9, 0.0, BELOW_1F), NUMBER("momentum", 0.0, 0.0, 1.0),
                EPSILON, FLAG("centered"), DECAY(NAN), CLIPS, NAME("rmsprop")}},
    {.kind = LSI_OPT_ADAGRAD,
     .class_name = "Adagrad",
     .name = "adagrad",
     .n_params = 8,
     .params = {RATE(0.001), NUMBER("initial_accumulator_value", 0.1, 0.0, 1e30), EPSILON,
                DECAY(NAN), CLIPS, NAME("adagrad")}},
    {.kind = LSI_OPT_ADAM,
     .class_name = "Adam",
     .name = "adam",
     .n_params = 10,
     .params = {RATE(0.001), NUMBER("beta_1", 0.9, 0.0, BELOW_1F),
                NUMBER("beta_2", 0.999, 0.0, BELOW_1F), EPSILON, FLAG("amsgrad"), DECAY(NAN), CLIPS,
                NAME("adam")}},
    {.kind = LSI_OPT_ADAMW,
     .class_name = "AdamW",
     .name = "adamw",
     .n_params = 10,
     .params = {RATE(0.001), DECAY(0.004), NUMBER("beta_1", 0.9, 0.0, BELOW_1F),
                NUMBER("beta_2", 0.999, 0.0, BELOW_1F), EPSILON, FLAG("amsgrad"), CLIPS,
                NAME("adamw")}},
};

static ls_status check_optimizer(const lsi_object *object) {
  static const char *const clips[] = {"clipnorm", "clipvalue", "global_clipnorm"};
  const char *first = NULL;
  for (int i = 0; i < 3; i++) {
    if (isnan(lsi_object_get(object, clips[i])))
      continue;
    LSI_CHECK(!first, LS_ERR_ARG, "Keep one of clipnorm, clipvalue and global_clipnorm.",
              "optimizer %s: both '%s' and '%s' are given; only one may be",
              object->info->class_name, first, clips[i]);
    first = clips[i];
  }
  return LS_OK;
}

const lsi_family lsi_optimizers = {.what = "optimizer",
                                   .classes = classes,
                                   .n_classes = (int)(sizeof classes / sizeof *classes),
                                   .schedules = &lsi_schedules,
                                   .check = check_optimizer};

static void add_slot(lsi_optimizer *o, const char *name, double initial) {
  o->slot_names[o->n_slots] = name;
  o->slot_initial[o->n_slots++] = (float)initial;
}

/* Names and order as Keras creates its variables. */
static void describe_slots(lsi_optimizer *o) {
  const lsi_object *object = &o->object;
  switch ((lsi_optimizer_kind)object->info->kind) {
  case LSI_OPT_SGD:
    if (lsi_object_get(object, "momentum") != 0)
      add_slot(o, "momentum", 0);
    break;
  case LSI_OPT_RMSPROP:
    add_slot(o, "velocity", 0);
    if (lsi_object_get(object, "momentum") > 0)
      add_slot(o, "momentum", 0);
    if (lsi_object_get(object, "centered") != 0)
      add_slot(o, "average_gradient", 0);
    break;
  case LSI_OPT_ADAGRAD:
    add_slot(o, "accumulator", lsi_object_get(object, "initial_accumulator_value"));
    break;
  case LSI_OPT_ADAM:
  case LSI_OPT_ADAMW:
    add_slot(o, "momentum", 0);
    add_slot(o, "velocity", 0);
    if (lsi_object_get(object, "amsgrad") != 0)
      add_slot(o, "velocity_hat", 0);
    break;
  }
}

static ls_status allocate_slots(lsi_optimizer *o, size_t begin, size_t end) {
  for (int s = 0; s < o->n_slots; s++) {
    LSI_TRY(lsi_alloc_untouched(o->slot_names[s], o->n, sizeof *o->slots[s], &o->slots[s]));
    for (size_t i = begin; i < end; i++)
      o->slots[s][i] = o->slot_initial[s];
  }
  return LS_OK;
}

ls_status lsi_optimizer_create(const lsi_object *object, size_t n, lsi_optimizer **out) {
  return lsi_optimizer_create_share(object, n, 0, n, out);
}

ls_status lsi_optimizer_create_share(const lsi_object *object, size_t n, size_t begin, size_t end,
                                     lsi_optimizer **out) {
  LSI_TRY(lsi_object_check(&lsi_optimizers, object));
  lsi_optimizer *o;
  LSI_TRY(LSI_ALLOC("optimizer", 1, &o));
  o->object = *object;
  o->n = n;
  o->has_schedule = object->nested != NULL;
  o->learning_rate = lsi_object_get(object, "learning_rate");
  describe_slots(o);
  ls_status status = allocate_slots(o, begin, end);
  if (status != LS_OK)
    lsi_optimizer_destroy(&o);
  else
    *out = o;
  return status;
}

void lsi_optimizer_destroy(lsi_optimizer **optimizer) {
  if (!*optimizer)
    return;
  for (int s = 0; s < (*optimizer)->n_slots; s++)
    lsi_free((*optimizer)->slots[s]);
  lsi_free(*optimizer);
  *optimizer = NULL;
}

double lsi_optimizer_rate(const lsi_optimizer *optimizer) {
  if (!optimizer->has_schedule)
    return optimizer->learning_rate;
  lsi_object schedule;
  lsi_object_nested(&optimizer->object, &schedule);
  return lsi_schedule_at(&schedule, optimizer->iteration);
}

typedef void update_function(const lsi_optimizer *, const lsi_update *);

static update_function *update_of(lsi_optimizer_kind kind) {
  static update_function *const table[] = {
      [LSI_OPT_SGD] = lsi_update_sgd,         [LSI_OPT_RMSPROP] = lsi_update_rmsprop,
      [LSI_OPT_ADAGRAD] = lsi_update_adagrad, [LSI_OPT_ADAM] = lsi_update_adam,
      [LSI_OPT_ADAMW] = lsi_update_adam,
  };
  return table[kind];
}

void lsi_optimizer_update(lsi_optimizer *optimizer, double rate, size_t begin, size_t end,
                          const float *grad, float *params) {
  enum { COST = 8, UNIT = 16 }; /* operations an element is worth; elements of a cache line */
  double decay = lsi_object_get(&optimizer->object, "weight_decay");
  update_function *update = update_of((lsi_optimizer_kind)optimizer->object.info->kind);
  int threads = lsi_team_for(COST * (double)(end - begin));
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    size_t first, last;
    lsi_team_slice(end - begin, UNIT, omp_get_thread_num(), omp_get_num_threads(), &first, &last);
    lsi_update u = {.n = last - first,
                    .grad = grad + begin + first,
                    .params = params + begin + first,
                    .rate = (float)rate,
                    .decay = isnan(decay) ? 0.0f : (float)decay};
    for (int s = 0; s < optimizer->n_slots; s++)
      u.slots[s] = optimizer->slots[s] + begin + first;
    update(optimizer, &u);
  }
}

void lsi_optimizer_advance(lsi_optimizer *optimizer) {
  optimizer->iteration++;
}
