/* SPDX-License-Identifier: MIT */
/* Reading model files: opening, texts, weights by position. Writing is in model_write.c. */
#include "ckpt/model_file.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/memory.h"
#include "ckpt/file_kind.h"
#include "ckpt/keras3_config.h"
#include "ckpt/keras_archive.h"
#include "ckpt/keras_variables.h"
#include "store/durable.h"
#include "store/h5.h"
#include "store/trial.h"

enum { N_TEXTS = 9 };

/* Texts that are kept: where they are in the file. */
static const struct {
  const char *name, *object;
} text_places[N_TEXTS] = {{"model_config", "."},   {"training_config", "."}, {"keras_version", "."},
                          {"backend", "."},        {"version", "lockstep"},  {"kernels", "lockstep"},
                          {"config", "lockstep"},  {"digest", "lockstep"},
                          {"origin", "lockstep"}};

struct lsi_model_file {
  hid_t file; /* -1: JSON alone */
  char *path;
  char *texts[N_TEXTS];
};

/* ---- opening ---- */

void lsi_model_file_close(lsi_model_file **file) {
  if (!*file) return;
  lsi_h5_close((*file)->file);
  for (int i = 0; i < N_TEXTS; i++) lsi_free((*file)->texts[i]);
  lsi_free((*file)->path);
  lsi_free(*file);
  *file = NULL;
}

const char *lsi_model_file_text(const lsi_model_file *file, const char *name) {
  for (int i = 0; i < N_TEXTS; i++)
    if (strcmp(text_places[i].name, name) == 0) return file->texts[i];
  return NULL;
}

const char *lsi_model_file_model_json(const lsi_model_file *file) {
  const char *origin = lsi_model_file_text(file, "origin");
  return origin ? origin : lsi_model_file_text(file, "model_config");
}

const char *lsi_model_file_training_json(const lsi_model_file *file) {
  return lsi_model_file_text(file, "training_config");
}

static char **text_slot(lsi_model_file *file, const char *name) {
  for (int i = 0; i < N_TEXTS; i++)
    if (strcmp(text_places[i].name, name) == 0) return &file->texts[i];
  return NULL;
}

/* Texts that were edited on purpose have no digest: then model_config counts. */
static void forget_origin(lsi_model_file *file) {
  char **origin = text_slot(file, "origin");
  lsi_free(*origin);
  *origin = NULL;
}

static ls_status check_texts(lsi_model_file *file) {
  if (!lsi_h5_has_attr(file->file, "lockstep", "text_digest")) {
    forget_origin(file);
    return LS_OK;
  }
  static const char *const digested[] = {"model_config", "training_config", "origin"};
  char *expected, hex[LSI_DIGEST_HEX];
  lsi_hash *hash;
  LSI_TRY(lsi_hash_create(&hash));
  for (size_t i = 0; i < sizeof digested / sizeof *digested; i++) {
    const char *text = lsi_model_file_text(file, digested[i]);
    if (text) lsi_hash_update(hash, text, strlen(text));
  }
  lsi_hash_hex(hash, hex);
  lsi_hash_destroy(&hash);
  LSI_TRY(lsi_h5_attr_string(file->file, "lockstep", "text_digest", &expected));
  bool same = strcmp(expected, hex) == 0;
  lsi_free(expected);
  LSI_CHECK(same, LS_ERR_CORRUPT, "use another copy; if the texts were edited on purpose, remove the attribute text_digest of /lockstep",
            "model_config or training_config are not the ones that were written");
  return LS_OK;
}

static ls_status read_texts(lsi_model_file *file) {
  for (int i = 0; i < N_TEXTS; i++)
    if (lsi_h5_has_attr(file->file, text_places[i].object, text_places[i].name))
      LSI_TRY(lsi_h5_attr_string(file->file, text_places[i].object, text_places[i].name, &file->texts[i]));
  return check_texts(file);
}

/* Keras 3's config.json or to_json(): architecture and perhaps compile_config in one text. Takes it over. */
static ls_status set_config(lsi_model_file *file, char *config) {
  *text_slot(file, "model_config") = config;
  return lsi_keras3_training_json(config, text_slot(file, "training_config"));
}

