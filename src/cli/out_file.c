/* SPDX-License-Identifier: MIT */
#include "out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Named as the library names its own, which it sweeps when their writer is gone. */
static bool name_temporary(cli_out *out) {
  const char *slash = strrchr(out->path, '/'), *base = slash ? slash + 1 : out->path;
  int n = snprintf(out->temporary, sizeof out->temporary, "%.*s.%s.%ld-0.lockstep-tmp",
                   (int)(base - out->path), out->path, base, (long)getpid());
  if (n > 0 && (size_t)n < sizeof out->temporary)
    return true;
  errno = ENAMETOOLONG;
  return false;
}

bool cli_out_open(cli_out *out, const char *path) {
  *out = (cli_out){.path = path};
  if (name_temporary(out))
    out->stream = fopen(out->temporary, "wb");
  return out->stream != NULL;
}

/* Some file systems cannot sync a folder; there is nothing better to do there. */
static bool sync_folder(cli_out *out) {
  char *slash = strrchr(out->temporary, '/');
  if (slash)
    slash[slash == out->temporary] = '\0';
  int fd = open(slash ? out->temporary : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return false;
  bool done = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;
  int code = errno;
  close(fd);
  errno = code;
  return done;
}

bool cli_out_keep(cli_out *out) {
  bool whole = !ferror(out->stream) && fflush(out->stream) == 0 && fsync(fileno(out->stream)) == 0;
  int code = errno;
  if (fclose(out->stream) != 0 && whole) {
    whole = false;
    code = errno;
  }
  out->stream = NULL;
  if (whole && rename(out->temporary, out->path) == 0)
    return sync_folder(out);
  if (whole)
    code = errno;
  unlink(out->temporary);
  errno = code;
  return false;
}

void cli_out_drop(cli_out *out) {
  int code = errno;
  if (out->stream) {
    fclose(out->stream);
    unlink(out->temporary);
  }
  out->stream = NULL;
  errno = code;
}
