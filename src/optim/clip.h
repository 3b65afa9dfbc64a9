/* SPDX-License-Identifier: MIT */
#ifndef LSI_OPTIM_CLIP_H
#define LSI_OPTIM_CLIP_H
/* Gradient clipping as Keras does it, in place on the summed gradient; norms by fixed blocks in double. */
#include "optim/optimizer.h"

typedef struct lsi_clip_tensor {
  size_t offset, count;
} lsi_clip_tensor;

/* clipnorm per tensor g*c/max(|g|, c); global_clipnorm g*c*min(1/|G|, 1/c); clipvalue elementwise. */
bool lsi_clip_wanted(const lsi_optimizer *optimizer);
void lsi_clip_gradients(const lsi_optimizer *optimizer, const lsi_clip_tensor *tensors, int n_tensors, float *grad);
#endif
