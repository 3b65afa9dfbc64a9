/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_LOAD_H
#define LSI_DATA_LOAD_H
#include "data/fields.h"

/* Read the fields for which load[i] is set into memory: one copy for the group, each rank reading a part; where ranks cannot share
   memory, one copy each as long as that is within `limit` bytes; else the fields stay in their files. Collective on the group. */
ls_status lsi_fields_load(lsi_fields *fields, const bool load[LSI_N_FIELDS], int64_t limit);
#endif
