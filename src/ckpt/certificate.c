/* SPDX-License-Identifier: MIT */
#include "ckpt/certificate.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char format[] = "lockstep certificate 1";
enum { NUMBER = 40 };

struct lsi_certificate {
  json_t *root;
};

static ls_status no_memory(void) {
  LSI_FAIL(LS_ERR_MEMORY, NULL, "certificate: no memory");
}

ls_status lsi_certificate_create(const char *recipe, lsi_certificate **out) {
  char hex[LSI_DIGEST_HEX];
  lsi_hash_bytes(recipe, strlen(recipe), hex);
  LSI_TRY(LSI_ALLOC("certificate", 1, out));
  (*out)->root = json_pack("{s:s, s:s, s:s, s:[]}", "format", format, "config", hex, "recipe", recipe, "epochs");
  if ((*out)->root) return LS_OK;
  lsi_certificate_destroy(out);
  return no_memory();
}

void lsi_certificate_destroy(lsi_certificate **certificate) {
  if (!*certificate) return;
  json_decref((*certificate)->root);
  lsi_free(*certificate);
  *certificate = NULL;
}

/* ---- text ---- */

static ls_status seal(const json_t *root, char hex[LSI_DIGEST_HEX]) {
  json_t *rest = json_copy((json_t *)root);
  json_object_del(rest, "seal");
  char *text = rest ? json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
  json_decref(rest);
  if (!text) return no_memory();
  lsi_hash_bytes(text, strlen(text), hex);
  free(text);
  return LS_OK;
}

ls_status lsi_certificate_text(const lsi_certificate *c, int indent, char **text) {
  char hex[LSI_DIGEST_HEX];
  json_object_del(c->root, "seal");
  LSI_TRY(seal(c->root, hex));
  if (json_object_set_new(c->root, "seal", json_string(hex)) != 0) return no_memory();
  char *dump = json_dumps(c->root, indent ? JSON_INDENT((size_t)indent) : JSON_COMPACT);
  if (!dump) return no_memory();
  ls_status status = lsi_strdup(dump, text);
  free(dump);
  return status;
}

static bool is_certificate(const json_t *root) {
  const char *word = json_string_value(json_object_get(root, "format"));
  return word && strcmp(word, format) == 0 && json_is_string(json_object_get(root, "recipe")) &&
         json_is_array(json_object_get(root, "epochs"));
}

static ls_status check(const char *what, const json_t *root) {
  char hex[LSI_DIGEST_HEX];
  const char *found = json_string_value(json_object_get(root, "seal"));
  LSI_TRY(seal(root, hex));
  LSI_CHECK(found && strcmp(found, hex) == 0, LS_ERR_CORRUPT, "use another copy; the run's checkpoints hold it, too",
            "%s: the certificate is damaged, or was changed: its seal does not fit", what);
  LSI_CHECK(is_certificate(root), LS_ERR_FORMAT, "use the version of lockstep that wrote it, or a newer one",
            "%s: is no certificate of this version", what);
  return LS_OK;
}

ls_status lsi_certificate_parse(const char *what, const char *text, lsi_certificate **out) {
  json_error_t error;
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  LSI_CHECK(root, LS_ERR_CORRUPT, NULL, "%s:%d: the certificate is damaged: %s", what, error.line, error.text);
  ls_status status = check(what, root);
  if (status == LS_OK) status = LSI_ALLOC("certificate", 1, out);
  if (status == LS_OK) (*out)->root = root;
  else json_decref(root);
  return status;
}

/* ---- entries ---- */

/* Bits as text; the sign and payload of a NaN mean nothing. */
static const char *number_text(double value, char text[NUMBER]) {
  if (isnan(value)) snprintf(text, NUMBER, "nan");
  else snprintf(text, NUMBER, "%a", value);
  return text;
}

static json_t *values_of(const lsi_certified *e) {
  char text[NUMBER];
  json_t *values = json_object();
  for (int i = 0; i < e->n_values && values; i++)
    if (json_object_set_new(values, e->names[i], json_string(number_text(e->values[i], text))) != 0) {
      json_decref(values);
      return NULL;
    }
  return values;
}

static json_t *make_entry(const lsi_certified *e) {
  char rate[NUMBER];
  return json_pack("{s:I, s:I, s:I, s:s, s:s, s:s, s:o, s:s, s:s}", "epoch", (json_int_t)e->epoch, "steps", (json_int_t)e->iteration,
                   "skipped", (json_int_t)e->skipped, "learning_rate", number_text(e->learning_rate, rate), "parameters",
                   e->parameters, "slots", e->slots, "values", values_of(e), "kernels", e->kernels, "lockstep", e->version);
}

static json_int_t epoch_of(const json_t *entry) {
  return json_integer_value(json_object_get(entry, "epoch"));
}

static json_t *find(const lsi_certificate *c, int64_t epoch) {
  size_t i;
  json_t *entry;
  json_array_foreach(json_object_get(c->root, "epochs"), i, entry) if (epoch_of(entry) == epoch) return entry;
  return NULL;
}

