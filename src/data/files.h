/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_FILES_H
#define LSI_DATA_FILES_H
/* The HDF5 files of one data set, one after the other. */
#include <pthread.h>
#include "data/names.h"
#include "data/part.h"
#include "par/reading.h"

typedef struct lsi_files {
  ls_hdf5_spec spec;         /* names of the arrays; its strings are owned */
  int n;
  char **paths;              /* [n], owned */
  lsi_part *parts;           /* [n], in the order of their rows */
  ls_dataset_info info;      /* of the whole; without the identity */
  bool map;                  /* see files that are opened from now on as memory, too */
  uint64_t looks;
  lsi_reading reading;       /* while they are looked into */
  pthread_mutex_t mutex;     /* one opens at a time */
} lsi_files;

/* Look into every file. All must agree in shapes, types, presence of arrays and scale; the one that does not is named. Ranks of `comm`,
   if it has any, are told when it takes long; not collective. */
ls_status lsi_files_describe(const lsi_comm *comm, char *const *paths, int n, const ls_hdf5_spec *spec, lsi_files **out);
/* The same, described by the first rank and known to all. Collective on comm. */
ls_status lsi_files_describe_all(const lsi_comm *comm, char *const *paths, int n, const ls_hdf5_spec *spec, lsi_files **out);
void lsi_files_destroy(lsi_files **files);
/* What is left tells where rows came from, and no more. */
void lsi_files_close(lsi_files *files);

/* The file that holds a row, open for reading. */
ls_status lsi_files_at(lsi_files *files, int64_t row, lsi_part **part);
/* Can these rows of a field be decoded where they are: in files seen as memory and, as far as a few of them tell, in the page cache? */
bool lsi_files_at_hand(lsi_files *files, int field, const int64_t *rows, int64_t n, size_t row_bytes);
/* Has something become of these rows' files that spoils what was decoded there? For one thread. */
bool lsi_files_broken(lsi_files *files, const int64_t *rows, int64_t n);
/* Warn, once a file, of those that somebody has written to since they were described. Does not wait for a file that is being opened. */
void lsi_files_watch(lsi_files *files);
/* Its place in the list, without opening. */
int lsi_files_find(const lsi_files *files, int64_t row);
#endif
