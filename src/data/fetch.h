/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_FETCH_H
#define LSI_DATA_FETCH_H
/*
 * Rows from files to places in memory, by several threads. Contiguous arrays are read with pread,
 * neighbours together; of chunked ones each chunk is read and unpacked once, and all rows that are
 * wanted from it are handed out.
 */
#include "data/crew.h"
#include "data/files.h"
#include "par/reading.h"

typedef struct lsi_want {
  int64_t row;
  char *to; /* [row_bytes], in the type the array has in memory */
} lsi_want;

typedef struct lsi_fetcher lsi_fetcher;

/* Reads of any number of workers' jobs at a time; a fetcher serves one thread at a time. Borrows `files` and `reading`,
   where each read that has ended is a step; NULL is fine. */
ls_status lsi_fetcher_create(lsi_files *files, int n_workers, lsi_reading *reading, lsi_fetcher **out);
void lsi_fetcher_destroy(lsi_fetcher **fetcher);
/* Memory that one takes. */
size_t lsi_fetcher_bytes(const lsi_files *files, int n_workers);

/* Field x, y or weight (0, 1, 2) of the rows wanted, which are sorted by row; repeats are fine. */
ls_status lsi_fetch(lsi_fetcher *fetcher, int field, const lsi_want *wants, int64_t n);

/* Chunks read and unpacked so far. */
int64_t lsi_fetcher_unpacked(const lsi_fetcher *fetcher);

/* Rows of a chunk of x, y or weight in the file of `row`; 0: contiguous. */
int64_t lsi_fetch_chunk_rows(const lsi_files *files, int field, int64_t row);
/* A number for the chunks that hold this row of a field: equal numbers, equal chunks. */
uint64_t lsi_fetch_band(const lsi_files *files, int field, int64_t row);
#endif