ls_status lsi_certificate_add(lsi_certificate *c, const lsi_certified *e) {
  json_t *epochs = json_object_get(c->root, "epochs");
  while (json_array_size(epochs) && epoch_of(json_array_get(epochs, json_array_size(epochs) - 1)) >= e->epoch)
    json_array_remove(epochs, json_array_size(epochs) - 1);
  json_object_del(c->root, "model");
  json_object_del(c->root, "history");
  return json_array_append_new(epochs, make_entry(e)) == 0 ? LS_OK : no_memory();
}

ls_status lsi_certificate_set_end(lsi_certificate *c, const lsi_certified_end *end) {
  bool set = json_object_set_new(c->root, "model", json_string(end->model)) == 0 &&
             json_object_set_new(c->root, "history", json_string(end->history)) == 0;
  return set ? LS_OK : no_memory();
}

const char *lsi_certificate_recipe(const lsi_certificate *c) {
  return json_string_value(json_object_get(c->root, "recipe"));
}

const char *lsi_certificate_model(const lsi_certificate *c) {
  return json_string_value(json_object_get(c->root, "model"));
}

const char *lsi_certificate_history(const lsi_certificate *c) {
  return json_string_value(json_object_get(c->root, "history"));
}

int64_t lsi_certificate_epochs(const lsi_certificate *c) {
  const json_t *epochs = json_object_get(c->root, "epochs");
  return json_array_size(epochs) ? epoch_of(json_array_get(epochs, json_array_size(epochs) - 1)) : 0;
}

const char *lsi_certificate_entry(const lsi_certificate *c, int64_t epoch, const char *key) {
  return json_string_value(json_object_get(find(c, epoch), key));
}

/* ---- comparing ---- */

static void explain(const json_t *entry, const lsi_certified *found, char *text, size_t size) {
  const char *kernels = json_string_value(json_object_get(entry, "kernels"));
  const char *version = json_string_value(json_object_get(entry, "lockstep"));
  if (kernels && strcmp(kernels, found->kernels) != 0)
    snprintf(text, size, "the run computed it with %s, this is %s: choose the run's with --set parallel.kernels=NAME", kernels,
             found->kernels);
  else if (version && strcmp(version, found->version) != 0)
    snprintf(text, size, "the run computed it with lockstep %s, this is %s: another version may give other bits", version, found->version);
  else
    snprintf(text, size, "config, data, kernels and version are the run's: one of the two computations went wrong, or the certificate was "
                         "changed. Verify again, on another machine");
}

static ls_status differ(const json_t *entry, const lsi_certified *found, const char *what, const char *was, const char *is) {
  char advice[400];
  explain(entry, found, advice, sizeof advice);
  LSI_FAIL(LS_ERR_DIFFERENT, advice, "epoch %" PRId64 " differs: the certificate has %s %s, the computation gives %s", found->epoch, what,
           was ? was : "none", is ? is : "none");
}

static ls_status compare_text(const json_t *entry, const json_t *other, const lsi_certified *found, const char *key) {
  const char *was = json_string_value(json_object_get(entry, key)), *is = json_string_value(json_object_get(other, key));
  return was && is && strcmp(was, is) == 0 ? LS_OK : differ(entry, found, key, was, is);
}

static ls_status compare_count(const json_t *entry, const json_t *other, const lsi_certified *found, const char *key) {
  char was[NUMBER], is[NUMBER];
  snprintf(was, sizeof was, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(entry, key)));
  snprintf(is, sizeof is, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(other, key)));
  return strcmp(was, is) == 0 ? LS_OK : differ(entry, found, key, was, is);
}

static ls_status compare_values(const json_t *entry, const json_t *other, const lsi_certified *found) {
  json_t *was = json_object_get(entry, "values"), *is = json_object_get(other, "values");
  const char *name;
  json_t *value;
  json_object_foreach(is, name, value) {
    const char *before = json_string_value(json_object_get(was, name)), *now = json_string_value(value);
    if (!before || strcmp(before, now) != 0) return differ(entry, found, name, before, now);
  }
  return json_object_size(was) == json_object_size(is) ? LS_OK : differ(entry, found, "more values", NULL, NULL);
}

static ls_status compare_entries(const json_t *entry, const json_t *other, const lsi_certified *found) {
  static const char *const keys[] = {"parameters", "slots", "learning_rate"};
  for (int i = 0; i < 3; i++) LSI_TRY(compare_text(entry, other, found, keys[i]));
  LSI_TRY(compare_values(entry, other, found));
  LSI_TRY(compare_count(entry, other, found, "steps"));
  return compare_count(entry, other, found, "skipped");
}

ls_status lsi_certificate_compare(const lsi_certificate *c, const lsi_certified *found) {
  json_t *entry = find(c, found->epoch);
  LSI_CHECK(entry, LS_ERR_NOT_FOUND, NULL, "the certificate has no epoch %" PRId64, found->epoch);
  json_t *other = make_entry(found);
  if (!other) return no_memory();
  ls_status status = compare_entries(entry, other, found);
  json_decref(other);
  return status;
}
