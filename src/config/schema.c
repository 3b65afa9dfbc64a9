/* SPDX-License-Identifier: MIT */
#include "config/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

#define KEY          LSI_KEY_ROW
#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define MAP(what, keys)                                                                            \
  { what, keys, COUNT(keys) }

/* name, type, default, limits, meaning */
static const lsi_key data_keys[] = {
    KEY("train", FILES, NULL, NULL,
        "HDF5 file with the training set, a list, or a pattern such as part-*.h5; looked up from the "
        "working folder, then from this file's"),
    KEY("validation", FILES, NULL, NULL, "measured after every epoch; or see fit.validation_split"),
    KEY("test", FILES, NULL, NULL, "measured once, after training"),
    KEY("x", TEXT, "x", NULL, "name of the features in the files"),
    KEY("y", TEXT, "y", NULL, "name of the targets in the files"),
    KEY("sample_weight", TEXT, "sample_weight", NULL,
        "name of the sample weights, used when present"),
    KEY("in_memory", BOOL, "false", NULL, "hold the sets in memory whatever their size"),
    KEY("memory_limit_mib", INT, "0", "[0,1e9]",
        "MiB one set may take on a node, held or in buffers, all its ranks together; larger sets are "
        "streamed; 0: 2048, or half of what node, cgroup and ulimit leave"),
};
static const lsi_map data_map = MAP("key", data_keys);

static const lsi_key model_keys[] = {
    KEY("name", TEXT, "sequential", NULL, "name of the model"),
    KEY("from", TEXT, NULL, NULL,
        "instead of layers: start from a model file, .keras, .h5, .json or a checkpoint; compile "
        "may then be left out"),
    KEY("weights", TEXT, NULL, NULL, "start from the weights in this file, .weights.h5 or a model"),
    KEY("layers", ITEMS, NULL, NULL, "first to last", .required = true, .map = &lsi_schema_layers),
};
static const lsi_map model_map = MAP("key", model_keys);

static const lsi_key compile_keys[] = {
    KEY("optimizer", MAP, NULL, NULL, "its name and arguments, as Keras has them",
        .map = &lsi_schema_optimizers),
    KEY("loss", TEXT, NULL, NULL,
        "a Keras loss, or a call: CategoricalCrossentropy(label_smoothing=0.1)", .required = true),
    KEY("loss_weights", FLOATS, NULL, "[0,inf)", "[w]: the loss and its gradient are multiplied by it"),
    KEY("metrics", TEXTS, NULL, NULL,
        "Keras metrics: accuracy, mae, Precision(thresholds=0.4), ..."),
    KEY("weighted_metrics", TEXTS, NULL, NULL, "metrics that sample and class weights count in"),
};
static const lsi_map compile_map = MAP("key", compile_keys);

static const lsi_key fit_keys[] = {
    KEY("epochs", INT, "1", "[1,1e9]", "passes over the training set"),
    KEY("batch_size", INT, "32", "[1,1e9]", "samples a step, over all ranks together"),
    KEY("shuffle", CHOICE, "true", "true|false|batch|blocks",
        "a new order every epoch: of all samples, of whole batches (Keras's batch), or of blocks"),
    KEY("shuffle_block", INT, "1024", "[1,1e9]",
        "blocks: samples that stay neighbours on disk; best a multiple of a chunk's rows"),
    KEY("shuffle_window", INT, "16", "[1,1e9]",
        "blocks: this many, which follow each other in the new order, have their samples mixed"),
    KEY("seed", INT, "0", "[0,9e18]", "of initial weights, shuffling and dropout"),
    KEY("initial_epoch", INT, "0", "[0,1e9]", "number of the first epoch"),
    KEY("steps_per_epoch", INT, "0", "[0,1e15]", "batches of an epoch, which goes on in the data where the one before ended; 0: one pass over the data"),
    KEY("validation_split", FLOAT, "0.0", "[0,1)",
        "this last fraction of the training set is held out for validation"),
    KEY("validation_batch_size", INT, "0", "[0,1e9]", "0: batch_size"),
    KEY("validation_steps", INT, "0", "[0,1e15]", "0: the whole set"),
    KEY("validation_freq", INT, "1", "[1,1e9]", "validate every N epochs"),
    KEY("class_weight", FLOATS, NULL, "[0,inf)",
        "weights by class: {0: 1.0, 1: 2.5} or [1.0, 2.5]"),
    KEY("base_batch_size", INT, "0", "[0,1e9]",
        "learning rate x batch_size / base_batch_size; 0: off"),
    KEY("on_nonfinite", CHOICE, "stop", "stop|skip|ignore",
        "inputs, losses or gradients that are infinite or NaN: stop and name the place, skip that "
        "step, or ignore"),
    KEY("verbose", INT, "1", "[0,2]", "0 silent, 1 progress bar, 2 one line an epoch"),
};
static const lsi_map fit_map = MAP("key", fit_keys);

