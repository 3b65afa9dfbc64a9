/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_CONVERT_H
#define LSI_DATA_CONVERT_H
#include <lockstep/tools.h>

/* ls_convert with the size up to which the file is built in memory as a parameter; ls_convert takes
 * 256 MiB. */
ls_status lsi_convert(const ls_convert_spec *spec, uint64_t image_limit, FILE *log);
#endif
