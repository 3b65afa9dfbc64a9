/* SPDX-License-Identifier: MIT */
/*
 * HDF5 writes to a file in memory (memfd_create), which is sparse: values that are never written take no room; by stdio,
 * as HDF5's usual driver resolves the link that stands for the descriptor. Arrays are allocated when they are made, so that their places are
 * known, and large ones begin on a page, so that two writers never share one.
 */
#include "store/h5_skeleton.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/h5_error.h"
#include "store/h5_image.h"

enum { LARGE = 1 << 16, PAGE = 4096 };

static ls_status failed(const char *doing) {
  LSI_FAIL(LS_ERR_MEMORY, "check the free memory", "HDF5 file in memory: cannot %s (%s)", doing, lsi_h5_reason());
}

static ls_status create_file(int descriptor, hid_t *file) {
  char name[64];
  hid_t list;
  LSI_TRY(lsi_h5_access_list("HDF5 file in memory", &list));
  snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
  if (H5Pset_fapl_stdio(list) >= 0 && H5Pset_alignment(list, LARGE, PAGE) >= 0)
    *file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, list);
  H5Pclose(list);
  return *file >= 0 ? LS_OK : failed("make it");
}

ls_status lsi_h5_skeleton_create(lsi_h5_skeleton *out) {
  lsi_h5_init();
  out->file = -1;
  out->descriptor = memfd_create("lockstep-checkpoint", MFD_CLOEXEC);
  LSI_CHECK(out->descriptor >= 0, LS_ERR_MEMORY, "check the limit on open files", "HDF5 file in memory: %s", strerror(errno));
  ls_status status = create_file(out->descriptor, &out->file);
  if (status != LS_OK) lsi_h5_skeleton_destroy(out);
  return status;
}

ls_status lsi_h5_skeleton_add(const lsi_h5_skeleton *skeleton, const char *path, int rank, const uint64_t *dims, hid_t file_type,
                              uint64_t *offset) {
  hid_t array;
  LSI_TRY(lsi_h5_create_array(skeleton->file, path, rank, dims, file_type, 0, 0, &array));
  haddr_t place = H5Dget_offset(array);
  *offset = place == HADDR_UNDEF ? 0 : place;
  return H5Dclose(array) >= 0 ? LS_OK : failed("describe an array");
}

ls_status lsi_h5_skeleton_finish(lsi_h5_skeleton *skeleton, uint64_t *n_bytes) {
  struct stat info;
  bool good = H5Fclose(skeleton->file) >= 0;
  skeleton->file = -1;
  if (!good || fstat(skeleton->descriptor, &info) != 0 || info.st_size <= 0) return failed("finish it");
  *n_bytes = (uint64_t)info.st_size;
  return LS_OK;
}

ls_status lsi_h5_skeleton_read(const lsi_h5_skeleton *skeleton, uint64_t at, void *out, size_t n) {
  for (size_t done = 0; done < n;) {
    ssize_t got = pread(skeleton->descriptor, (char *)out + done, n - done, (off_t)(at + done));
    if (got < 0 && errno == EINTR) continue;
    LSI_CHECK(got > 0, LS_ERR_INTERNAL, NULL, "HDF5 file in memory: cannot be read (%s)", got ? strerror(errno) : "too short");
    done += (size_t)got;
  }
  return LS_OK;
}

void lsi_h5_skeleton_destroy(lsi_h5_skeleton *skeleton) {
  if (skeleton->file > 0) H5Fclose(skeleton->file);
  if (skeleton->descriptor > 0) close(skeleton->descriptor);
  *skeleton = (lsi_h5_skeleton){-1, -1};
}
