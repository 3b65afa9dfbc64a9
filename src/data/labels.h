/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_LABELS_H
#define LSI_DATA_LABELS_H
#include "data/source.h"

/* Targets that are classes, though stored as floating-point numbers (numpy.loadtxt gives such): read them all, as int32. */
ls_status lsi_source_to_labels(lsi_source *y);
#endif
