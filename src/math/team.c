/* SPDX-License-Identifier: MIT */
#include "math/team.h"

#include <omp.h>
#include <stdbool.h>

/* About 10 us of one core's multiply-adds. A fork/join of 2 threads took 0.9 us at best, but tens
   of us were seen on small products when other work shared the cores. */
static const double WORK_WORTH_A_TEAM = 5e5;

static int team_size = 1;
static double worth = WORK_WORTH_A_TEAM;
static _Thread_local bool alone;

void lsi_team_set_size(int n_threads) {
  team_size = n_threads < 1 ? 1 : n_threads;
}

void lsi_team_set_worth(double work) {
  worth = work > 0 ? work : WORK_WORTH_A_TEAM;
}

int lsi_team_size(void) {
  return team_size;
}

/* All or one: libgomp ends surplus threads when a region asks for fewer, and starts them again. */
int lsi_team_for(double work) {
  return work < worth || alone || omp_in_parallel() ? 1 : team_size;
}

void lsi_team_alone(void) {
  alone = true;
}

void lsi_team_slice(size_t count, size_t unit, int t, int n, size_t *begin, size_t *end) {
  size_t units = (count + unit - 1) / unit;
  size_t each = units / (size_t)n, extra = units % (size_t)n, i = (size_t)t;
  size_t first = i * each + (i < extra ? i : extra);
  size_t last = first + each + (i < extra);
  *begin = first * unit < count ? first * unit : count;
  *end = last * unit < count ? last * unit : count;
}
