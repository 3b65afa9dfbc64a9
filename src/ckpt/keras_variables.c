/* SPDX-License-Identifier: MIT */
#include "ckpt/keras_variables.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/keras_origin.h"

enum { KEY = 96, NAME = 200 };

/* ---- names ---- */

/* Keras's to_snake_case: "BatchNormalization" -> "batch_normalization", "PReLU" -> "p_re_lu". As its two substitutions, an
   underscore goes before an upper-case letter that follows a lower-case one or is followed by one. */
static void snake_case(const char *name, char out[KEY]) {
  size_t used = 0;
  for (size_t i = 0; name[i] && used + 3 < KEY; i++) {
    bool upper = isupper((unsigned char)name[i]);
    bool after_lower = i > 0 && islower((unsigned char)name[i - 1]), before_lower = islower((unsigned char)name[i + 1]);
    if (upper && i > 0 && (after_lower || before_lower)) out[used++] = '_';
    out[used++] = (char)tolower((unsigned char)name[i]);
  }
  out[used] = '\0';
}

static const char keras2_top[] = "_layer_checkpoint_dependencies";

/* "dense_2" for the third Dense. Keras 2.12 to 2.14 walk a list in which layers with weights stand twice (keras/engine/training.py,
   _layer_checkpoint_dependencies), and count them so. */
static void layer_key(const lsi_net *net, const char *top, int index, char out[KEY + 16]) {
  char base[KEY];
  int before = 0;
  const lsi_layer *layer = net->layers[index];
  snake_case(layer->ops->class_name, base);
  bool twice = strcmp(top, keras2_top) == 0;
  for (int i = 0; i < index; i++)
    if (net->layers[i]->kind == layer->kind) before += twice && net->layers[i]->n_tensors > 0 ? 2 : 1;
  snprintf(out, KEY + 16, before ? "%s_%d" : "%s", base, before);
}

/* ---- writing ---- */

ls_status lsi_keras_values_write(hid_t file, const char *name, int rank, const int64_t *dims, bool integer, const float *values) {
  uint64_t sizes[LS_MAX_WEIGHT_RANK];
  for (int d = 0; d < rank; d++) sizes[d] = (uint64_t)dims[d];
  return lsi_h5_write(file, name, rank, sizes, integer ? H5T_STD_I32LE : H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, values);
}

static ls_status write_layer(hid_t file, const lsi_net *net, int index, const float *params) {
  const lsi_layer *layer = net->layers[index];
  char key[KEY + 16], group[NAME], name[NAME + 16];
  layer_key(net, "layers", index, key);
  snprintf(group, sizeof group, "layers/%s/vars", key);
  LSI_TRY(lsi_h5_make_group(file, group));
  LSI_TRY(lsi_h5_write_attr_string(file, group, "name", layer->name));
  for (int t = 0; t < layer->n_tensors; t++) {
    const lsi_tensor *tensor = &layer->tensors[t];
    snprintf(name, sizeof name, "%s/%d", group, t);
    LSI_TRY(lsi_keras_values_write(file, name, tensor->rank, tensor->dims, tensor->is_integer, params + tensor->offset));
  }
  return LS_OK;
}

static ls_status write_scalars(hid_t file, const lsi_optimizer *optimizer, int *next) {
  double rate;
  LSI_TRY(lsi_h5_make_group(file, "optimizer/vars"));
  LSI_TRY(lsi_h5_write_attr_string(file, "optimizer/vars", "name", optimizer->object.info->name));
  LSI_TRY(lsi_h5_write(file, "optimizer/vars/0", 0, NULL, H5T_STD_I64LE, H5T_NATIVE_INT64, &optimizer->iteration));
  *next = 1;
  if (!lsi_keras_has_rate(optimizer, &rate)) return LS_OK;
  *next = 2;
  return lsi_h5_write(file, "optimizer/vars/1", 0, NULL, H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, &rate);
}

