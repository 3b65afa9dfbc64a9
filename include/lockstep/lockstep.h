/* SPDX-License-Identifier: MIT */
#ifndef LOCKSTEP_LOCKSTEP_H
#define LOCKSTEP_LOCKSTEP_H
/**
 * Lockstep: dense neural networks on one laptop or a whole cluster, the same bits on any number of
 * ranks and threads.
 *
 * Call order: ls_context_create; ls_dataset_open; ls_model_create, ls_model_add_*, ls_model_compile;
 * ls_model_fit, ls_model_evaluate, ls_model_predict; destroy in reverse. tests/examples has programs.
 */
#include <lockstep/config.h>
#include <lockstep/context.h>
#include <lockstep/dataset.h>
#include <lockstep/model.h>
#include <lockstep/status.h>
#include <lockstep/tools.h>
#include <lockstep/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** "0.1.0". Not collective. */
LS_API const char *ls_version(void);

#ifdef __cplusplus
}
#endif
#endif
