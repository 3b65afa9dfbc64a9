/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_READER_H
#define LSI_DATA_READER_H
/*
 * Streams a data set along a course: a thread reads the rows of batches to come into buffers, in
 * their stored type, while the batch at hand is trained on.
 *
 *      pass   |-- group 0 --|-- group 1 --|-- group 2 --| ...          places of the pass
 *      slots     [slot 0]      [slot 1]      [slot 0]                  each with the rows of this rank, in the order of use
 *
 * A group is as many places as the buffers hold, but ends where a window of blocks or, in order, a
 * chunk ends, if it can. Its rows are read in the order of the files, so that a chunk is read and
 * unpacked once a group. Chunked sets are read by the ranks of a node together: each unpacks its
 * share of the chunks and puts every row where the rank that wants it looks for it, in shared
 * memory. Contiguous sets are read by each rank alone.
 *
 * What is read when depends on memory and ranks; what a batch holds does not.
 */
#include "data/course.h"
#include "data/dataset.h"

typedef struct lsi_reader lsi_reader;

/* For batches of `course` as seen by rank `rank` of it; *out is NULL when all of the set is in memory or made on demand. Takes memory
   from the set's budget and gives it back. Collective on the ranks that opened the set. LS_ERR_MEMORY says how much is needed when the limit is too small for one batch and one chunk. */
ls_status lsi_reader_create(const ls_dataset *data, const lsi_course *course, int rank, lsi_reader **out);
void lsi_reader_destroy(lsi_reader **reader);

/* This rank's rows of batch p: their numbers, x, y and weight as lsi_dataset_read gives them (NULL: not wanted). Batches are asked
   for by all ranks of the group alike; asking for another than the next one is costly. */
ls_status lsi_reader_take(lsi_reader *reader, int64_t p, int64_t *rows, float *x, void *y, float *weight);

/* For people: how much is read how, and what would be better ("": nothing). */
void lsi_reader_describe(const lsi_reader *reader, char *text, size_t size);
void lsi_reader_hint(const lsi_reader *reader, char *text, size_t size);
/* The same for a set in memory; "" for others, and for small ones. */
void lsi_dataset_describe_reading(const ls_dataset *data, char *text, size_t size);
#endif
