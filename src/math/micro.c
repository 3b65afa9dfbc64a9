/* SPDX-License-Identifier: MIT */
#include "math/micro.h"

#include <string.h>

#include "base/memory.h"

static const lsi_micro *chosen; /* set once to a constant by any thread: all write the same value */

static bool has_avx512(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}

static bool has_avx2(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

static const lsi_micro *best_level(void) {
#if defined(__x86_64__)
  if (has_avx512())
    return &lsi_micro_avx512;
  if (has_avx2())
    return &lsi_micro_avx2;
#endif
  return &lsi_micro_portable;
}

const lsi_micro *lsi_micro_get(void) {
  const lsi_micro *micro = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
  if (!micro) {
    micro = best_level();
    __atomic_store_n(&chosen, micro, __ATOMIC_RELAXED);
  }
  return micro;
}

bool lsi_micro_force(const char *name) {
  const lsi_micro *micro = NULL;
  if (!name)
    micro = best_level();
  else if (strcmp(name, "portable") == 0)
    micro = &lsi_micro_portable;
#if defined(__x86_64__)
  else if (strcmp(name, "avx2") == 0 && has_avx2())
    micro = &lsi_micro_avx2;
  else if (strcmp(name, "avx512") == 0 && has_avx512())
    micro = &lsi_micro_avx512;
#endif
  if (!micro)
    return false;
  __atomic_store_n(&chosen, micro, __ATOMIC_RELAXED);
  return true;
}

size_t lsi_micro_panels(const lsi_micro *micro, size_t n) {
  return lsi_ceil_div(lsi_ceil_div(n, (size_t)micro->lanes), (size_t)micro->max_vectors);
}

/* The first panels take one vector more than the others. */
void lsi_micro_panel(const lsi_micro *micro, size_t n, size_t p, size_t *begin, int *vectors) {
  size_t all = lsi_ceil_div(n, (size_t)micro->lanes), panels = lsi_micro_panels(micro, n);
  size_t each = all / panels, extra = all % panels;
  *begin = (p * each + (p < extra ? p : extra)) * (size_t)micro->lanes;
  *vectors = (int)(each + (p < extra));
}