static const lsi_key checkpoint_keys[] = {
    KEY("every_steps", INT, "0", "[0,1e15]", "0: off"),
    KEY("every_seconds", FLOAT, "0.0", "[0,1e9]", "0: off"),
    KEY("every_epochs", INT, "1", "[0,1e9]", "0: off"),
    KEY("keep", INT, "3", "[2,1e6]", "the newest ones are kept"),
    KEY("background", BOOL, "true", NULL,
        "written beside the training, from a copy of the state; false: training waits"),
    KEY("writers", INT, "0", "[0,1e6]",
        "ranks that share the writing of a file, at most; 0: one for each 32 MiB"),
    KEY("verify", BOOL, "false", NULL, "read each file back and compare, before it counts"),
    KEY("on_error", CHOICE, "stop", "stop|warn",
        "what a checkpoint that cannot be written means for the run"),
    KEY("time_limit", FLOAT, "0.0", "[0,1e9]",
        "seconds after which training must have stopped, with a checkpoint and exit code 75; 0: "
        "off. The end of a Slurm job counts in any case"),
    KEY("before_end_seconds", FLOAT, "0.0", "[0,1e9]",
        "how long before that to stop; 0: learnt from the checkpoints so far"),
};
static const lsi_map checkpoint_map = MAP("key", checkpoint_keys);

static const lsi_key parallel_keys[] = {
    KEY("threads", INT, "0", "[0,4096]",
        "threads a rank; 0: OMP_NUM_THREADS, else what tune found, else the cores the rank may use"),
    KEY("leaf_rows", INT, "0", "[0,1e9]",
        "rows of a leaf of the batch, part of the result; 0: from the batch size"),
    KEY("thread_work", INT, "0", "[0,1e15]",
        "multiply-adds from which a product is given to all threads; 0: 500000, or what tune found"),
    KEY("bucket_kib", INT, "0", "[0,1e9]",
        "KiB of gradient exchanged in one go; 0: 4096, or what tune found"),
    KEY("exchange", CHOICE, "auto", "auto|shared|hierarchical|mpi",
        "how gradients meet; never changes the result"),
    KEY("overlap", BOOL, "true", NULL,
        "between nodes, a thread moves gradients while backward goes on; never changes the result"),
    KEY("deadline_seconds", FLOAT, "120.0", "[0,1e9]",
        "how long a rank waits for another one (ten times that for one read or write of a file) before the run ends; 0: for ever"),
    KEY("reproducible", BOOL, "true", NULL,
        "false: sums in whatever order is fastest, and bits that vary with ranks and threads"),
    KEY("shard_optimizer", BOOL, "false", NULL,
        "each rank keeps the optimizer's slots of its share of the weights only; never changes the "
        "result"),
    KEY("check_every_steps", INT, "100", "[0,1e15]",
        "compare the ranks' weights every N steps, so that a failing memory is found; 0: off"),
    KEY("kernels", TEXT, "auto", NULL,
        "BLIS kernel set: auto, or a name such as haswell, skx, zen3"),
};
static const lsi_map parallel_map = MAP("key", parallel_keys);

static const lsi_key profile_keys[] = {
    KEY("report", BOOL, "false", NULL, "print at the end where the time went"),
    KEY("timeline", TEXT, NULL, NULL,
        "write what all ranks did in some steps to this file, for ui.perfetto.dev"),
    KEY("timeline_start", INT, "10", "[0,1e15]", "steps before the first one recorded"),
    KEY("timeline_steps", INT, "10", "[1,10000]", "recorded steps"),
};
static const lsi_map profile_map = MAP("key", profile_keys);

static const lsi_key root_keys[] = {
    KEY("data", MAP, NULL, NULL, "the data sets", .map = &data_map),
    KEY("model", MAP, NULL, NULL, "the layers", .required = true, .map = &model_map),
    KEY("compile", MAP, NULL, NULL, "optimizer, loss, metrics", .required = true,
        .map = &compile_map),
    KEY("fit", MAP, NULL, NULL, "how to train", .map = &fit_map),
    KEY("callbacks", ITEMS, NULL, NULL, "what happens during training",
        .map = &lsi_schema_callbacks),
    KEY("checkpoint", MAP, NULL, NULL, "when the run is saved", .map = &checkpoint_map),
    KEY("parallel", MAP, NULL, NULL, "threads and exchange", .map = &parallel_map),
    KEY("profile", MAP, NULL, NULL, "where the time goes; never changes the result",
        .map = &profile_map),
};
const lsi_map lsi_schema = MAP("section", root_keys);

/* ---- look-ups ---- */

