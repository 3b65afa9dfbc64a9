/* SPDX-License-Identifier: MIT */
/*
 * Replays a fuzzer without libFuzzer: every file of the corpus, then MUTATIONS fixed mutations of
 * each. The same inputs on every machine; a crash prints nothing, but names its input with -v.
 * usage: fuzz_<parser> CORPUS_DIR [MUTATIONS] [-v]
 */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz_input.h"

enum { INPUT_BYTES = 1 << 16, DEFAULT_MUTATIONS = 400 };

static uint64_t random_state;

static uint64_t next_random(void) { /* xorshift64*, Vigna 2016 */
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * UINT64_C(2685821657736338717);
}

static size_t below(size_t n) {
  return n ? (size_t)(next_random() % n) : 0;
}

static size_t mutate_once(uint8_t *data, size_t n) {
  static const uint8_t telling[] = {0,    1,   0x7f, 0x80, 0xff, '"', ',', '\n',
                                    '\r', '(', ')',  '\'', '9',  '-', 'e'};
  size_t at = below(n), count = 1 + below(8);
  switch (below(7)) {
  case 0:
    if (n) data[at] ^= (uint8_t)(1u << below(8));
    break;
  case 1:
    if (n) data[at] = telling[below(sizeof telling)];
    break;
  case 2:
    if (n) data[at] = (uint8_t)next_random();
    break;
  case 3:
    for (size_t i = at; i < n && i < at + count; i++) data[i] = 0xff;
    break;
  case 4: return below(n + 1); /* truncated */
  case 5:                      /* a piece is repeated */
    if (n + count > INPUT_BYTES || at + count > n) return n;
    memmove(data + at + count, data + at, n - at);
    return n + count;
  case 6: /* a piece is gone */
    if (at + count > n) return n;
    memmove(data + at, data + at + count, n - at - count);
    return n - count;
  }
  return n;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static size_t read_input(const char *dir, const char *name, uint8_t *data) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(2);
  }
  size_t n = fread(data, 1, INPUT_BYTES, file);
  fclose(file);
  return n;
}

/* Exactly-sized copies let the sanitizers see a read beyond the end. */
static void run(const uint8_t *data, size_t n) {
  uint8_t *copy = malloc(n ? n : 1);
  if (!copy) exit(2);
  memcpy(copy, data, n);
  LLVMFuzzerTestOneInput(copy, n);
  free(copy);
}

static void replay(const char *dir, const char *name, long mutations, bool verbose) {
  static uint8_t seed[INPUT_BYTES], data[INPUT_BYTES];
  size_t n_seed = read_input(dir, name, seed);
  run(seed, n_seed);
  for (long k = 0; k < mutations; k++) {
    random_state = UINT64_C(0x9E3779B97F4A7C15) * (uint64_t)(k + 1);
    size_t n = n_seed;
    memcpy(data, seed, n);
    for (size_t times = 1 + below(4); times > 0; times--) n = mutate_once(data, n);
    if (verbose) fprintf(stderr, "%s, mutation %ld, %zu bytes\n", name, k, n);
    run(data, n);
  }
}

int main(int argc, char **argv) {
  bool verbose = argc > 1 && strcmp(argv[argc - 1], "-v") == 0;
  int n_args = argc - verbose;
  if (n_args < 2) {
    fprintf(stderr, "usage: %s CORPUS_DIR [MUTATIONS] [-v]\n", argv[0]);
    return 2;
  }
  long mutations = n_args > 2 ? atol(argv[2]) : DEFAULT_MUTATIONS;
  struct dirent **entries;
  int n = scandir(argv[1], &entries, NULL, by_name);
  if (n < 0) {
    perror(argv[1]);
    return 2;
  }
  run((const uint8_t *)"", 0);
  int replayed = 0;
  for (int i = 0; i < n; i++) {
    if (entries[i]->d_name[0] != '.') {
      replay(argv[1], entries[i]->d_name, mutations, verbose);
      replayed++;
    }
    free(entries[i]);
  }
  free(entries);
  printf("%d inputs, %ld mutations of each\n", replayed, mutations);
  return replayed > 0 ? 0 : 2; /* an empty corpus tests nothing */
}
