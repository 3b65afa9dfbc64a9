/* SPDX-License-Identifier: MIT */
#ifndef LSI_STORE_H5_ERROR_H
#define LSI_STORE_H5_ERROR_H
/* What HDF5's error stack of this thread says: the deepest entry's words, in a buffer of this
 * thread. */
#include <stdbool.h>

const char *lsi_h5_reason(void);
/* The operating system's word, when it was a call of it that failed ("Input/output error"); else NULL. */
const char *lsi_h5_system_error(void);
/* Does any entry of the stack contain `words`? */
bool lsi_h5_reason_has(const char *words);
#endif
