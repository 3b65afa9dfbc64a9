/* SPDX-License-Identifier: MIT */
#ifndef CLI_OUT_FILE_H
#define CLI_OUT_FILE_H
/* A file the command writes itself, row by row: a hidden temporary in the same folder, until all of it is safely on disk. */
#include <stdbool.h>
#include <stdio.h>

enum { CLI_OUT_PATH = 4096 };

typedef struct cli_out {
  FILE *stream; /* NULL: not open */
  const char *path;
  char temporary[CLI_OUT_PATH];
} cli_out;

/* All return false with errno set; then nothing of the new file is left, and what `path` was is untouched. */
bool cli_out_open(cli_out *out, const char *path); /* path is borrowed */
/* Flushed to disk, under its own name. */
bool cli_out_keep(cli_out *out);
void cli_out_drop(cli_out *out); /* nothing open is fine; errno is kept */
#endif
