/* SPDX-License-Identifier: MIT */
/* Which slots a class keeps: names, order and initial values as Keras creates its variables. */
#include "optim/slots.h"

#include <string.h>

#include "base/memory.h"

typedef struct slot_row {
  lsi_optimizer_kind kind;
  const char *name;
  int group;
  const char *when;    /* only while this argument is not 0; NULL: always */
  const char *initial; /* argument with its initial value; NULL: 0 */
  lsi_slot_form form;
} slot_row;

#define ROW(kind_, name_, group_, ...) {.kind = LSI_OPT_##kind_, .name = name_, .group = group_, __VA_ARGS__}

static const slot_row rows[] = {
    ROW(SGD, "momentum", 0, .when = "momentum"),
    ROW(RMSPROP, "velocity", 0, .when = NULL),
    ROW(RMSPROP, "momentum", 1, .when = "momentum"),
    ROW(RMSPROP, "average_gradient", 2, .when = "centered"),
    ROW(ADAGRAD, "accumulator", 0, .initial = "initial_accumulator_value"),
    ROW(ADAM, "momentum", 0, .when = NULL),
    ROW(ADAM, "velocity", 0, .when = NULL),
    ROW(ADAM, "velocity_hat", 1, .when = "amsgrad"),
    ROW(ADAMW, "momentum", 0, .when = NULL),
    ROW(ADAMW, "velocity", 0, .when = NULL),
    ROW(ADAMW, "velocity_hat", 1, .when = "amsgrad"),
    ROW(ADAMAX, "momentum", 0, .when = NULL),
    ROW(ADAMAX, "norm", 0, .when = NULL),
    ROW(NADAM, "momentum", 0, .when = NULL),
    ROW(NADAM, "velocity", 0, .when = NULL),
    ROW(ADADELTA, "accumulated_grad", 0, .when = NULL),
    ROW(ADADELTA, "accumulated_delta_var", 0, .when = NULL),
    ROW(FTRL, "accumulator", 0, .initial = "initial_accumulator_value"),
    ROW(FTRL, "linear", 0, .when = NULL),
    ROW(LION, "momentum", 0, .when = NULL),
    ROW(LAMB, "momentum", 0, .when = NULL),
    ROW(LAMB, "velocity", 0, .when = NULL),
    ROW(ADAFACTOR, "r", 0, .form = LSI_SLOT_ROWS),
    ROW(ADAFACTOR, "c", 0, .form = LSI_SLOT_COLUMNS),
    ROW(ADAFACTOR, "velocity", 0, .when = NULL),
    ROW(SCHEDULE_FREE_ADAMW, "momentum", 0, .when = NULL),
    ROW(SCHEDULE_FREE_ADAMW, "velocity", 0, .when = NULL),
    ROW(MUON, "momentum", 0, .when = NULL),
    ROW(MUON, "velocity", 0, .form = LSI_SLOT_NO_MATRICES),
};

/* The base class makes its own before the others. */
enum { AVERAGE_GROUP = -2, ACCUMULATOR_GROUP = -1 };

static int add_slot(lsi_optimizer *o, const char *name, int group, lsi_slot_form form, double initial) {
  o->slot_names[o->n_slots] = name;
  o->slot_group[o->n_slots] = group;
  o->slot_form[o->n_slots] = form;
  o->slot_initial[o->n_slots] = (float)initial;
  return o->n_slots++;
}

static void describe(lsi_optimizer *o) {
  const lsi_object *object = &o->object;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const slot_row *row = &rows[i];
    if ((int)row->kind == object->info->kind && (!row->when || lsi_object_get(object, row->when) != 0))
      add_slot(o, row->name, row->group, row->form, row->initial ? lsi_object_get(object, row->initial) : 0.0);
  }
  o->average = o->accumulator = -1;
  if (lsi_object_get(object, "use_ema") != 0)
    o->average = add_slot(o, "average", AVERAGE_GROUP, LSI_SLOT_WHOLE, 0.0);
  if (lsi_optimizer_accumulates(o))
    o->accumulator = add_slot(o, "gradient_accumulator", ACCUMULATOR_GROUP, LSI_SLOT_WHOLE, 0.0);
  if (object->info->kind == LSI_OPT_NADAM) {
    o->scalar_name = "u_product";
    o->scalar = 1.0;
  }
}

ls_status lsi_optimizer_make_slots(lsi_optimizer *o) {
  describe(o);
  for (int s = 0; s < o->n_slots; s++)
    LSI_TRY(LSI_ALLOC(o->slot_names[s], o->n, &o->slots[s]));
  return LS_OK;
}

void lsi_optimizer_fill_slots(lsi_optimizer *o, size_t begin, size_t end) {
  for (int s = 0; s < o->n_slots; s++)
    for (size_t i = begin; o->slot_initial[s] != 0 && i < end; i++) /* zeros they are from the start */
      o->slots[s][i] = o->slot_initial[s];
}

void lsi_optimizer_begin(const lsi_optimizer *o, const float *params) {
  if (o->object.info->kind == LSI_OPT_SCHEDULE_FREE_ADAMW && lsi_optimizer_updates(o) == 0)
    memcpy(o->slots[0], params, o->n * sizeof *params);
}

static bool has_variable(lsi_slot_form form, const lsi_optim_tensor *t) {
  return form != LSI_SLOT_NO_MATRICES || !t->by_matrix;
}

bool lsi_optimizer_has_variable(const lsi_optimizer *o, int s, size_t offset) {
  for (int i = 0; i < o->n_tensors; i++)
    if (o->tensors[i].offset == offset)
      return has_variable(o->slot_form[s], &o->tensors[i]);
  return true;
}

/* Of a vector Keras has one number instead of rows and columns. */
static size_t slot_count(lsi_slot_form form, const lsi_optim_tensor *t) {
  if (!has_variable(form, t))
    return 0;
  if (form == LSI_SLOT_WHOLE || form == LSI_SLOT_NO_MATRICES)
    return t->count;
  return t->rows == 0 ? 1 : t->batches * (form == LSI_SLOT_ROWS ? t->rows : t->columns);
}

size_t lsi_optimizer_count(const lsi_optimizer *o) {
  size_t count = (o->has_schedule ? 1 : 2) + (o->scalar_name != NULL);
  for (int s = 0; s < o->n_slots; s++)
    for (int i = 0; i < o->n_tensors; i++)
      count += slot_count(o->slot_form[s], &o->tensors[i]);
  return count;
}
