/* SPDX-License-Identifier: MIT */
#include "par/pace.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "par/peers.h"

static const double WINDOW_S = 5, SILENCE_S = 60;

ls_status lsi_pace_create(const lsi_comm *comm, lsi_pace *out) {
  *out = (lsi_pace){.comm = comm, .silent_s = SILENCE_S};
  LSI_TRY(LSI_ALLOC("pace of the ranks", comm->size, &out->before));
  return LSI_ALLOC("pace of the ranks", 2 * comm->size, &out->work);
}

void lsi_pace_clear(lsi_pace *pace) {
  lsi_free(pace->before);
  lsi_free(pace->work);
  pace->before = pace->work = NULL;
}

void lsi_pace_begin(lsi_pace *pace) {
  pace->waited_before_s = pace->comm->peers->waited_s;
}

float lsi_pace_step(lsi_pace *pace, double step_s) {
  double waited_s = pace->comm->peers->waited_s - pace->waited_before_s;
  if (step_s > waited_s)
    pace->worked_s += step_s - waited_s;
  return (float)pace->worked_s;
}

static int ascending(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

int lsi_pace_slowest(const float *work, int n, double window_s, float *scratch, double *factor) {
  int slowest = 0;
  for (int r = 1; r < n; r++)
    if (work[r] > work[slowest])
      slowest = r;
  memcpy(scratch, work, (size_t)n * sizeof *work);
  qsort(scratch, (size_t)n, sizeof *scratch, ascending);
  double middle = scratch[(n - 1) / 2], most = work[slowest];
  if (n < 2 || middle <= 0 || most < LSI_SLOW_FACTOR * middle || most - middle < 0.2 * window_s)
    return -1;
  *factor = most / middle;
  return slowest;
}

void lsi_pace_judge(lsi_pace *pace, const float *worked, double step_s) {
  const lsi_comm *comm = pace->comm;
  pace->window_s += step_s;
  pace->silent_s += step_s;
  if (comm->size == 1 || pace->window_s < WINDOW_S)
    return;
  double factor = 1;
  for (int r = 0; r < comm->size; r++)
    pace->work[r] = worked[r] - pace->before[r];
  int slow = lsi_pace_slowest(pace->work, comm->size, pace->window_s, pace->work + comm->size, &factor);
  if (slow >= 0 && pace->silent_s >= SILENCE_S) {
    lsi_log_warn("rank %d on host %s is slow: in the last %.0f s its own work took %.1f times as long as "
                 "that of the middle rank, and the others waited",
                 slow, lsi_host_of(comm, slow), pace->window_s, factor);
    pace->silent_s = 0;
  }
  memcpy(pace->before, worked, (size_t)comm->size * sizeof *worked);
  pace->window_s = 0;
}
