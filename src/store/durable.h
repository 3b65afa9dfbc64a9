/* SPDX-License-Identifier: MIT */
#ifndef LSI_STORE_DURABLE_H
#define LSI_STORE_DURABLE_H
/* Files that are either whole or not there: temporary name in the same folder, write, fsync, rename, fsync of the folder. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

enum { LSI_PATH_BYTES = 4096 };

/* Replace `path` atomically with n bytes. On any error the old file is untouched and the temporary is removed.
   LS_ERR_NO_SPACE on ENOSPC/EDQUOT, LS_ERR_IO otherwise, with path and strerror. */
ls_status lsi_durable_write(const char *path, const void *bytes, size_t n);
/* For a writer that needs a real file: a name in the folder of `path`, then its atomic move to `path` (fsync, rename,
   fsync of the folder). A failed commit removes the temporary; before that it is the caller's to remove. */
ls_status lsi_durable_temporary(const char *path, char temporary[LSI_PATH_BYTES]);
ls_status lsi_durable_commit(const char *temporary, const char *path);
/* The same for a file that is on disk already. */
ls_status lsi_durable_move(const char *temporary, const char *path);

/* A temporary file in parts, by one or several processes: each opens it (the first creates it), writes, syncs, and may compare what the
   disk then holds; closing passes `status` on. When all have, lsi_durable_move gives it its name. `path` is for messages. */
ls_status lsi_durable_open_part(const char *temporary, const char *path, bool create, int *fd);
typedef struct lsi_durable_piece {
  uint64_t at; /* in the file */
  const void *bytes;
  size_t n;
} lsi_durable_piece;
/* In the order of their places, neighbours in one call: a parallel file system takes few large writes better than many small ones. */
ls_status lsi_durable_write_pieces(int fd, const char *path, const lsi_durable_piece *pieces, size_t n);
ls_status lsi_durable_sync_part(int fd, const char *path);
ls_status lsi_durable_check_pieces(int fd, const char *path, const lsi_durable_piece *pieces, size_t n); /* LS_ERR_CORRUPT when one differs */
ls_status lsi_durable_close_part(int fd, const char *path, ls_status status);

ls_status lsi_durable_remove(const char *path); /* and fsync the folder; a missing file is fine */
ls_status lsi_make_dirs(const char *path);      /* mkdir -p */
/* The whole file, malloc'd with a NUL after the end (lsi_free); at most `limit` bytes. */
ls_status lsi_read_file(const char *path, size_t limit, char **bytes, size_t *n);
/* Remove temporaries a killed writer of this folder left behind (names are recognisable). Those of live processes of this
   machine stay. */
void lsi_durable_sweep(const char *dir);
/* Are both there, and one file by two names? */
bool lsi_same_file(const char *a, const char *b);

/* An advisory lock on a run folder (dir/.lock, flock + holder's host and pid inside). LS_ERR_BUSY names the holder. */
typedef struct lsi_lock lsi_lock;
ls_status lsi_lock_acquire(const char *dir, lsi_lock **out);
void lsi_lock_release(lsi_lock **lock);
#endif
