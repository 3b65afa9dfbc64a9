/* SPDX-License-Identifier: MIT */
#include "math/finite.h"

#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "math/clones.h"
#include "math/team.h"

/* The largest magnitude, as an integer: IEEE numbers are ordered like their bits, infinities and NaN above all others. */
LSI_CLONES static uint32_t largest(const float *x, size_t n) {
  uint32_t most = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    bits &= 0x7fffffffu;
    most = bits > most ? bits : most;
  }
  return most;
}

bool lsi_all_finite(const float *x, size_t n) {
  enum { COST = 8 }; /* of what another thread's core has just written */
  uint32_t most = 0;
  int threads = lsi_team_for(COST * (double)n);
#pragma omp parallel num_threads(threads) if (threads > 1) reduction(max : most)
  {
    size_t begin, end;
    lsi_team_slice(n, 16, omp_get_thread_num(), omp_get_num_threads(), &begin, &end);
    most = largest(x + begin, end - begin);
  }
  return most < 0x7f800000u;
}
