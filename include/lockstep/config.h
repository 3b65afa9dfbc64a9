/* SPDX-License-Identifier: MIT */
#ifndef LOCKSTEP_CONFIG_H
#define LOCKSTEP_CONFIG_H
/** YAML run descriptions: read, validate, and turn into a model, data sets and a fit. */
#include <lockstep/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ls_config ls_config;

/**
 * Read and validate a config file. `overrides` are "a.b=value" or "a.b[2].c=value", applied in order.
 * Errors name file, line, key, and what was expected. The config is the caller's: ls_config_destroy.
 * Not collective: each rank reads the file (ls_config_read_all for the collective form).
 */
LS_API ls_status ls_config_read(const char *path, const char *const *overrides, int n_overrides,
                                ls_config **out);
/** Collective: rank 0 reads the file, all ranks validate the same text. A rank whose own file or overrides say something else is
    LS_ERR_NOT_SAME, but for parallel.threads; that it has no such file is fine. */
LS_API ls_status ls_config_read_all(ls_context *context, const char *path, const char *const *overrides,
                                    int n_overrides, ls_config **out);
/** Not collective. NULL is fine; clears the pointer. */
LS_API void ls_config_destroy(ls_config **config);

/** The config with every default filled in, as YAML. Lives as long as the config. */
LS_API const char *ls_config_text(const ls_config *config);

/** Add the layers and compile. Logically collective. Model errors name the config's line and key. */
LS_API ls_status ls_config_build_model(ls_context *context, const ls_config *config, ls_model **out);
/** Open data.train, data.validation and data.test; those not named give NULL. Relative paths are
    relative to the working directory first, then to the config file's folder. Collective. */
LS_API ls_status ls_config_open_data(ls_context *context, const ls_config *config, ls_dataset **train,
                                     ls_dataset **validation, ls_dataset **test);
/** The sections fit, callbacks, checkpoint and parallel; run.dir and run.resume are left to the
    caller. Not collective; strings live as long as the config. */
LS_API ls_status ls_config_fit_spec(const ls_config *config, ls_fit_spec *out);
/** parallel: threads, kernels, deadline_seconds. May be called before a context exists. Not collective; strings live
    as long as the config. */
LS_API ls_status ls_config_context_spec(const ls_config *config, ls_context_spec *out);

#ifdef __cplusplus
}
#endif
#endif