static ls_status open_json(lsi_model_file *file) {
  enum { MAX_BYTES = 64 << 20 };
  char *text;
  size_t n;
  LSI_TRY(lsi_read_file(file->path, MAX_BYTES, &text, &n));
  if (strlen(text) != n) {
    lsi_free(text);
    LSI_FAIL(LS_ERR_FORMAT, NULL, "the JSON has a zero byte");
  }
  return set_config(file, text);
}

/* Our own texts of what compile() was told say more than Keras can; they hold while config.json is the one that was written with them. */
static ls_status prefer_own_training(lsi_model_file *file) {
  char *digest, hex[LSI_DIGEST_HEX], **training = text_slot(file, "training_config");
  const char *config = lsi_model_file_model_json(file);
  if (!*training || !lsi_h5_has_attr(file->file, "lockstep", "training_config") || !lsi_h5_has_attr(file->file, "lockstep", "text_digest"))
    return LS_OK;
  LSI_TRY(lsi_h5_attr_string(file->file, "lockstep", "text_digest", &digest));
  lsi_hash_bytes(config, strlen(config), hex);
  bool same = strcmp(digest, hex) == 0;
  lsi_free(digest);
  if (!same) return LS_OK;
  lsi_free(*training);
  *training = NULL;
  return lsi_h5_attr_string(file->file, "lockstep", "training_config", training);
}

static ls_status read_own_texts(lsi_model_file *file) {
  for (int i = 0; i < N_TEXTS; i++)
    if (strcmp(text_places[i].object, "lockstep") == 0 && strcmp(text_places[i].name, "origin") != 0 && lsi_h5_has_attr(file->file, "lockstep", text_places[i].name))
      LSI_TRY(lsi_h5_attr_string(file->file, "lockstep", text_places[i].name, &file->texts[i]));
  return LS_OK;
}

static ls_status open_archive(lsi_model_file *file) {
  lsi_keras_archive archive;
  LSI_TRY(lsi_keras_archive_read(file->path, &archive));
  char *config = archive.config;
  archive.config = NULL;
  ls_status status = set_config(file, config);
  if (status == LS_OK && archive.metadata) status = lsi_keras3_version(archive.metadata, text_slot(file, "keras_version"));
  if (status == LS_OK) status = lsi_h5_open_image(archive.weights, archive.n_weights, "model.weights.h5", &file->file);
  lsi_keras_archive_clear(&archive);
  LSI_TRY(status);
  LSI_TRY(read_own_texts(file));
  return prefer_own_training(file);
}

static ls_status open_as(lsi_file_kind kind, lsi_model_file *file) {
  if (kind == LSI_FILE_KERAS_JSON) return open_json(file);
  if (kind == LSI_FILE_KERAS_ARCHIVE) return open_archive(file);
  LSI_TRY(lsi_h5_open(file->path, &file->file));
  return kind == LSI_FILE_MODEL ? read_texts(file) : read_own_texts(file);
}

/* ---- trials: what HDF5 does not survive is found out in a child ---- */

typedef struct trial {
  const char *path;
  const lsi_net *net; /* NULL: open only */
  lsi_optimizer *optimizer; /* NULL: weights */
} trial;

/* An error says which file, and says it once. */
static ls_status name_file(const char *path, ls_status status) {
  if (status != LS_OK && !strstr(ls_last_error()->message, path)) lsi_error_prefix("%s", path);
  return status;
}

static ls_status open_file(const char *path, bool weights, lsi_model_file **out);
static ls_status read_weights(lsi_model_file *file, lsi_net *net);

static ls_status try_reading(void *argument) {
  trial *t = argument;
  lsi_model_file *file;
  LSI_TRY(open_file(t->path, true, &file));
  if (t->optimizer) return lsi_keras_optimizer_read(file->file, file->path, t->net, t->optimizer);
  return t->net ? read_weights(file, (lsi_net *)t->net) : LS_OK; /* the child's copy of the net */
}

