/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEROP_ORACLE_H
#define TESTS_INTEROP_ORACLE_H
/*
 * Requests and replies of the oracle. Each is one line of JSON, {"op": ..., "arrays": [["x", "f4", [2, 3]], ...]}, then the
 * arrays' bytes in that order, C order, little endian. Types: f4, f8, i4.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lockstep/lockstep.h>

enum { ORACLE_MAX_ARRAYS = 256 };

typedef struct oracle_array {
  const char *name; /* belongs to the request, or is a literal */
  char type;        /* 'f': float, 'd': double, 'i': int32_t */
  int rank;
  int64_t dims[8];
  size_t count;
  void *data;       /* owned */
} oracle_array;

typedef struct oracle_call {
  json_t *request, *reply;
  int n_in, n_out;
  oracle_array in[ORACLE_MAX_ARRAYS], out[ORACLE_MAX_ARRAYS];
} oracle_call;

/* Arguments of a request. A missing text is NULL, a missing number the default. */
const char *oracle_text(const oracle_call *call, const char *key);
double oracle_number(const oracle_call *call, const char *key, double missing);
bool oracle_flag(const oracle_call *call, const char *key);
const oracle_array *oracle_in(const oracle_call *call, const char *name); /* NULL: none */
const float *oracle_floats(const oracle_call *call, const char *name);    /* NULL: none */

/* A new zeroed array of the reply. `name` must outlive the call. */
void *oracle_out(oracle_call *call, const char *name, char type, int rank, const int64_t *dims);
void oracle_set(oracle_call *call, const char *key, json_t *value);

/* The operations: oracle_elements.c, oracle_net.c. */
ls_status oracle_tables(oracle_call *call);
ls_status oracle_activation(oracle_call *call);
ls_status oracle_loss(oracle_call *call);
ls_status oracle_metric(oracle_call *call);
ls_status oracle_initializer(oracle_call *call);
ls_status oracle_regularizer(oracle_call *call);
ls_status oracle_schedule(oracle_call *call);
ls_status oracle_optimizer(oracle_call *call);
ls_status oracle_net(oracle_call *call);
ls_status oracle_fit(ls_context *context, oracle_call *call);
ls_status oracle_resave(ls_context *context, oracle_call *call);
ls_status oracle_load_weights(ls_context *context, oracle_call *call);
#endif