static ls_status write_optimizer(hid_t file, const lsi_net *net, const lsi_optimizer *optimizer) {
  lsi_keras_slot *slots = NULL;
  size_t n = 0;
  int next = 0;
  LSI_TRY(write_scalars(file, optimizer, &next));
  ls_status status = lsi_keras_slots(net, optimizer, false, &slots, &n);
  for (size_t i = 0; status == LS_OK && i < n; i++) {
    char name[NAME];
    snprintf(name, sizeof name, "optimizer/vars/%zu", i + (size_t)next);
    status = lsi_keras_slot_write(file, name, &slots[i], optimizer);
  }
  lsi_free(slots);
  return status;
}

ls_status lsi_keras_variables_write(hid_t file, const lsi_net *net, const float *params, const lsi_optimizer *optimizer) {
  LSI_TRY(lsi_h5_make_group(file, "vars")); /* Keras up to 3.3 insists on it */
  LSI_TRY(lsi_h5_make_group(file, lsi_keras_origin_is_functional(net) ? "layers/input_layer/vars" : "layers"));
  for (int i = 1; i < net->n_layers; i++) LSI_TRY(write_layer(file, net, i, params));
  return optimizer ? write_optimizer(file, net, optimizer) : LS_OK;
}

/* ---- reading ---- */

static void shape_text(int rank, const uint64_t *dims, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "(");
  for (int d = 0; d < rank && used < size; d++)
    used += (size_t)snprintf(text + used, size - used, "%s%llu", d ? ", " : "", (unsigned long long)dims[d]);
  if (used < size) snprintf(text + used, size - used, ")");
}

static ls_status check_shape(const lsi_h5_array *array, const char *name, const lsi_keras_wanted *w) {
  uint64_t wanted[LS_MAX_WEIGHT_RANK] = {0};
  bool same = array->rank == w->rank;
  for (int d = 0; d < w->rank; d++) {
    wanted[d] = (uint64_t)w->dims[d];
    same = same && array->dims[d] == wanted[d];
  }
  if (same) return LS_OK;
  char found_text[200], wanted_text[200];
  shape_text(array->rank, array->dims, found_text, sizeof found_text);
  shape_text(w->rank, wanted, wanted_text, sizeof wanted_text);
  LSI_FAIL(LS_ERR_SHAPE, NULL, "'%.200s' has shape %s, the model's %s of '%s' has %s", name, found_text, w->what, w->owner, wanted_text);
}

ls_status lsi_keras_values_read(hid_t file, const char *path, const char *name, const lsi_keras_wanted *wanted, float *out) {
  lsi_h5_array array;
  LSI_TRY(lsi_h5_array_open(file, path, name, &array));
  ls_status status = check_shape(&array, name, wanted);
  if (status == LS_OK) status = lsi_h5_array_read(&array, name, H5T_NATIVE_FLOAT, out, array.count);
  lsi_h5_array_close(&array);
  return status;
}

ls_status lsi_keras_tensor_read(hid_t file, const char *path, const char *name, const lsi_tensor *tensor, const char *what, float *out) {
  const lsi_keras_wanted wanted = {tensor->rank, tensor->dims, what, tensor->name};
  return lsi_keras_values_read(file, path, name, &wanted, out);
}

ls_status lsi_keras_scalar_read(hid_t file, const char *path, const char *name, double *out) {
  lsi_h5_array array;
  LSI_TRY(lsi_h5_array_open(file, path, name, &array));
  ls_status status = array.count == 1 ? lsi_h5_array_read(&array, name, H5T_NATIVE_DOUBLE, out, 1)
                                      : lsi_error_set(LS_ERR_SHAPE, NULL, "'%.200s' has %llu values, expected one", name,
                                                      (unsigned long long)array.count);
  lsi_h5_array_close(&array);
  if (status == LS_OK && !isfinite(*out)) status = lsi_error_set(LS_ERR_CORRUPT, NULL, "'%.200s' is not finite", name);
  return status;
}

bool lsi_keras_variables_are_here(hid_t file) {
  return lsi_h5_has(file, "layers") || lsi_h5_has(file, keras2_top);
}

