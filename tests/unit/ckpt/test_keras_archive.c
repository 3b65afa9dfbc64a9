/* SPDX-License-Identifier: MIT */
/* .keras and .weights.h5: what is written comes back bit for bit with the optimizer's state; hostile archives are refused, by member. */
#include "unit/store/temp_dir.h"

#include <zip.h>

#include "ckpt/keras3_config.h"
#include "ckpt/keras_archive.h"
#include "ckpt/keras_variables.h"
#include "ckpt/model_file.h"
#include "store/durable.h"
#include "unit/ckpt/model_case.h"

static const lsi_model_extra extra = {.config_text = NULL, .kernels = "BLIS 0.9.0 test"};

static lsi_optimizer *case_optimizer(const lsi_net *net, const char *text) {
  lsi_object object;
  lsi_optimizer *optimizer;
  case_parse(&lsi_optimizers, text, &object);
  assert_ok(lsi_optimizer_create(&object, &net->layout, &optimizer));
  return optimizer;
}

/* Values a slot keeps of a tensor. */
static size_t kept(const lsi_optimizer *optimizer, int s, const lsi_tensor *tensor) {
  if (!tensor->trainable) return 0;
  if (!lsi_optimizer_has_variable(optimizer, s, tensor->offset)) return 0;
  if (optimizer->slot_form[s] == LSI_SLOT_WHOLE || optimizer->slot_form[s] == LSI_SLOT_NO_MATRICES) return tensor->count;
  return tensor->rank < 2 ? 0 : (size_t)tensor->dims[optimizer->slot_form[s] == LSI_SLOT_ROWS ? 0 : 1];
}

static void fill_optimizer(const lsi_net *net, lsi_optimizer *optimizer) {
  optimizer->iteration = 12345;
  if (!optimizer->has_schedule) optimizer->learning_rate = 0.125;
  optimizer->scalar = 0.375;
  for (int s = 0; s < optimizer->n_slots; s++)
    for (int t = 0; t < net->layout.n; t++) {
      const lsi_tensor *tensor = &net->layout.tensors[t];
      for (size_t i = 0; i < kept(optimizer, s, tensor); i++)
        optimizer->slots[s][tensor->offset + i] = (float)(s + 1) * 0.37f + (float)(tensor->offset + i) * 1e-3f;
    }
}

static void same_optimizer(const lsi_net *net, const lsi_optimizer *a, const lsi_optimizer *b) {
  assert_int_equal(a->iteration, b->iteration);
  assert_true(a->has_schedule || a->learning_rate == b->learning_rate);
  assert_true(!a->scalar_name || a->scalar == b->scalar);
  for (int s = 0; s < a->n_slots; s++)
    for (int t = 0; t < net->layout.n; t++) {
      const lsi_tensor *tensor = &net->layout.tensors[t];
      if (kept(a, s, tensor) > 0)
        assert_memory_equal(a->slots[s] + tensor->offset, b->slots[s] + tensor->offset, kept(a, s, tensor) * sizeof(float));
    }
}

static void round_trip_as(const char *optimizer_text, bool archive) {
  lsi_net *net = case_net(true), *back;
  lsi_compile compile;
  lsi_model_file *file;
  const char *path = temp_path(archive ? "model.keras" : "model.weights.h5");
  case_fill(net);
  case_compile(&compile, optimizer_text, "CategoricalCrossentropy(label_smoothing=0.1)");
  case_metric(&compile, "ce", false);
  case_metric(&compile, "Precision(thresholds=0.25)", true);
  lsi_optimizer *saved = case_optimizer(net, optimizer_text), *read = case_optimizer(net, optimizer_text);
  fill_optimizer(net, saved);
  if (archive) {
    assert_ok(lsi_keras_archive_write(path, net, net->params, &compile, saved, &extra));
    assert_ok(lsi_model_file_open(path, &file));
    assert_ok(lsi_keras_model_parse(lsi_model_file_model_json(file), &back));
    assert_string_equal(lsi_model_file_text(file, "kernels"), extra.kernels);
    lsi_compile again;
    assert_ok(lsi_keras_training_parse(lsi_model_file_training_json(file), &again));
    assert_string_equal(again.metrics[1], compile.metrics[1]);
    assert_true(again.weighted[1]);
  } else {
    back = case_net(true);
    assert_ok(lsi_keras_weights_write(path, net, net->params, saved, &extra));
    assert_int_equal(lsi_model_file_open(path, &file), LS_ERR_FORMAT);
    assert_ok(lsi_model_file_open_weights(path, &file));
  }
  assert_ok(lsi_model_file_read_weights(file, back));
  assert_memory_equal(net->params, back->params, net->layout.size * sizeof(float));
  assert_true(lsi_model_file_has_optimizer(file));
  assert_ok(lsi_model_file_read_optimizer(file, back, read));
  same_optimizer(net, saved, read);
  lsi_model_file_close(&file);
  lsi_optimizer_destroy(&saved);
  lsi_optimizer_destroy(&read);
  lsi_net_destroy(&back);
  lsi_net_destroy(&net);
}

