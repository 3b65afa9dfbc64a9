/* SPDX-License-Identifier: MIT */
#ifndef LSI_CONFIG_CONFIG_H
#define LSI_CONFIG_CONFIG_H
/* The two halves of reading a config, for the collective form and for tests. */
#include <lockstep/config.h>

/* The whole file as text, NUL-terminated; free with lsi_free. Refuses folders, HDF5, binary, over 1
 * MiB. */
ls_status lsi_config_read_file(const char *path, char **text);
/* `path` names the text in errors and gives the folder for relative data paths. */
ls_status lsi_config_from_text(const char *path, const char *text, const char *const *overrides,
                               int n_overrides, ls_config **out);
#endif
