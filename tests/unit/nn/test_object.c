/* SPDX-License-Identifier: MIT */
/* The call notation: what is read, what is refused and with which words, and that printing is
 * reading's inverse. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "nn/initializer.h"
#include "nn/loss.h"
#include "nn/metric.h"
#include "nn/regularizer.h"

static ls_status check(const lsi_object *object) {
  (void)object;
  return LS_OK;
}

/* A family of its own with every type of argument, and one of schedules to nest. */
static const lsi_class_info ramps[] = {
    {.kind = 0,
     .class_name = "Ramp",
     .name = "ramp",
     .n_params = 3,
     .params = {{"points", LSI_PARAM_LIST, LSI_REQUIRED, 0, 100, NULL},
                {"height", LSI_PARAM_FLOAT, 2.5, 0, 10, NULL},
                {"name", LSI_PARAM_TEXT, 0, 0, 0, "Ramp"}}}};
static const lsi_family ramp_family = {
    .what = "schedule", .classes = ramps, .n_classes = 1, .check = check};
static const lsi_class_info things[] = {
    {.kind = 7,
     .class_name = "BigThing",
     .name = "big_thing",
     .aliases = {"bt", "thing"},
     .n_params = 7,
     .params = {{"rate", LSI_PARAM_SCHEDULE, 0.01, 0, 1e6, NULL},
                {"count", LSI_PARAM_INT, 3, 1, 100, NULL},
                {"flag", LSI_PARAM_BOOL, 0, 0, 1, NULL},
                {"limit", LSI_PARAM_FLOAT, NAN, LSI_ABOVE_0, LSI_BELOW_1, NULL},
                {"mode", LSI_PARAM_TEXT, 0, 0, 0, "auto|min|max"},
                {"path", LSI_PARAM_TEXT, NAN, 0, 0, NULL},
                {"weights", LSI_PARAM_LIST, 0, -10, 10, NULL}}},
    {.kind = 8,
     .class_name = "Small",
     .name = "small",
     .n_params = 1,
     .params = {{"size", LSI_PARAM_INT, LSI_REQUIRED, 0, 9, NULL}}}};
static const lsi_family family = {
    .what = "thing", .classes = things, .n_classes = 2, .schedules = &ramp_family};

static lsi_object parsed(const char *text) {
  lsi_object object;
  ls_status status = lsi_object_parse(&family, text, &object);
  if (status != LS_OK)
    fail_msg("%s: %s", text, ls_last_error()->message);
  return object;
}

static void defaults_and_names(void **state) {
  (void)state;
  const char *spellings[] = {"BigThing", "big_thing", "bt", "THING", " BigThing() ", "bigthing( )"};
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    lsi_object o = parsed(spellings[i]);
    assert_int_equal(o.info->kind, 7);
    assert_true(lsi_object_get(&o, "rate") == 0.01);
    assert_true(lsi_object_get(&o, "count") == 3);
    assert_true(isnan(lsi_object_get(&o, "limit")));
    assert_true(isnan(lsi_object_get(&o, "absent")));
    assert_string_equal(lsi_object_text(&o, "mode"), "auto");
    assert_null(lsi_object_text(&o, "path"));
    assert_int_equal(o.n_list[0], 0);
    for (int p = 0; p < o.info->n_params; p++)
      assert_false(o.given[p]);
  }
}

static void values_of_every_type(void **state) {
  (void)state;
  lsi_object o = parsed(
      "BigThing(0.5, 7, True, limit = 1e-3, mode='max', path=\"a, b(c)'s\", weights=[1, -2.5,])");
  assert_true(lsi_object_get(&o, "rate") == 0.5);
  assert_true(lsi_object_get(&o, "count") == 7);
  assert_true(lsi_object_get(&o, "flag") == 1);
  assert_true(lsi_object_get(&o, "limit") == 1e-3);
  assert_string_equal(lsi_object_text(&o, "mode"), "max");
  assert_string_equal(lsi_object_text(&o, "path"), "a, b(c)'s");
  assert_int_equal(o.n_list[0], 2);
  assert_true(o.list[0][0] == 1 && o.list[0][1] == -2.5);
  o = parsed("bt(limit=None, mode=min, path=runs/history.csv, weights=(), flag=false)");
  assert_string_equal(lsi_object_text(&o, "path"), "runs/history.csv");
  assert_string_equal(lsi_object_text(&o, "mode"), "min");
  assert_true(o.given[3] && isnan(o.value[3]));
}