static void round_trips(void **state) {
  (void)state;
  static const char *const optimizers[] = {"SGD(0.1)", "SGD(0.1, momentum=0.9)", "RMSprop(momentum=0.5, centered=True)", "Adagrad",
                                           "Adam(amsgrad=True)", "AdamW", "Adam(CosineDecay(0.01, 100))", "SGD(LinearWarmup(0.1, 10))",
                                           "SGD(Constant(0.2), momentum=0.5)", "Nadam(use_ema=True, gradient_accumulation_steps=3)",
                                           "Adafactor(use_ema=True)", "Ftrl", "Lamb", "Lion", "ScheduleFreeAdamW", "Muon", "Muon(weight_decay=None)"};
  for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
    round_trip_as(optimizers[i], true);
    round_trip_as(optimizers[i], false);
  }
}

static void slots_are_in_kerass_order(void **state) {
  (void)state;
  lsi_net *net = case_net(true);
  lsi_optimizer *adam = case_optimizer(net, "Adam(amsgrad=True)"), *rmsprop = case_optimizer(net, "RMSprop(momentum=0.5)");
  lsi_keras_slot *slots;
  size_t n, trainable = 0;
  for (int t = 0; t < net->layout.n; t++) trainable += net->layout.tensors[t].trainable;
  assert_ok(lsi_keras_slots(net, adam, false, &slots, &n));
  assert_int_equal(n, 3 * trainable);
  assert_string_equal(slots[0].name, "momentum");
  assert_string_equal(slots[1].name, "velocity");
  assert_ptr_equal(slots[0].tensor, slots[1].tensor);
  assert_string_equal(slots[2 * trainable].name, "velocity_hat");
  assert_ptr_equal(slots[2 * trainable].tensor, slots[0].tensor);
  lsi_free(slots);
  assert_ok(lsi_keras_slots(net, rmsprop, false, &slots, &n));
  assert_string_equal(slots[trainable - 1].name, "velocity");
  assert_string_equal(slots[trainable].name, "momentum");
  lsi_free(slots);
  lsi_optimizer_destroy(&adam);
  lsi_optimizer_destroy(&rmsprop);
  lsi_net_destroy(&net);
}

/* What the base class makes comes first; Nadam's scalar last; of vectors Adafactor has a whole velocity and two placeholders. */
static void averages_first_scalars_last(void **state) {
  (void)state;
  lsi_net *net = case_net(true);
  lsi_optimizer *nadam = case_optimizer(net, "Nadam(use_ema=True, gradient_accumulation_steps=2)"), *adafactor = case_optimizer(net, "Adafactor");
  lsi_keras_slot *slots;
  size_t n, trainable = 0;
  for (int t = 0; t < net->layout.n; t++) trainable += net->layout.tensors[t].trainable;
  assert_ok(lsi_keras_slots(net, nadam, false, &slots, &n));
  assert_int_equal(n, 4 * trainable + 1);
  assert_string_equal(slots[0].name, "average");
  assert_string_equal(slots[trainable].name, "gradient_accumulator");
  assert_string_equal(slots[2 * trainable].name, "momentum");
  assert_null(slots[4 * trainable].tensor);
  lsi_free(slots);
  assert_ok(lsi_keras_slots(net, adafactor, false, &slots, &n));
  assert_int_equal(n, 3 * trainable);
  for (size_t i = 0; i < n; i++) {
    const lsi_tensor *tensor = slots[i].tensor;
    bool factored = tensor->rank == 2, whole = i % 3 == 2;
    assert_int_equal(slots[i].rank, whole ? tensor->rank : factored);
    assert_int_equal(slots[i].values == NULL, !whole && !factored);
    if (factored && !whole) assert_int_equal(slots[i].dims[0], tensor->dims[i % 3]);
  }
  lsi_free(slots);
  lsi_optimizer_destroy(&nadam);
  lsi_optimizer_destroy(&adafactor);
  lsi_net_destroy(&net);
}

