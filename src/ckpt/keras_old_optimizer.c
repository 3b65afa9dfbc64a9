/* SPDX-License-Identifier: MIT */
/*
 * /optimizer_weights of whole-model .h5 files: datasets listed by the attribute weight_names. Names vary between versions, their order
 * does not: iteration, learning rate (Keras 3, unless a schedule), slots. Keras 2.10 and older call the first "iter" and go kind by kind.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/keras_variables.h"

static const char group[] = "optimizer_weights";
enum { NAME = 1200 };

typedef struct saved {
  char **names; /* one block */
  size_t n;
} saved;

/* Is the name's last part `word`, with or without ":0"? */
static bool ends_in(const char *name, const char *word) {
  const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
  size_t n = strlen(word);
  return strncmp(last, word, n) == 0 && (last[n] == '\0' || strcmp(last + n, ":0") == 0);
}

static ls_status full_name(const char *weight, char out[NAME]) {
  int n = snprintf(out, NAME, "%s/%s", group, weight);
  LSI_CHECK(n > 0 && n < NAME, LS_ERR_UNSUPPORTED, NULL, "a variable's name in '%s' has %d characters", group, n);
  return LS_OK;
}

static ls_status read_scalar(hid_t file, const char *path, const char *weight, double *out) {
  char name[NAME];
  LSI_TRY(full_name(weight, name));
  return lsi_keras_scalar_read(file, path, name, out);
}

static ls_status read_slots(hid_t file, const char *path, char *const *names, const lsi_keras_slot *slots, size_t n, lsi_optimizer *optimizer) {
  for (size_t i = 0; i < n; i++) {
    char name[NAME];
    LSI_TRY(full_name(names[i], name));
    LSI_TRY(lsi_keras_slot_read(file, path, name, &slots[i], optimizer));
  }
  return LS_OK;
}

static ls_status read_variables(hid_t file, const char *path, const lsi_net *net, const saved *s, lsi_optimizer *optimizer) {
  double iteration, rate = NAN;
  size_t first = 1, n_slots = 0;
  lsi_keras_slot *slots = NULL;
  bool old = ends_in(s->names[0], "iter");
  LSI_CHECK(old || ends_in(s->names[0], "iteration"), LS_ERR_UNSUPPORTED, "delete the group optimizer_weights to start with a fresh optimizer",
            "'%s' begins with '%.80s', not with the iteration", group, s->names[0]);
  LSI_TRY(read_scalar(file, path, s->names[0], &iteration));
  LSI_CHECK(iteration >= 0 && iteration < 0x1p53, LS_ERR_CORRUPT, NULL, "'%s': iteration %g", group, iteration);
  if (s->n > 1 && (ends_in(s->names[1], "learning_rate") || ends_in(s->names[1], "current_learning_rate"))) {
    LSI_TRY(read_scalar(file, path, s->names[1], &rate));
    first = 2;
  }
  LSI_TRY(lsi_keras_slots(net, optimizer, old, &slots, &n_slots));
  size_t left = s->n - first;
  bool idle = n_slots == 0 && left == lsi_keras_count_trainable(net); /* Keras 2's SGD keeps momenta it does not use */
  ls_status status = LS_OK;
  if (left == n_slots)
    status = read_slots(file, path, s->names + first, slots, n_slots, optimizer);
  else if (left > 0 && !idle)
    status = lsi_error_set(LS_ERR_SHAPE, "delete the group optimizer_weights to start with a fresh optimizer",
                           "'%s' has %zu variables behind the first %zu, %s here has %zu", group, left, first,
                           optimizer->object.info->class_name, n_slots);
  lsi_free(slots);
  if (status == LS_OK) lsi_keras_optimizer_set(path, optimizer, iteration, rate, left == n_slots || idle);
  return status;
}

ls_status lsi_keras_old_optimizer_read(hid_t file, const char *path, const lsi_net *net, lsi_optimizer *optimizer) {
  saved s = {0};
  LSI_CHECK(lsi_h5_has(file, group), LS_ERR_NOT_FOUND, NULL, "there is no optimizer state");
  ls_status status = lsi_h5_attr_strings(file, group, "weight_names", &s.names, &s.n);
  if (status == LS_ERR_NOT_FOUND) {
    lsi_error_clear();
    return LS_OK; /* no list: nothing saved */
  }
  LSI_TRY(status);
  if (s.n > 0) status = read_variables(file, path, net, &s, optimizer);
  lsi_free(s.names);
  return status;
}
