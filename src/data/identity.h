/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_IDENTITY_H
#define LSI_DATA_IDENTITY_H
/*
 * The identity of a data set: a hash over shapes, types, scale and stored values of x, y and
 * sample_weight, the same however they are split into files, chunked, compressed, loaded or
 * streamed. Sets above 256 MiB are sampled: 256 evenly spaced rows, the first and the last among
 * them. The ranks of a group share the work: nobody reads more because there are more ranks.
 */
#include "data/fields.h"

/* Collective on the group. */
ls_status lsi_fields_identity(lsi_fields *fields, const ls_dataset_info *info, char hex[33]);
/* Of a function that makes samples: its shape and 64 evenly spaced samples, as float32. */
ls_status lsi_callback_identity(const ls_dataset *dataset, char hex[33]);
#endif
