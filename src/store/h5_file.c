/* SPDX-License-Identifier: MIT */
/* Files: opening from disk or memory, and asking what is in them without following any link. */
#include "store/h5.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "store/h5_error.h"
#include "store/h5_image.h"

void lsi_h5_init(void) {
  static _Thread_local bool done; /* the printed error stack is a setting of each thread */
  if (done) return;
  H5dont_atexit(); /* at exit it would close what a full disk has kept open, and crash */
  H5open();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0); /* an unknown filter in a file must not load a shared library */
  done = true;
}

void lsi_h5_image_name(char *name, size_t size) {
  static atomic_ulong counter;
  snprintf(name, size, "lockstep-image-%lu", atomic_fetch_add(&counter, 1) + 1);
}

static ls_status check_regular_file(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      LSI_FAIL(LS_ERR_NOT_FOUND, "check the path; relative paths start at the working directory",
               "%s: no such file", path);
    LSI_FAIL(LS_ERR_IO, NULL, "%s: %s", path, strerror(errno));
  }
  LSI_CHECK(S_ISREG(info.st_mode), LS_ERR_FORMAT, "name an HDF5 file", "%s: is %s, not an HDF5 file",
            path, S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
  LSI_CHECK(info.st_size > 0, LS_ERR_FORMAT, "copy or make the file again", "%s: the file is empty",
            path);
  FILE *file = fopen(path, "rb");
  LSI_CHECK(file, LS_ERR_IO, errno == EMFILE || errno == ENFILE ? "raise the limit on open files (ulimit -n)" : "check the file's permissions",
            "%s: %s", path, strerror(errno));
  fclose(file);
  return LS_OK;
}

static bool is_gzip(const char *path) {
  unsigned char start[2] = {0};
  FILE *file = fopen(path, "rb");
  bool gzip = file && fread(start, 1, 2, file) == 2 && start[0] == 0x1f && start[1] == 0x8b;
  if (file) fclose(file);
  return gzip;
}

static ls_status open_failed(const char *path) {
  if (lsi_h5_reason_has("unable to lock"))
    LSI_FAIL(LS_ERR_IO,
             "another program may be writing it: wait or stop that; on a file system without locks "
             "set HDF5_USE_FILE_LOCKING=FALSE",
             "%s: HDF5 cannot lock the file (%s)", path, lsi_h5_reason());
  const char *system = lsi_h5_system_error();
  LSI_CHECK(!system, LS_ERR_IO, NULL, "%s: cannot open: %s", path, system);
  char reason[160];
  snprintf(reason, sizeof reason, "%s", lsi_h5_reason()); /* the next call clears it */
  LSI_CHECK(!is_gzip(path), LS_ERR_FORMAT,
            "gunzip it; HDF5 files are compressed inside (`lockstep convert --chunk-rows 256 --deflate 4`)",
            "%s: gzipped, not an HDF5 file", path);
  const char *end = strrchr(path, '.');
  if (H5Fis_hdf5(path) <= 0)
    LSI_FAIL(LS_ERR_FORMAT,
             end && strcmp(end, ".onnx") == 0
                 ? "ONNX files are written, not read: name the model this one was exported from"
                 : "models are the model.h5 of a run; `lockstep convert` makes data sets from IDX, NPY and "
                   "CSV",
             "%s: not an HDF5 file", path);
  LSI_FAIL(LS_ERR_CORRUPT, "copy or make the file again", "%s: damaged or truncated (%s)", path,
           reason);
}

ls_status lsi_h5_access_list(const char *what, hid_t *list) {
  enum { ROOM = 4 << 20 };
  /* HDF5 1.10 crashes when it finds no memory for a file's caches. Not malloc, which would keep more from now on. */
  void *room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  LSI_CHECK(room != MAP_FAILED, LS_ERR_MEMORY, "check the free memory, and the limits (ulimit)", "%s: cannot allocate %d bytes", what, (int)ROOM);
  munmap(room, ROOM);
  *list = H5Pcreate(H5P_FILE_ACCESS);
  LSI_CHECK(*list >= 0 && H5Pset_fclose_degree(*list, H5F_CLOSE_STRONG) >= 0, LS_ERR_MEMORY, NULL, "%s: HDF5: %s", what, lsi_h5_reason());
  return LS_OK;
}