static void another_optimizer_is_refused(void **state) {
  (void)state;
  lsi_net *net = case_net(true);
  const char *path = temp_path("other.weights.h5");
  lsi_model_file *file;
  case_fill(net);
  lsi_optimizer *adam = case_optimizer(net, "Adam"), *momentum = case_optimizer(net, "SGD(momentum=0.9)");
  assert_ok(lsi_keras_weights_write(path, net, net->params, adam, &extra));
  assert_ok(lsi_model_file_open_weights(path, &file));
  assert_int_equal(lsi_model_file_read_optimizer(file, net, momentum), LS_ERR_SHAPE);
  assert_non_null(strstr(ls_last_error()->message, "optimizer/vars"));
  lsi_model_file_close(&file);
  lsi_optimizer_destroy(&adam);
  lsi_optimizer_destroy(&momentum);
  lsi_net_destroy(&net);
}

/* ---- archives ---- */

typedef struct member {
  const char *name;
  const void *bytes;
  size_t n;
  int method;
} member;

static const char *make_zip(const char *file, const member *members, int n) {
  const char *path = temp_path(file);
  int code;
  zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
  assert_non_null(zip);
  for (int i = 0; i < n; i++) {
    zip_int64_t k = zip_file_add(zip, members[i].name, zip_source_buffer(zip, members[i].bytes, members[i].n, 0), 0);
    assert_true(k >= 0);
    assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)k, members[i].method, 0), 0);
  }
  assert_int_equal(zip_close(zip), 0);
  return path;
}

static void refuse(const char *path, ls_status expected, const char *word) {
  lsi_keras_archive archive = {0};
  ls_status status = lsi_keras_archive_read(path, &archive);
  if (status != expected || !strstr(ls_last_error()->message, word)) fail_msg("%s: %s", ls_status_name(status), ls_last_error()->message);
  assert_null(archive.config);
  assert_null(archive.weights);
}

#define TEXT(name, text) {name, text, sizeof(text) - 1, ZIP_CM_STORE}
#define GOOD_MEMBERS TEXT("config.json", "{\"a\": 1}"), TEXT("model.weights.h5", "HDF5")

static void deflated_members_in_any_order(void **state) {
  (void)state;
  const member members[] = {{"model.weights.h5", "weights weights weights", 23, ZIP_CM_DEFLATE}, TEXT("assets/x.txt", "x"),
                            {"config.json", "{}", 2, ZIP_CM_DEFLATE}};
  lsi_keras_archive archive;
  assert_ok(lsi_keras_archive_read(make_zip("good.keras", members, 3), &archive));
  assert_string_equal(archive.config, "{}");
  assert_int_equal(archive.n_weights, 23);
  assert_memory_equal(archive.weights, "weights weights weights", 23);
  assert_null(archive.metadata);
  lsi_keras_archive_clear(&archive);
}

static void names_that_lead_out(void **state) {
  (void)state;
  static const char *const names[] = {"../config.json", "/etc/passwd", "a/../../b", "a\\b", "..", "c:x"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const member members[] = {GOOD_MEMBERS, {names[i], "x", 1, ZIP_CM_STORE}};
    refuse(make_zip("names.keras", members, 3), LS_ERR_CORRUPT, names[i]);
  }
}

/* libzip writes no doubles, so a second name of the same length is turned into the first afterwards. */
static void members_given_twice(void **state) {
  (void)state;
  const member members[] = {GOOD_MEMBERS, TEXT("config.jsoX", "{\"a\": 2}")};
  const char *path = make_zip("twice.keras", members, 3);
  char *bytes;
  size_t n;
  assert_ok(lsi_read_file(path, 1 << 20, &bytes, &n));
  for (size_t i = 0; i + 11 <= n; i++)
    if (memcmp(bytes + i, "config.jsoX", 11) == 0) bytes[i + 10] = 'n';
  assert_ok(lsi_durable_write(path, bytes, n));
  lsi_free(bytes);
  refuse(path, LS_ERR_CORRUPT, "twice.keras");
}

