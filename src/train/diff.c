/* SPDX-License-Identifier: MIT */
/* `lockstep diff`: two files' tensors, bit for bit. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <lockstep/tools.h>

#include "train/file_state.h"

typedef struct comparison {
  FILE *out;
  bool structure;      /* a tensor is missing, or has another shape */
  int n_tensors;       /* that differ */
  size_t n_values;     /* that differ */
  size_t n_compared;
  const lsi_file_tensor *worst; /* where the largest difference is */
  size_t worst_at;
  float worst_values[2];
  uint32_t worst_ulps;
} comparison;

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* Floats in order of value as integers in order: -0.0 is next to +0.0. */
static int64_t rung_of(float value) {
  int64_t bits = bits_of(value);
  return bits & 0x80000000 ? 0x7fffffff - bits : bits;
}

static uint32_t ulps_between(float a, float b) {
  int64_t d = rung_of(a) - rung_of(b);
  return (uint32_t)(d < 0 ? -d : d);
}

/* "dense/kernel[3, 17]" */
static void print_element(FILE *out, const lsi_file_tensor *tensor, size_t at) {
  size_t index[4] = {0};
  for (int d = tensor->rank - 1; d >= 0; d--) {
    index[d] = at % (size_t)tensor->dims[d];
    at /= (size_t)tensor->dims[d];
  }
  fprintf(out, "%s[", tensor->name);
  for (int d = 0; d < tensor->rank; d++) fprintf(out, d ? ", %zu" : "%zu", index[d]);
  fprintf(out, "]");
}

static void print_pair(FILE *out, float a, float b) {
  fprintf(out, "  A %-16.9g 0x%08" PRIx32 "\n  B %-16.9g 0x%08" PRIx32 "\n", (double)a, bits_of(a), (double)b, bits_of(b));
}

static void compare_tensor(comparison *c, const lsi_file_tensor *a, const lsi_file_tensor *b) {
  size_t n = 0;
  for (size_t i = 0; i < a->count; i++) {
    if (bits_of(a->values[i]) == bits_of(b->values[i])) continue;
    if (c->n_values == 0 && n == 0) {
      fprintf(c->out, "first difference: ");
      print_element(c->out, a, i);
      fprintf(c->out, "\n");
      print_pair(c->out, a->values[i], b->values[i]);
    }
    n++;
    uint32_t ulps = ulps_between(a->values[i], b->values[i]);
    if (c->worst && ulps <= c->worst_ulps) continue;
    c->worst = a;
    c->worst_at = i;
    c->worst_ulps = ulps;
    c->worst_values[0] = a->values[i];
    c->worst_values[1] = b->values[i];
  }
  if (n) fprintf(c->out, "%s: %zu of %zu values differ\n", a->name, n, a->count);
  c->n_tensors += n > 0;
  c->n_values += n;
  c->n_compared += a->count;
}

static bool same_shape(const lsi_file_tensor *a, const lsi_file_tensor *b) {
  return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

static const lsi_file_tensor *find(const lsi_file_state *state, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(state->tensors[i].name, name) == 0) return &state->tensors[i];
  return NULL;
}

/* Names and shapes of the first n_a tensors of a and n_b of b. */
static void compare_structure(comparison *c, const lsi_file_state *a, int n_a, const lsi_file_state *b, int n_b) {
  for (int i = 0; i < n_a; i++) {
    const lsi_file_tensor *one = &a->tensors[i], *other = find(b, n_b, one->name);
    char shapes[2][120];
    if (other && same_shape(one, other)) continue;
    c->structure = true;
    lsi_file_shape_text(one, shapes[0], sizeof shapes[0]);
    if (!other) {
      fprintf(c->out, "%s %s is only in A\n", one->name, shapes[0]);
      continue;
    }
    lsi_file_shape_text(other, shapes[1], sizeof shapes[1]);
    fprintf(c->out, "%s has shape %s in A and %s in B\n", one->name, shapes[0], shapes[1]);
  }
  for (int i = 0; i < n_b; i++) {
    char shape[120];
    if (find(a, n_a, b->tensors[i].name)) continue;
    c->structure = true;
    lsi_file_shape_text(&b->tensors[i], shape, sizeof shape);
    fprintf(c->out, "%s %s is only in B\n", b->tensors[i].name, shape);
  }
}

/* Two checkpoints' places in the run. */
static bool same_position(FILE *out, const lsi_checkpoint *a, const lsi_checkpoint *b) {
  static const char *const labels[] = {"epoch", "step in the epoch", "iteration"};
  const lsi_ckpt_array *p[2] = {lsi_checkpoint_array(a, "position"), lsi_checkpoint_array(b, "position")};
  if (!p[0] && !p[1]) return true;
  if (!p[0] || !p[1] || p[0]->type != LSI_CKPT_I64 || p[1]->type != LSI_CKPT_I64 || p[0]->rank != 1 ||
      p[1]->rank != 1 || p[0]->dims[0] != p[1]->dims[0]) {
    fprintf(out, "position: of another form\n");
    return false;
  }
  const int64_t *x = p[0]->data, *y = p[1]->data;
  bool same = true;
  for (uint64_t i = 0; i < p[0]->dims[0]; i++) {
    if (x[i] == y[i]) continue;
    fprintf(out, "position: %s is %" PRId64 " in A and %" PRId64 " in B\n", i < 3 ? labels[i] : "a further number", x[i], y[i]);
    same = false;
  }
  return same;
}

static ls_status report(const comparison *c, int n_tensors, bool position) {
  if (c->n_values == 0 && position) {
    fprintf(c->out, "equal: %d tensors, %zu values\n", n_tensors, c->n_compared);
    return LS_OK;
  }
  fprintf(c->out, "%zu of %zu values differ, in %d of %d tensors\n", c->n_values, c->n_compared, c->n_tensors, n_tensors);
  if (c->worst) {
    fprintf(c->out, "largest difference: %" PRIu32 " ulps at ", c->worst_ulps);
    print_element(c->out, c->worst, c->worst_at);
    fprintf(c->out, "\n");
    print_pair(c->out, c->worst_values[0], c->worst_values[1]);
  }
  LSI_FAIL(LS_ERR_DIFFERENT, NULL, "%zu of %zu values differ%s", c->n_values, c->n_compared,
           position ? "" : ", and the position in the run");
}

static ls_status compare(const lsi_file_state *a, const lsi_file_state *b, FILE *out) {
  bool whole = a->checkpoint && b->checkpoint;
  int n_a = whole ? a->n_tensors : a->n_params, n_b = whole ? b->n_tensors : b->n_params;
  comparison c = {.out = out};
  compare_structure(&c, a, n_a, b, n_b);
  LSI_CHECK(!c.structure, LS_ERR_DIFFERENT, NULL, "the files do not hold the same tensors");
  for (int i = 0; i < n_a; i++) compare_tensor(&c, &a->tensors[i], find(b, n_b, a->tensors[i].name));
  return report(&c, n_a, !whole || same_position(out, a->checkpoint, b->checkpoint));
}

ls_status ls_diff_files(const char *a, const char *b, FILE *out) {
  lsi_file_state states[2] = {{0}, {0}};
  LSI_CHECK(a && b && out, LS_ERR_ARG, NULL, "ls_diff_files: a, b and out must not be NULL");
  LSI_TRY(lsi_file_state_read(a, &states[0]));
  ls_status status = lsi_file_state_read(b, &states[1]);
  if (status == LS_OK) status = compare(&states[0], &states[1], out);
  lsi_file_state_clear(&states[1]);
  lsi_file_state_clear(&states[0]);
  return status;
}
