/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_ONNX_FILE_H
#define LSI_CKPT_ONNX_FILE_H
/*
 * A net at inference as an ONNX model: IR version 8, opset 17 (tested with onnxruntime 1.15 and 1.32), weights as
 * little-endian float32. Input and output are named after the first and last layer, with a free batch dimension.
 * metadata_props: "lockstep.digest" (lsi_net_digest of the weights).
 */
#include "nn/net.h"

/* Durable and atomic; more than 2 GiB, the limit of protobuf: LS_ERR_UNSUPPORTED. Not collective. */
ls_status lsi_onnx_file_write(const char *path, const lsi_net *net, const float *params);
#endif
