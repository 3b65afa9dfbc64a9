/* SPDX-License-Identifier: MIT */
#include "nn/rows.h"

#include <omp.h>
#include "math/team.h"

void lsi_rows_run(size_t rows, double operations, lsi_rows_work *work, void *context) {
  int threads = lsi_team_for(operations);
  if (threads == 1) {
    work(context, 0, rows);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    size_t first, end;
    lsi_team_slice(rows, 1, omp_get_thread_num(), omp_get_num_threads(), &first, &end);
    if (first < end)
      work(context, first, end);
  }
}