/* Members of a group; -1: there is no such group. */
static int64_t count_members(hid_t file, const char *group) {
  H5G_info_t info;
  if (!lsi_h5_has(file, group) || H5Gget_info_by_name(file, group, &info, H5P_DEFAULT) < 0) return -1;
  return (int64_t)info.nlinks;
}

static ls_status read_layer(hid_t file, const char *path, const char *top, lsi_net *net, int index) {
  const lsi_layer *layer = net->layers[index];
  char key[KEY + 16], group[NAME], name[NAME + 16];
  layer_key(net, top, index, key);
  snprintf(group, sizeof group, "%s/%s/vars", top, key);
  int64_t n = count_members(file, group);
  if (n < 0 && layer->n_tensors == 0) return LS_OK;
  LSI_CHECK(n >= 0, LS_ERR_SHAPE, "the file is of another architecture", "there is no group '%s' for layer '%s'", group, layer->name);
  LSI_CHECK(n == layer->n_tensors, LS_ERR_SHAPE, "the file is of another architecture", "'%s' has %lld variables, layer '%s' has %d",
            group, (long long)n, layer->name, layer->n_tensors);
  for (int t = 0; t < layer->n_tensors; t++) {
    snprintf(name, sizeof name, "%s/%d", group, t);
    LSI_TRY(lsi_keras_tensor_read(file, path, name, &layer->tensors[t], "weight", net->params + layer->tensors[t].offset));
  }
  return LS_OK;
}

ls_status lsi_keras_variables_read(hid_t file, const char *path, lsi_net *net) {
  const char *top = lsi_h5_has(file, "layers") ? "layers" : keras2_top;
  char name[NAME];
  snprintf(name, sizeof name, "%s/input_layer", top); /* Functional models list it */
  int64_t groups = count_members(file, top) - (count_members(file, name) >= 0);
  LSI_CHECK(groups <= net->n_layers - 1, LS_ERR_SHAPE, "the file is of another architecture", "'%s' has %lld layers, the model has %d",
            top, (long long)groups, net->n_layers - 1);
  for (int i = 1; i < net->n_layers; i++) LSI_TRY(read_layer(file, path, top, net, i));
  LSI_CHECK(count_members(file, "vars") <= 0, LS_ERR_UNSUPPORTED, NULL, "'vars': variables of the model itself are not supported");
  return LS_OK;
}

/* ---- the optimizer ---- */

bool lsi_keras_optimizer_is_here(hid_t file) {
  return lsi_h5_has(file, "optimizer/vars") || lsi_h5_has(file, "optimizer_weights");
}

static ls_status read_slots(hid_t file, const char *path, const lsi_keras_slot *slots, size_t n, int first, lsi_optimizer *optimizer) {
  for (size_t i = 0; i < n; i++) {
    char name[NAME];
    snprintf(name, sizeof name, "optimizer/vars/%zu", i + (size_t)first);
    LSI_TRY(lsi_keras_slot_read(file, path, name, &slots[i], optimizer));
  }
  return LS_OK;
}

static bool has_shape(hid_t file, const char *path, const char *name, int rank, const int64_t *dims) {
  lsi_h5_array array;
  if (lsi_h5_array_open(file, path, name, &array) != LS_OK) {
    lsi_error_clear(); /* whoever reads it says so */
    return true;
  }
  bool same = array.rank == rank;
  for (int d = 0; same && d < rank; d++) same = array.dims[d] == (uint64_t)dims[d];
  lsi_h5_array_close(&array);
  return same;
}

/* Keras 2 has no variable for the learning rate: the first slot follows. */
static bool is_scalar(hid_t file, const char *path, const char *name) {
  return has_shape(file, path, name, 0, NULL);
}

/* Averages and accumulators of gradients come one after the other since Keras 3.12; up to 3.9 they alternate, tensor by tensor. Only
   the shapes tell. */