const lsi_key *lsi_map_find(const lsi_map *map, const char *name) {
  for (int i = 0; i < map->n; i++)
    if (strcmp(map->keys[i].name, name) == 0)
      return &map->keys[i];
  return NULL;
}

const char *lsi_map_suggest(const lsi_map *map, const char *name, char *buffer, size_t size) {
  enum { MAX = 64 };
  const char *names[MAX];
  int n = 0;
  for (; n < map->n && n < MAX; n++)
    names[n] = map->keys[n].name;
  const char *nearest = lsi_nearest_name(name, names, n);
  buffer[0] = 0;
  if (nearest)
    snprintf(buffer, size, "; did you mean '%s'?", nearest);
  return buffer;
}

const lsi_key *lsi_schema_find(const char *path) {
  const lsi_map *map = &lsi_schema;
  const lsi_key *key = NULL;
  while (*path && map) {
    char name[64];
    size_t length = strcspn(path, ".[");
    if (length >= sizeof name)
      return NULL;
    memcpy(name, path, length);
    name[length] = 0;
    key = lsi_map_find(map, name);
    if (!key)
      return NULL;
    map = key->map;
    path += length;
    if (*path == '[')
      path += strcspn(path, "]") + 1;
    if (*path == '.')
      path++;
  }
  return *path ? NULL : key;
}

/* ---- ranges ---- */

typedef struct interval {
  double min, max;
  bool open_min, open_max;
} interval;

/* Reads "[1,inf)": brackets include the bound, parentheses leave it out. */
static interval parse_limits(const char *limits) {
  interval r = {-INFINITY, INFINITY, true, true};
  if (!limits)
    return r;
  char *end;
  r.open_min = limits[0] == '(';
  r.min = strtod(limits + 1, &end);
  r.max = strtod(end + 1, &end);
  r.open_max = *end == ')';
  return r;
}

bool lsi_limits_hold(const char *limits, double value) {
  interval r = parse_limits(limits);
  bool above = r.open_min ? value > r.min : value >= r.min;
  bool below = r.open_max ? value < r.max : value <= r.max;
  return above && below;
}

/* " of at least 1", " from 0 to 2", " above 0 and below 1" */
static void limits_text(const char *limits, char *buffer, size_t size) {
  interval r = parse_limits(limits);
  buffer[0] = 0;
  if (isinf(r.min) && isinf(r.max))
    return;
  if (isinf(r.max)) {
    snprintf(buffer, size, r.open_min ? " above %g" : " of at least %g", r.min);
  } else if (!r.open_min && !r.open_max) {
    snprintf(buffer, size, " from %.12g to %.12g", r.min, r.max);
  } else {
    snprintf(buffer, size, " %s %g and %s %g", r.open_min ? "above" : "of at least", r.min,
             r.open_max ? "below" : "at most", r.max);
  }
}

/* "auto|shared|hierarchical|mpi" as "auto, shared or mpi" */
static void choices_text(const char *choices, char *buffer, size_t size) {
  size_t used = 0;
  for (const char *p = choices; *p && used + 8 < size; p++) {
    if (*p != '|')
      buffer[used++] = *p;
    else
      used += (size_t)snprintf(buffer + used, size - used, strchr(p + 1, '|') ? ", " : " or ");
  }
  buffer[used] = 0;
}

void lsi_key_expected(const lsi_key *key, char *buffer, size_t size) {
  char range[96];
  switch (key->type) {
  case LSI_KEY_CHOICE:
    choices_text(key->limits, buffer, size);
    return;
  case LSI_KEY_BOOL:
    snprintf(buffer, size, "true or false");
    return;
  case LSI_KEY_TEXT:
    snprintf(buffer, size, "a text");
    return;
  case LSI_KEY_TEXTS:
    snprintf(buffer, size, "a list of texts, such as [a, b]");
    return;
  case LSI_KEY_FILES:
    snprintf(buffer, size, "a file, or a list of files");
    return;
  case LSI_KEY_MAP:
    snprintf(buffer, size, "a mapping of keys to values");
    return;
  case LSI_KEY_ITEMS:
    snprintf(buffer, size, "a list: one line '- Name: {argument: value}' each");
    return;
  default:
    break;
  }
  limits_text(key->limits, range, sizeof range);
  const char *what = key->type == LSI_KEY_INT     ? "an integer"
                     : key->type == LSI_KEY_FLOAT ? "a number"
                     : key->type == LSI_KEY_RATE  ? "a schedule, or a number"
                     : key->type == LSI_KEY_INTS  ? "a list of integers"
                                                  : "a list of numbers";
  bool list = key->type == LSI_KEY_INTS || key->type == LSI_KEY_FLOATS;
  snprintf(buffer, size, "%s%s%s", what, range[0] && list ? ", each" : "", range);
}
