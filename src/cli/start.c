/* SPDX-License-Identifier: MIT */
/* The beginning of the verbs that train: context and config. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

bool cli_under_launcher(void) {
  return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK") ||
         getenv("SLURM_PROCID");
}

/* A batch system's warning may come before anybody listens, and SIGUSR1 ends a process that does not. */
void cli_hold_warnings(bool hold) {
  sigset_t warnings;
  sigemptyset(&warnings);
  sigaddset(&warnings, SIGUSR1);
  sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &warnings, NULL);
}

/*
 * The config says how many threads and which kernels, which is needed before the ranks can talk. So
 * each process reads it first; a process that cannot (a file only the first node has) takes the
 * defaults and gets the text in ls_config_read_all. Alone, a bad config is reported at once.
 */
int cli_start(const char *path, const cli_args *args, int64_t threads, cli_settle settle, void *user,
              ls_context **context, ls_config **config) {
  ls_context_spec spec = ls_context_spec_default();
  ls_config *first = NULL;
  ls_status status = ls_config_read(path, args->sets, args->n_sets, &first);
  if (status != LS_OK && !cli_under_launcher())
    return cli_fail_config(status);
  if (status == LS_OK)
    ls_config_context_spec(first, &spec);
  if (threads)
    spec.threads = (int)threads;
  if (status == LS_OK && settle)
    settle(user, first, &spec);
  spec.catch_signals = true;
  status = ls_context_create(&spec, context);
  cli_hold_warnings(false);
  bool kernels = status != LS_OK && spec.kernels && strstr(ls_last_error()->message, spec.kernels);
  ls_config_destroy(&first);
  if (kernels && (status == LS_ERR_ARG || status == LS_ERR_UNSUPPORTED)) {
    cli_error(ls_last_error()->advice, "%s: parallel.kernels: %s", path, ls_last_error()->message);
    return CLI_USAGE;
  }
  if (status != LS_OK)
    return cli_fail(status);
  status = ls_config_read_all(*context, path, args->sets, args->n_sets, config);
  return status == LS_OK ? CLI_OK : cli_fail_config(status);
}