static void bombs(void **state) {
  (void)state;
  enum { BIG = 64 << 20 };
  char *zeros = calloc(BIG, 1);
  assert_non_null(zeros);
  const member weights[] = {TEXT("config.json", "{}"), {"model.weights.h5", zeros, BIG, ZIP_CM_DEFLATE}};
  refuse(make_zip("bomb.keras", weights, 2), LS_ERR_UNSUPPORTED, "would grow");
  const member config[] = {{"config.json", zeros, BIG, ZIP_CM_STORE}, TEXT("model.weights.h5", "HDF5")};
  refuse(make_zip("nul.keras", config, 2), LS_ERR_CORRUPT, "zero byte");
  const member metadata[] = {GOOD_MEMBERS, {"metadata.json", zeros, BIG, ZIP_CM_STORE}};
  refuse(make_zip("large.keras", metadata, 3), LS_ERR_UNSUPPORTED, "at most");
  free(zeros);
}

static void too_many_members(void **state) {
  (void)state;
  enum { MANY = 5000 };
  static member members[MANY];
  static char names[MANY][16];
  for (int i = 0; i < MANY; i++) {
    snprintf(names[i], sizeof names[i], "assets/%d", i);
    members[i] = (member){names[i], "x", 1, ZIP_CM_STORE};
  }
  refuse(make_zip("many.keras", members, MANY), LS_ERR_UNSUPPORTED, "members");
}

static void members_that_are_missing(void **state) {
  (void)state;
  const member only_config[] = {TEXT("config.json", "{}")}, other[] = {TEXT("a.txt", "x")};
  refuse(make_zip("noweights.keras", only_config, 1), LS_ERR_UNSUPPORTED, "model.weights.h5");
  refuse(make_zip("other.zip", other, 1), LS_ERR_FORMAT, "not a .keras file");
  refuse(temp_path("nothing.keras"), LS_ERR_NOT_FOUND, "nothing.keras");
}

static void damage_is_noticed(void **state) {
  (void)state;
  const member members[] = {GOOD_MEMBERS};
  const char *path = make_zip("damaged.keras", members, 2);
  char *bytes;
  size_t n;
  assert_ok(lsi_read_file(path, 1 << 20, &bytes, &n));
  for (size_t cut = 1; cut < n; cut += 7) {
    assert_ok(lsi_durable_write(path, bytes, n - cut));
    refuse(path, LS_ERR_CORRUPT, "damaged");
  }
  char *text = memmem(bytes, n, "{\"a\": 1}", 8);
  assert_non_null(text);
  text[6] = '2';
  assert_ok(lsi_durable_write(path, bytes, n));
  refuse(path, LS_ERR_CORRUPT, "config.json");
  lsi_free(bytes);
}

static void absurd_json(void **state) {
  (void)state;
  enum { DEEP = 100000 };
  char *deep = calloc(DEEP + 1, 1), *training;
  memset(deep, '[', DEEP);
  memcpy(deep, "{\"a\":", 5);
  assert_int_equal(lsi_keras3_training_json(deep, &training), LS_ERR_UNSUPPORTED);
  assert_null(training);
  assert_int_equal(lsi_keras3_training_json("{\"a\": 1, \"a\": 2}", &training), LS_ERR_FORMAT);
  free(deep);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trips),
      cmocka_unit_test(slots_are_in_kerass_order),
      cmocka_unit_test(averages_first_scalars_last),
      cmocka_unit_test(another_optimizer_is_refused),
      cmocka_unit_test(deflated_members_in_any_order),
      cmocka_unit_test(names_that_lead_out),
      cmocka_unit_test(members_given_twice),
      cmocka_unit_test(bombs),
      cmocka_unit_test(too_many_members),
      cmocka_unit_test(members_that_are_missing),
      cmocka_unit_test(damage_is_noticed),
      cmocka_unit_test(absurd_json),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
