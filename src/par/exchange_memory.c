/* SPDX-License-Identifier: MIT */
/* The memory that ranks of a node share for the exchange. */
#include "base/memory.h"
#include "math/team.h"
#include "par/exchange_kinds.h"

static size_t pages(size_t n_bytes) {
  return lsi_round_up(n_bytes, LSI_SHM_PAGE);
}

ls_status lsi_exchange_lay_out(const lsi_exchange *exchange, int n_ranks, int n_counters,
                               lsi_shared_layout *out) {
  size_t row, rows = 0, all;
  out->sum_at = pages((size_t)n_counters * (size_t)n_ranks * sizeof(lsi_counter));
  bool fits = exchange->stride >= exchange->n &&
              lsi_mul_size(exchange->stride, sizeof(float), &row) &&
              lsi_mul_size(row, (size_t)exchange->map.max_nodes, &rows) && rows <= SIZE_MAX / 4;
  out->partials_bytes = fits ? pages(rows) : 0;
  out->partials_at = fits ? out->sum_at + pages(row) : 0;
  fits = fits && lsi_mul_size(out->partials_bytes, (size_t)n_ranks, &all) && all <= SIZE_MAX / 4;
  LSI_CHECK(fits, LS_ERR_MEMORY, NULL, "%zu elements on %d ranks exceed the address space",
            exchange->n, n_ranks);
  out->total = out->partials_at + all;
  return LS_OK;
}

ls_status lsi_exchange_reserve(const lsi_exchange *exchange, const lsi_shared_layout *layout,
                               const lsi_shm *shm, int place, int n_ranks) {
  size_t line = LSI_ALIGN / sizeof(float), begin, end;
  lsi_team_slice(exchange->n, line, place, n_ranks, &begin, &end);
  size_t partials_at = layout->partials_at + (size_t)place * layout->partials_bytes;
  if (place == 0)
    LSI_TRY(lsi_shm_reserve(shm, 0, layout->sum_at));
  LSI_TRY(lsi_shm_reserve(shm, layout->sum_at + begin * sizeof(float),
                          layout->sum_at + end * sizeof(float)));
  return lsi_shm_reserve(shm, partials_at, partials_at + layout->partials_bytes);
}
