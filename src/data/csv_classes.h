/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_CSV_CLASSES_H
#define LSI_DATA_CSV_CLASSES_H
/* Class labels of a CSV column: integers stay what they are; anything else is numbered in sorted
 * order of the texts. */
#include "data/csv_cells.h"
#include "data/source.h"

/* cells [y->dims[0]] in; y->values int32, y->class_names and y->n_classes (text classes only) out.
 */
ls_status lsi_csv_number_classes(const lsi_csv *csv, const lsi_csv_cell *cells, lsi_source *y);
#endif