static void nested_schedule(void **state) {
  (void)state;
  lsi_object o = parsed("BigThing(rate=Ramp([1, 2, 3], height=4.0, name='x'), count=2)"), ramp;
  assert_ptr_equal(o.nested, &ramps[0]);
  lsi_object_nested(&o, &ramp);
  assert_int_equal(ramp.n_list[0], 3);
  assert_true(ramp.list[0][2] == 3 && lsi_object_get(&ramp, "height") == 4.0);
  assert_int_equal(lsi_object_set(&family, &o, "rate", "0.25"), LS_OK);
  assert_null(o.nested);
  assert_true(lsi_object_get(&o, "rate") == 0.25);
}

static void print_then_parse(void **state) {
  (void)state;
  const char *cases[][2] = {
      {"bt", "BigThing"},
      {"bt(0.01)", "BigThing"},
      {"bt(0.1, flag=True)", "BigThing(rate=0.1, flag=True)"},
      {"bt(path='it\\'s \\\\ fine', weights=[1, 0.5])",
       "BigThing(path='it\\'s \\\\ fine', weights=[1, 0.5])"},
      {"bt(ramp([1,2]), 9)", "BigThing(rate=Ramp(points=[1, 2]), count=9)"},
      {"Small(4)", "Small(size=4)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int all = 0; all < 2; all++) {
      char text[512], again[512];
      lsi_object o = parsed(cases[i][0]);
      assert_int_equal(lsi_object_print(&o, all, text, sizeof text), LS_OK);
      if (!all)
        assert_string_equal(text, cases[i][1]);
      lsi_object o2 = parsed(text);
      assert_int_equal(lsi_object_print(&o2, all, again, sizeof again), LS_OK);
      assert_string_equal(text, again);
      assert_int_equal(lsi_object_print(&o, all, text, strlen(again)),
                       LS_ERR_ARG); /* no room for the NUL */
    }
  }
}

static const lsi_family *const shipped[] = {&lsi_initializers, &lsi_regularizers, &lsi_losses,
                                            &lsi_metrics};

/* Something for each argument without a default. */
static void give_required(lsi_object *o) {
  for (int p = 0; p < o->info->n_params; p++) {
    const lsi_param_info *param = &o->info->params[p];
    if (param->default_value != LSI_REQUIRED) continue;
    if (param->type == LSI_PARAM_LIST)
      o->n_list[(int)o->value[p]] = 1;
    else
      o->value[p] = param->type == LSI_PARAM_INT ? 3 : 0.5;
  }
}

static void shipped_classes_print_and_parse(void **state) {
  (void)state;
  for (size_t f = 0; f < sizeof shipped / sizeof *shipped; f++)
    for (int c = 0; c < shipped[f]->n_classes; c++) {
      lsi_object o, o2;
      char text[1024];
      lsi_object_default(&shipped[f]->classes[c], &o);
      give_required(&o);
      assert_int_equal(lsi_object_print(&o, true, text, sizeof text), LS_OK);
      if (lsi_object_parse(shipped[f], text, &o2) != LS_OK)
        fail_msg("%s: %s", text, ls_last_error()->message);
      assert_ptr_equal(o2.info, o.info);
      for (int p = 0; p < o.info->n_params; p++)
        assert_true(o.value[p] == o2.value[p] || (isnan(o.value[p]) && isnan(o2.value[p])));
    }
}

