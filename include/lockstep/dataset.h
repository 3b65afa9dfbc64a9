/* SPDX-License-Identifier: MIT */
#ifndef LOCKSTEP_DATASET_H
#define LOCKSTEP_DATASET_H
/**
 * Samples to train on: from HDF5, from memory, or from a function of yours.
 *
 * A sample is a feature array x (any shape), a target y, and an optional weight. Stored values may
 * be any integer or float type; the model sees float32: stored * scale + offset. Targets are
 * integers ("labels", shape [N] or [N, 1]) or float rows of `n_targets` values.
 *
 * A data set is the caller's: ls_dataset_destroy, before the context's end. Specs and their strings are read during
 * the call only.
 */
#include <stdbool.h>
#include <stdint.h>
#include <lockstep/context.h>
#include <lockstep/limits.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ls_dataset ls_dataset;

typedef enum ls_dtype {
  LS_UINT8, LS_INT8, LS_UINT16, LS_INT16, LS_UINT32, LS_INT32, LS_UINT64, LS_INT64, LS_FLOAT32, LS_FLOAT64
} ls_dtype;

/** What a dataset holds. */
typedef struct ls_dataset_info {
  int64_t n_samples;
  int x_rank;                    /* of one sample */
  int64_t x_shape[LS_MAX_RANK];  /* of one sample */
  ls_dtype x_dtype;              /* as stored */
  bool has_y;
  bool y_is_label;               /* integer labels, one a sample */
  int64_t n_targets;             /* values a sample: 1 for labels and for y of shape [N] */
  int y_rank;                    /* 1: y is [N]; 2: [N, n_targets] */
  bool has_weight;               /* a sample_weight array is present */
  double scale, offset;          /* x = stored * scale + offset */
  char identity[33];             /* hash of shape and contents; equal data, equal identity */
} ls_dataset_info;

/** How to open an HDF5 data set. Zeroed fields mean the default. */
typedef struct ls_hdf5_spec {
  const char *path;          /* a file; or a pattern with *, ? or [ ] for several, taken in the order of their bytes; some may be empty */
  const char *x;             /* name of the features; default "x" */
  const char *y;             /* default "y"; may be absent for predict */
  const char *sample_weight; /* default "sample_weight", used when present */
  bool load;                 /* true: hold it in memory whatever its size */
  int64_t memory_limit;      /* bytes the set may take on a node, all its ranks together: held in memory when it fits, else the
                                buffers it is streamed through. 0: 2 GiB, or half of what node, cgroup and ulimits leave */
  const char *const *paths;  /* instead of path: [n_paths] files, patterns too, whose rows follow each other in this order */
  int n_paths;
} ls_hdf5_spec;

/**
 * Open `x`, `y` and `sample_weight` of HDF5 files: contiguous or chunked, compressed (deflate, shuffle, fletcher32) or not.
 * Several files make one set when they agree in shapes, types and scale. A node holds one copy for all its ranks. What is
 * streamed is read ahead of training by a thread, or used where it is in the page cache (a mapped file); how much memory there is never changes a result.
 * The attributes scale_factor and add_offset of x (netCDF's convention) give scale and offset.
 * Hostile files (external storage or links, virtual datasets, plug-in filters, absurd extents) are refused.
 * Collective; the same error on all ranks.
 */
LS_API ls_status ls_dataset_open(ls_context *context, const ls_hdf5_spec *spec, ls_dataset **out);

/** Arrays in memory; borrowed, must outlive the dataset, equal on all ranks (their hash is compared). */
typedef struct ls_memory_spec {
  int64_t n_samples;
  int x_rank;
  int64_t x_shape[LS_MAX_RANK];
  ls_dtype x_dtype;
  const void *x;              /* [n_samples, x_shape...], C order */
  ls_dtype y_dtype;
  const void *y;              /* [n_samples] or [n_samples, n_targets]; NULL: none */
  int64_t n_targets;          /* 0: y is [n_samples] */
  const float *sample_weight; /* [n_samples] or NULL */
  double scale, offset;       /* scale 0 means 1 */
} ls_memory_spec;

/** Collective; the same error on all ranks. LS_ERR_NOT_SAME when the ranks' arrays differ. */
LS_API ls_status ls_dataset_from_memory(ls_context *context, const ls_memory_spec *spec,
                                        ls_dataset **out);

/**
 * A function that makes samples on demand. It must be a pure function of `rows`: any rank may ask
 * for any sample, more than once. Called from one thread at a time.
 */
typedef struct ls_callback_spec {
  int64_t n_samples;
  int x_rank;
  int64_t x_shape[LS_MAX_RANK];
  bool y_is_label;
  int64_t n_targets; /* 0: no y */
  bool has_weight;
  /* Fill x [n, features] float32; y: int32 labels [n] or float32 [n, n_targets]; weight [n].
     y and weight are NULL when the set has none. Return LS_OK or an error. */
  ls_status (*read)(void *user, const int64_t *rows, int64_t n, float *x, void *y, float *weight);
  void *user;
} ls_callback_spec;

/** Collective; the same error on all ranks. `read` and `user` are kept until ls_dataset_destroy. */
LS_API ls_status ls_dataset_from_callback(ls_context *context, const ls_callback_spec *spec,
                                          ls_dataset **out);

/** Not collective. Leaves *info alone when dataset is NULL. */
LS_API void ls_dataset_describe(const ls_dataset *dataset, ls_dataset_info *info);

/** Not collective. NULL is fine; clears the pointer. */
LS_API void ls_dataset_destroy(ls_dataset **dataset);

#ifdef __cplusplus
}
#endif
#endif
