/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_MODEL_PARTS_H
#define LSI_CKPT_MODEL_PARTS_H
/* What the writers of model files share. */
#include "ckpt/model_file.h"
#include "store/h5.h"

/* The group /lockstep: versions, kernels, config, digest of the weights. */
ls_status lsi_model_write_own(hid_t file, const lsi_net *net, const float *params, const lsi_model_extra *extra);
#endif