static ls_status run_trial(trial t) {
  struct stat info;
  uint64_t bytes = stat(t.path, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
  return lsi_trial_run(t.path, lsi_trial_limits_for(bytes), try_reading, &t);
}

/* ---- opening, of what came through that ---- */

static ls_status open_file(const char *path, bool weights, lsi_model_file **out) {
  lsi_file_kind kind;
  LSI_TRY(lsi_file_kind_of(path, &kind));
  bool fits = kind == LSI_FILE_MODEL || kind == LSI_FILE_KERAS_ARCHIVE || kind == (weights ? LSI_FILE_KERAS_WEIGHTS : LSI_FILE_KERAS_JSON);
  if (!fits) return lsi_file_kind_error(path, kind, weights ? "a model or its weights" : "a model");
  if (kind != LSI_FILE_KERAS_JSON) LSI_TRY(run_trial((trial){.path = path}));
  lsi_model_file *file;
  LSI_TRY(LSI_ALLOC("model file", 1, &file));
  file->file = -1;
  ls_status status = lsi_strdup(path, &file->path);
  if (status == LS_OK) {
    status = name_file(path, open_as(kind, file));
  }
  if (status != LS_OK)
    lsi_model_file_close(&file);
  else
    *out = file;
  return status;
}

ls_status lsi_model_file_open(const char *path, lsi_model_file **out) {
  return open_file(path, false, out);
}

ls_status lsi_model_file_open_weights(const char *path, lsi_model_file **out) {
  return open_file(path, true, out);
}

/* ---- weights ---- */

typedef struct saved_layer {
  char path[1200]; /* group */
  char **weights;  /* names below it; one block */
  size_t n_weights;
} saved_layer;

static void shape_text(int rank, const uint64_t *dims, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "(");
  for (int d = 0; d < rank && used < size; d++)
    used += (size_t)snprintf(text + used, size - used, "%s%llu", d ? ", " : "", (unsigned long long)dims[d]);
  if (used < size) snprintf(text + used, size - used, ")");
}

static ls_status check_shape(const lsi_h5_array *array, const char *name, const lsi_tensor *tensor) {
  uint64_t wanted[LS_MAX_WEIGHT_RANK] = {0};
  bool same = array->rank == tensor->rank;
  for (int d = 0; d < tensor->rank; d++) {
    wanted[d] = (uint64_t)tensor->dims[d];
    same = same && array->dims[d] == wanted[d];
  }
  if (same) return LS_OK;
  char found_text[200], wanted_text[200];
  shape_text(array->rank, array->dims, found_text, sizeof found_text);
  shape_text(tensor->rank, wanted, wanted_text, sizeof wanted_text);
  LSI_FAIL(LS_ERR_SHAPE, NULL, "'%.200s' has shape %s, weight '%s' has shape %s", name, found_text, tensor->name,
           wanted_text);
}

static ls_status read_tensor(const lsi_model_file *file, const saved_layer *saved, size_t k, const lsi_tensor *tensor,
                             float *params) {
  char name[2048];
  lsi_h5_array array;
  int n = snprintf(name, sizeof name, "%s/%s", saved->path, saved->weights[k]);
  LSI_CHECK(n > 0 && (size_t)n < sizeof name, LS_ERR_UNSUPPORTED, NULL, "a weight's name has %d characters", n);
  LSI_TRY(lsi_h5_array_open(file->file, file->path, name, &array));
  ls_status status = check_shape(&array, name, tensor);
  if (status == LS_OK) status = lsi_h5_array_read(&array, name, H5T_NATIVE_FLOAT, params + tensor->offset, tensor->count);
  lsi_h5_array_close(&array);
  return status;
}

static ls_status read_layer(const lsi_model_file *file, const saved_layer *saved, const lsi_net *net, int *next) {
  if (saved->n_weights == 0) return LS_OK;
  while (*next < net->n_layers && net->layers[*next]->n_tensors == 0) (*next)++;
  LSI_CHECK(*next < net->n_layers, LS_ERR_SHAPE, NULL, "'%s' has weights, but every layer of the model has its own already",
            saved->path);
  const lsi_layer *layer = net->layers[(*next)++];
  LSI_CHECK((size_t)layer->n_tensors == saved->n_weights, LS_ERR_SHAPE, NULL,
            "'%s' has %zu weights, layer '%s' has %d", saved->path, saved->n_weights, layer->name, layer->n_tensors);
  for (int t = 0; t < layer->n_tensors; t++)
    LSI_TRY(read_tensor(file, saved, (size_t)t, &layer->tensors[t], net->params));
  return LS_OK;
}