ls_status lsi_h5_open(const char *path, hid_t *file) {
  LSI_TRY(check_regular_file(path));
  lsi_h5_init();
  hid_t list;
  LSI_TRY(lsi_h5_access_list(path, &list));
  hid_t id = H5Fopen(path, H5F_ACC_RDONLY, list);
  ls_status status = id < 0 ? open_failed(path) : LS_OK;
  H5Pclose(list);
  if (status == LS_OK) *file = id;
  return status;
}

ls_status lsi_h5_open_image(const void *bytes, size_t n, const char *what, hid_t *file) {
  static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  LSI_CHECK(n >= sizeof signature && memcmp(bytes, signature, sizeof signature) == 0, LS_ERR_FORMAT,
            NULL, "%s: not an HDF5 file", what);
  lsi_h5_init();
  char name[64];
  lsi_h5_image_name(name, sizeof name);
  hid_t list;
  LSI_TRY(lsi_h5_access_list(what, &list));
  ls_status status = LS_OK;
  hid_t id = -1;
  /* HDF5 copies the image and does not write through the pointer. */
  if (H5Pset_fapl_core(list, 1 << 16, 0) < 0 || H5Pset_file_image(list, (void *)bytes, n) < 0)
    status = lsi_error_set(LS_ERR_MEMORY, NULL, "%s: HDF5: %s", what, lsi_h5_reason());
  else if ((id = H5Fopen(name, H5F_ACC_RDONLY, list)) < 0)
    status = lsi_error_set(LS_ERR_CORRUPT, "copy or make the file again",
                           "%s: damaged or truncated (%s)", what, lsi_h5_reason());
  H5Pclose(list);
  if (status == LS_OK) *file = id;
  return status;
}

ls_status lsi_h5_file_create(const char *path, hid_t *file) {
  lsi_h5_init();
  hid_t list;
  LSI_TRY(lsi_h5_access_list(path, &list));
  hid_t id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, list);
  ls_status status = LS_OK;
  if (id < 0)
    status = lsi_error_set(LS_ERR_IO, "check that the folder exists and may be written",
                           "%s: HDF5 cannot create the file (%s)", path, lsi_h5_reason());
  H5Pclose(list);
  if (status == LS_OK) *file = id;
  return status;
}

int lsi_h5_descriptor(hid_t file) {
  void *handle = NULL;
  return H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 && handle ? *(int *)handle : -1;
}

void lsi_h5_close(hid_t file) {
  if (file >= 0) H5Fclose(file);
}

/* Every part of the path must be a hard link; a soft or external one is as good as absent. */
static bool hard_links_only(hid_t loc, const char *name) {
  char part[1024];
  size_t n = strlen(name);
  if (n == 0 || n >= sizeof part) return false;
  for (size_t i = 1; i <= n; i++) {
    if (name[i] != '/' && name[i] != '\0') continue;
    if (name[i - 1] == '/') continue;
    memcpy(part, name, i);
    part[i] = '\0';
    if (strcmp(part, ".") == 0) continue;
    H5L_info_t link;
    if (H5Lexists(loc, part, H5P_DEFAULT) <= 0) return false;
    if (H5Lget_info(loc, part, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD) return false;
  }
  return true;
}

bool lsi_h5_has(hid_t loc, const char *name) {
  lsi_h5_init();
  if (!hard_links_only(loc, name)) return false;
  hid_t object = H5Oopen(loc, name, H5P_DEFAULT);
  if (object < 0) return false;
  H5I_type_t type = H5Iget_type(object);
  H5Oclose(object);
  return type == H5I_GROUP || type == H5I_DATASET;
}

bool lsi_h5_has_name(hid_t loc, const char *name) {
  lsi_h5_init();
  return H5Lexists(loc, name, H5P_DEFAULT) > 0;
}

bool lsi_h5_has_attr(hid_t loc, const char *object, const char *attr) {
  lsi_h5_init();
  return hard_links_only(loc, object) && H5Aexists_by_name(loc, object, attr, H5P_DEFAULT) > 0;
}
