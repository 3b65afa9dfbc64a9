/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_NAMES_H
#define LSI_DATA_NAMES_H
/* The names of a data set's files. */
#include <lockstep/dataset.h>
#include "par/comm.h"

/* What `spec` names: its list or its path, in order; *, ? and [ ] in a name stand for several files, in the order of their bytes,
   when no file is called that. Free with lsi_names_free. */
ls_status lsi_names_expand(const ls_hdf5_spec *spec, char ***names, int *n);
/* The same for all ranks: a list or a path is each rank's own; of a pattern all must find the same, or the one that lacks a file would
   train on fewer. Collective. */
ls_status lsi_names_expand_all(const lsi_comm *comm, const ls_hdf5_spec *spec, char ***names, int *n);
ls_status lsi_names_copy(char *const *from, size_t count, char ***names, int *n);
void lsi_names_free(char ***names, int n);
#endif