static ls_status read_named_layer(const lsi_model_file *file, const char *group, const char *name, const lsi_net *net,
                                  int *next) {
  saved_layer saved = {.weights = NULL};
  int n = snprintf(saved.path, sizeof saved.path, "%s/%s", group, name);
  LSI_CHECK(n > 0 && (size_t)n < sizeof saved.path, LS_ERR_UNSUPPORTED, NULL, "a layer's name has %d characters", n);
  LSI_CHECK(lsi_h5_has(file->file, saved.path), LS_ERR_CORRUPT, NULL, "there is no group '%.200s' (named in layer_names)",
            saved.path);
  ls_status status = lsi_h5_attr_strings(file->file, saved.path, "weight_names", &saved.weights, &saved.n_weights);
  if (status == LS_ERR_NOT_FOUND) {
    lsi_error_clear();
    return LS_OK; /* no attribute: no weights */
  }
  LSI_TRY(status);
  status = read_layer(file, &saved, net, next);
  lsi_free(saved.weights);
  return status;
}

/* Twice the same weights would fill two layers. */
static ls_status check_names(char **names, size_t n) {
  for (size_t i = 1; i < n; i++)
    for (size_t j = 0; j < i; j++)
      LSI_CHECK(strcmp(names[i], names[j]) != 0, LS_ERR_CORRUPT, NULL, "layer_names has '%.100s' twice", names[i]);
  return LS_OK;
}

static ls_status read_all(const lsi_model_file *file, lsi_net *net) {
  bool below = !lsi_h5_has_attr(file->file, ".", "layer_names") && lsi_h5_has(file->file, "model_weights");
  const char *group = below ? "model_weights" : ".";
  char **names;
  size_t n;
  int next = 0;
  LSI_TRY(lsi_h5_attr_strings(file->file, group, "layer_names", &names, &n));
  ls_status status = check_names(names, n);
  for (size_t i = 0; status == LS_OK && i < n; i++) status = read_named_layer(file, group, names[i], net, &next);
  lsi_free(names);
  LSI_TRY(status);
  while (next < net->n_layers && net->layers[next]->n_tensors == 0) next++;
  LSI_CHECK(next == net->n_layers, LS_ERR_SHAPE, NULL, "there are no weights for layer '%s'", net->layers[next]->name);
  return LS_OK;
}

static ls_status check_digest(const lsi_model_file *file, const lsi_net *net) {
  const char *expected = lsi_model_file_text(file, "digest");
  char hex[LSI_DIGEST_HEX];
  if (!expected) return LS_OK;
  LSI_TRY(lsi_net_digest(net, net->params, hex));
  LSI_CHECK(strcmp(hex, expected) == 0, LS_ERR_CORRUPT,
            "use another copy; if the weights were changed on purpose, remove the attribute digest of /lockstep",
            "the weights (digest %s) are not the ones that were written (%.32s)", hex, expected);
  return LS_OK;
}

static ls_status read_weights(lsi_model_file *file, lsi_net *net) {
  return lsi_keras_variables_are_here(file->file) ? lsi_keras_variables_read(file->file, file->path, net) : read_all(file, net);
}

ls_status lsi_model_file_read_weights(lsi_model_file *file, lsi_net *net) {
  LSI_TRY(lsi_net_build(net));
  LSI_CHECK(lsi_model_file_has_weights(file), LS_ERR_FORMAT, "save the whole model in Keras: model.save(\"model.keras\")",
            "%s: is an architecture without weights", file->path);
  LSI_TRY(run_trial((trial){.path = file->path, .net = net}));
  ls_status status = read_weights(file, net);
  if (status == LS_OK) status = check_digest(file, net);
  net->has_weights = net->has_weights || status == LS_OK;
  return name_file(file->path, status);
}

size_t lsi_model_file_most_weights(const lsi_model_file *file) {
  enum { FREE = 1 << 20, MAX_GROWTH = 200 }; /* as of an archive's members */
  struct stat info;
  if (file->file < 0 || stat(file->path, &info) != 0) return SIZE_MAX;
  return ((size_t)info.st_size * MAX_GROWTH + FREE) / sizeof(float);
}

bool lsi_model_file_has_weights(const lsi_model_file *file) {
  return file->file >= 0;
}

bool lsi_model_file_has_optimizer(const lsi_model_file *file) {
  return file->file >= 0 && lsi_keras_optimizer_is_here(file->file);
}

ls_status lsi_model_file_read_optimizer(lsi_model_file *file, const lsi_net *net, lsi_optimizer *optimizer) {
  LSI_TRY(run_trial((trial){.path = file->path, .net = net, .optimizer = optimizer}));
  return name_file(file->path, lsi_keras_optimizer_read(file->file, file->path, net, optimizer));
}