/* What is refused, and words the message must have. */
static void refusals(void **state) {
  (void)state;
  static const struct {
    const char *text, *words[3];
  } cases[] = {
      {"BigTing", {"unknown thing 'BigTing'", "did you mean 'BigThing'"}},
      {"", {"does not start with a name"}},
      {"bt(", {"unbalanced"}},
      {"bt(1]", {"unbalanced"}},
      {"bt('x)", {"unbalanced"}},
      {"bt(path='it''s')", {"'path' is 'it''s'"}},
      {"bt(1) 2", {"follows the closing parenthesis"}},
      {"bt(1,,2)", {"empty argument"}},
      {"bt(cuont=1)", {"no argument 'cuont'", "did you mean 'count'"}},
      {"bt(count=)", {"'count' has no value"}},
      {"bt(count=1, count=2)", {"'count' is given twice"}},
      {"bt(0.1, rate=0.2)", {"'rate' is given twice"}},
      {"bt(count=1, 0.5)", {"has no name"}},
      {"Small(1, 2)", {"at most 1"}},
      {"Small", {"'size' is missing"}},
      {"bt(count=1.5)", {"'count' is 1.5", "an integer in [1, 100]"}},
      {"bt(count=0)", {"'count' is 0", "[1, 100]"}},
      {"bt(count=None)", {"'count' is None", "an integer"}},
      {"bt(flag=1)", {"'flag' is 1", "true or false"}},
      {"bt(limit=0)", {"'limit' is 0", "in (0, 1)", "or None"}},
      {"bt(limit=1)", {"'limit' is 1", "in (0, 1)"}},
      {"bt(limit=nan)", {"'limit' is nan", "a number"}},
      {"bt(rate=1e999)", {"'rate' is 1e999"}},
      {"bt(rate=-1)", {"'rate' is -1", "in [0, 1000000]"}},
      {"bt(mode=mox)", {"'mode' is mox", "one of auto|min|max"}},
      {"bt(mode=mi)", {"'mode' is mi", "one of auto|min|max"}},
      {"bt(weights=[1, 20])", {"'weights' is [1, 20]", "list of numbers"}},
      {"bt(weights=3)", {"'weights' is 3", "list of numbers"}},
      {"bt(rate=Rump([1]))", {"BigThing: argument 'rate'", "unknown schedule 'Rump'", "'Ramp'"}},
      {"bt(rate=Ramp)", {"argument 'rate'", "'points' is missing"}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lsi_object object = {.info = &things[0]}, before = object;
    if (lsi_object_parse(&family, cases[i].text, &object) != LS_ERR_ARG)
      fail_msg("%s was taken", cases[i].text);
    assert_memory_equal(&object, &before, sizeof object);
    for (int w = 0; w < 3 && cases[i].words[w]; w++)
      if (!strstr(ls_last_error()->message, cases[i].words[w]))
        fail_msg("%s: '%s' is not in: %s", cases[i].text, cases[i].words[w],
                 ls_last_error()->message);
  }
}

static void long_texts(void **state) {
  (void)state;
  char text[6000];
  memset(text, 'x', sizeof text);
  memcpy(text, "bt(path=", 8);
  text[sizeof text - 2] = ')';
  text[sizeof text - 1] = '\0';
  lsi_object o;
  assert_int_equal(lsi_object_parse(&family, text, &o), LS_ERR_ARG);
  snprintf(text, sizeof text, "bt(path='%0*d')", LSI_MAX_TEXT - 1, 7);
  assert_int_equal(lsi_object_parse(&family, text, &o), LS_OK);
  snprintf(text, sizeof text, "bt(path='%0*d')", LSI_MAX_TEXT, 7);
  assert_int_equal(lsi_object_parse(&family, text, &o), LS_ERR_ARG);
  size_t n = (size_t)snprintf(text, sizeof text, "bt(weights=[1");
  for (int i = 1; i < LSI_MAX_LIST; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, ",1");
  snprintf(text + n, sizeof text - n, "])");
  assert_int_equal(lsi_object_parse(&family, text, &o), LS_OK);
  snprintf(text + n, sizeof text - n, ",1])");
  assert_int_equal(lsi_object_parse(&family, text, &o), LS_ERR_ARG);
}

static void numbers_as_python_writes_them(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {{0.1, "0.1"},
               {1e-7, "1e-07"},
               {1, "1.0"},
               {-0.0, "-0.0"},
               {100, "100.0"},
               {12.5, "12.5"},
               {1e15, "1000000000000000.0"},
               {1e16, "1e+16"},
               {0.0001, "0.0001"},
               {0.00001, "1e-05"},
               {1e22, "1e+22"},
               {1.5e300, "1.5e+300"},
               {5e-324, "5e-324"},
               {0.0010000000474974513, "0.0010000000474974513"},
               {1.0 / 3, "0.3333333333333333"},
               {-2.5e-5, "-2.5e-05"},
               {INFINITY, "inf"},
               {NAN, "nan"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[40];
    lsi_format_double(cases[i].value, text, sizeof text);
    assert_string_equal(text, cases[i].text);
    double back;
    if (isfinite(cases[i].value)) {
      assert_true(lsi_read_double(text, &back));
      assert_true(back == cases[i].value);
    }
  }
  double value;
  static const char *const bad[] = {"",    "1x",  "0x10",  "inf", "nan",
                                    "1 2", "--1", "1e999", "e5",  "1,5"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(lsi_read_double(bad[i], &value));
}

static void keras_names(void **state) {
  (void)state;
  static const struct {
    const lsi_family *family;
    const char *name;
    const char *class_name;
  } cases[] = {{&lsi_losses, "mse", "MeanSquaredError"},
               {&lsi_losses, "bce", "BinaryCrossentropy"},
               {&lsi_losses, "sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"},
               {&lsi_losses, "Huber", "Huber"},
               {&lsi_initializers, "normal", "RandomNormal"},
               {&lsi_initializers, "uniform", "RandomUniform"},
               {&lsi_initializers, "zero", "Zeros"},
               {&lsi_initializers, "glorot_uniform", "GlorotUniform"},
               {&lsi_regularizers, "l2", "L2"},
               {&lsi_regularizers, "l1_l2", "L1L2"},
               {&lsi_metrics, "acc", "accuracy"},
               {&lsi_metrics, "Accuracy", "Accuracy"},
               {&lsi_metrics, "rmse", "RootMeanSquaredError"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const lsi_class_info *info;
    assert_int_equal(lsi_family_find(cases[i].family, cases[i].name, &info), LS_OK);
    assert_string_equal(info->class_name, cases[i].class_name);
  }
  lsi_object l2;
  double f1, f2;
  assert_int_equal(lsi_object_parse(&lsi_regularizers, "l2", &l2), LS_OK);
  lsi_regularizer_factors(&l2, &f1, &f2);
  assert_true(f1 == 0 && f2 == 0.01);
}

static void regulariser_arithmetic(void **state) {
  (void)state;
  lsi_object r;
  assert_int_equal(lsi_object_parse(&lsi_regularizers, "L1L2(0.5, 0.25)", &r), LS_OK);
  const float w[4] = {1, -2, 0, 4};
  float grad[4] = {1, 1, 1, 1};
  const int64_t dims[1] = {4};
  assert_true(lsi_regularizer_loss(&r, dims, 4, w, NULL) == 0.5 * 7 + 0.25 * 21);
  lsi_regularizer_add_grad(&r, dims, 4, w, NULL, grad);
  const float want[4] = {1 + 0.5 + 0.5, 1 - 0.5 - 1, 1, 1 + 0.5 + 2};
  for (int i = 0; i < 4; i++)
    assert_true(grad[i] == want[i]);
  lsi_object none = {0};
  assert_true(lsi_regularizer_loss(&none, dims, 4, w, NULL) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_and_names),
      cmocka_unit_test(values_of_every_type),
      cmocka_unit_test(nested_schedule),
      cmocka_unit_test(print_then_parse),
      cmocka_unit_test(shipped_classes_print_and_parse),
      cmocka_unit_test(refusals),
      cmocka_unit_test(long_texts),
      cmocka_unit_test(numbers_as_python_writes_them),
      cmocka_unit_test(keras_names),
      cmocka_unit_test(regulariser_arithmetic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