static ls_status find_pairs(hid_t file, const char *path, int first, lsi_keras_slot *slots, size_t tensors) {
  bool in_turn = true, paired = true;
  char name[NAME];
  for (size_t i = 0; i < 2 * tensors; i++) {
    const lsi_keras_slot *one = &slots[i], *other = &slots[i / 2 + i % 2 * tensors];
    snprintf(name, sizeof name, "optimizer/vars/%zu", i + (size_t)first);
    in_turn = in_turn && has_shape(file, path, name, one->rank, one->dims);
    paired = paired && has_shape(file, path, name, other->rank, other->dims);
  }
  if (in_turn || !paired) return LS_OK;
  lsi_keras_slot *old;
  LSI_TRY(LSI_ALLOC("optimizer variables", 2 * tensors, &old));
  memcpy(old, slots, 2 * tensors * sizeof *old);
  for (size_t i = 0; i < 2 * tensors; i++) slots[i] = old[i / 2 + i % 2 * tensors];
  lsi_free(old);
  return LS_OK;
}

/* Nadam's one scalar ends the list since Keras 3.12; up to 3.9 it came before Nadam's own slots. */
static void find_scalar(hid_t file, const char *path, int first, size_t base, lsi_keras_slot *slots, size_t n) {
  char name[NAME];
  snprintf(name, sizeof name, "optimizer/vars/%zu", (size_t)first + base);
  if (n < base + 2 || slots[n - 1].tensor || slots[base].rank == 0 || !lsi_h5_has(file, name) || !is_scalar(file, path, name)) return;
  lsi_keras_slot scalar = slots[n - 1];
  memmove(slots + base + 1, slots + base, (n - 1 - base) * sizeof *slots);
  slots[base] = scalar;
}

static ls_status read_variables(hid_t file, const char *path, const lsi_net *net, lsi_keras_slot *slots, size_t n, lsi_optimizer *optimizer) {
  double iteration, rate;
  int scalars = 1 + (lsi_keras_has_rate(optimizer, &rate) && is_scalar(file, path, "optimizer/vars/1"));
  int64_t found = count_members(file, "optimizer/vars");
  bool none = found == scalars && n > 0, empty = found == 0;
  bool idle = n == 0 && found == scalars + (int64_t)lsi_keras_count_trainable(net); /* Keras 2's SGD keeps momenta it does not use */
  if (empty) { /* Keras warns about it, too */
    lsi_log_warn("%s: 'optimizer/vars' is empty: the optimizer starts anew", path);
    return LS_OK;
  }
  LSI_CHECK(none || idle || found == (int64_t)n + scalars, LS_ERR_SHAPE, "compile the model with the optimizer the file was saved with",
            "'optimizer/vars' has %lld variables, %s here has %zu", (long long)found, optimizer->object.info->class_name,
            n + (size_t)scalars);
  LSI_TRY(lsi_keras_scalar_read(file, path, "optimizer/vars/0", &iteration));
  rate = NAN;
  if (scalars == 2) LSI_TRY(lsi_keras_scalar_read(file, path, "optimizer/vars/1", &rate));
  size_t tensors = lsi_keras_count_trainable(net);
  bool averages = optimizer->average >= 0, accumulates = optimizer->accumulator >= 0;
  if (!none && averages && accumulates) LSI_TRY(find_pairs(file, path, scalars, slots, tensors));
  find_scalar(file, path, scalars, tensors * ((size_t)averages + accumulates), slots, n);
  if (!none) LSI_TRY(read_slots(file, path, slots, n, scalars, optimizer));
  LSI_CHECK(iteration >= 0 && iteration < 0x1p53, LS_ERR_CORRUPT, NULL, "'optimizer/vars/0': iteration %g", iteration);
  lsi_keras_optimizer_set(path, optimizer, iteration, rate, !none);
  return LS_OK;
}

ls_status lsi_keras_optimizer_read(hid_t file, const char *path, const lsi_net *net, lsi_optimizer *optimizer) {
  if (!lsi_h5_has(file, "optimizer/vars")) return lsi_keras_old_optimizer_read(file, path, net, optimizer);
  lsi_keras_slot *slots = NULL;
  size_t n = 0;
  ls_status status = lsi_keras_slots(net, optimizer, false, &slots, &n);
  if (status == LS_OK) status = read_variables(file, path, net, slots, n, optimizer);
  lsi_free(slots);
  return status;
}
