/* SPDX-License-Identifier: MIT */
/* One process that answers requests on stdin until it ends: our side of the comparisons with real Keras. */
#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *oracle_text(const oracle_call *call, const char *key) {
  return json_string_value(json_object_get(call->request, key));
}

double oracle_number(const oracle_call *call, const char *key, double missing) {
  const json_t *value = json_object_get(call->request, key);
  return json_is_number(value) ? json_number_value(value) : missing;
}

bool oracle_flag(const oracle_call *call, const char *key) {
  return json_is_true(json_object_get(call->request, key));
}

const oracle_array *oracle_in(const oracle_call *call, const char *name) {
  for (int i = 0; i < call->n_in; i++)
    if (strcmp(call->in[i].name, name) == 0) return &call->in[i];
  return NULL;
}

const float *oracle_floats(const oracle_call *call, const char *name) {
  const oracle_array *array = oracle_in(call, name);
  return array ? array->data : NULL;
}

static size_t size_of(char type) {
  return type == 'd' ? 8 : 4;
}

static void *checked(void *pointer) {
  if (pointer) return pointer;
  fprintf(stderr, "oracle: out of memory\n");
  exit(1);
}

void *oracle_out(oracle_call *call, const char *name, char type, int rank, const int64_t *dims) {
  oracle_array *array = &call->out[call->n_out++];
  *array = (oracle_array){.name = name, .type = type, .rank = rank, .count = 1};
  for (int d = 0; d < rank; d++) array->count *= (size_t)(array->dims[d] = dims[d]);
  array->data = checked(calloc(array->count + 1, size_of(type)));
  return array->data;
}

void oracle_set(oracle_call *call, const char *key, json_t *value) {
  json_object_set_new(call->reply, key, value);
}

static bool read_arrays(oracle_call *call) {
  size_t i;
  json_t *item;
  json_array_foreach(json_object_get(call->request, "arrays"), i, item) {
    oracle_array *array = &call->in[call->n_in++];
    const char *type = json_string_value(json_array_get(item, 1));
    const json_t *shape = json_array_get(item, 2);
    array->name = json_string_value(json_array_get(item, 0));
    array->type = strcmp(type, "f8") == 0 ? 'd' : type[0];
    array->rank = (int)json_array_size(shape);
    array->count = 1;
    for (int d = 0; d < array->rank; d++)
      array->count *= (size_t)(array->dims[d] = json_integer_value(json_array_get(shape, (size_t)d)));
    array->data = checked(malloc(array->count * size_of(array->type) + 1));
    if (fread(array->data, size_of(array->type), array->count, stdin) != array->count) return false;
  }
  return true;
}

static void write_reply(oracle_call *call) {
  static const struct {
    char type;
    const char *name;
  } types[] = {{'f', "f4"}, {'d', "f8"}, {'i', "i4"}};
  json_t *arrays = json_array();
  for (int i = 0; i < call->n_out; i++) {
    json_t *shape = json_array();
    const char *type = "";
    for (int d = 0; d < call->out[i].rank; d++) json_array_append_new(shape, json_integer(call->out[i].dims[d]));
    for (int t = 0; t < 3; t++)
      if (types[t].type == call->out[i].type) type = types[t].name;
    json_array_append_new(arrays, json_pack("[s, s, o]", call->out[i].name, type, shape));
  }
  oracle_set(call, "arrays", arrays);
  char *line = checked(json_dumps(call->reply, JSON_COMPACT));
  puts(line);
  free(line);
  for (int i = 0; i < call->n_out; i++) fwrite(call->out[i].data, size_of(call->out[i].type), call->out[i].count, stdout);
  fflush(stdout);
}

static ls_status run(ls_context *context, oracle_call *call) {
  static const struct {
    const char *name;
    ls_status (*function)(oracle_call *);
  } operations[] = {{"tables", oracle_tables},           {"activation", oracle_activation}, {"loss", oracle_loss},
                    {"metric", oracle_metric},           {"initializer", oracle_initializer},
                    {"regularizer", oracle_regularizer}, {"schedule", oracle_schedule},
                    {"optimizer", oracle_optimizer},     {"net", oracle_net}};
  const char *op = oracle_text(call, "op");
  if (op && strcmp(op, "fit") == 0) return oracle_fit(context, call);
  if (op && strcmp(op, "resave") == 0) return oracle_resave(context, call);
  if (op && strcmp(op, "load_weights") == 0) return oracle_load_weights(context, call);
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    if (op && strcmp(op, operations[i].name) == 0) return operations[i].function(call);
  return LS_ERR_INTERNAL;
}

static void answer(ls_context *context, oracle_call *call) {
  call->reply = json_object();
  ls_status status = run(context, call);
  if (status != LS_OK) {
    oracle_set(call, "error", json_string(ls_status_name(status)));
    oracle_set(call, "message", json_string(ls_last_error()->message));
  }
  write_reply(call);
  for (int i = 0; i < call->n_in; i++) free(call->in[i].data);
  for (int i = 0; i < call->n_out; i++) free(call->out[i].data);
  json_decref(call->reply);
}

int main(void) {
  static oracle_call call;
  ls_context *context;
  ls_context_spec spec = ls_context_spec_default();
  char *line = NULL;
  size_t room = 0;
  if (ls_context_create(&spec, &context) != LS_OK) {
    fprintf(stderr, "oracle: %s\n", ls_last_error()->message);
    return 1;
  }
  while (getline(&line, &room, stdin) > 0) {
    memset(&call, 0, sizeof call);
    call.request = json_loads(line, 0, NULL);
    if (!call.request || !read_arrays(&call)) return 2;
    answer(context, &call);
    json_decref(call.request);
  }
  free(line);
  ls_context_destroy(&context);
  return 0;
}
