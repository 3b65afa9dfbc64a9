/* SPDX-License-Identifier: MIT */
#ifndef CLI_H
#define CLI_H
/*
 * The command: a user of the public headers like any other. One file a verb; this is what they
 * share.
 *
 * Under mpirun or srun every process runs the command; only the first one prints (cli_is_first).
 */
#include <stdbool.h>
#include <stdint.h>
#include <lockstep/lockstep.h>

enum {
  CLI_OK = 0,
  CLI_FAILURE = 1,
  CLI_USAGE = 2,
  CLI_INTERRUPTED = 75,       /* EX_TEMPFAIL: try again */
  CLI_LOST = LS_EXIT_DEADLINE /* a rank did not arrive in time */
};

enum { CLI_MAX_SETS = 64, CLI_MAX_FILES = 256 };

/* Options without a short form. */
typedef enum cli_key {
  CLI_OUT_DIR = 1,
  CLI_RESUME,
  CLI_VERBOSE,
  CLI_TIMELINE,
  CLI_PROFILE,
  CLI_TUNED, /* not --tune: mpirun takes that for its own, wherever it stands */
  CLI_SECONDS,
  CLI_BATCH_SIZE,
  CLI_JSON,
  CLI_ARGMAX,
  CLI_SCALE,
  CLI_OFFSET,
  CLI_ROWS,
  CLI_CHUNK_ROWS,
  CLI_DEFLATE,
  CLI_Y_COLUMNS,
  CLI_LABELS,
  CLI_NO_Y,
  CLI_X,
  CLI_Y,
  CLI_SAMPLE_WEIGHT,
  CLI_MEMORY_LIMIT,
  CLI_TIME_LIMIT,
  CLI_FROM,
  CLI_TO
} cli_key;

/* What the command line holds after parsing: option values by their key, and the files. */
typedef struct cli_args {
  const char *value[128]; /* by the option's key; "" for a flag; NULL when absent */
  const char *sets[CLI_MAX_SETS];
  int n_sets;
  const char *files[CLI_MAX_FILES];
  int n_files;
} cli_args;

typedef struct cli_option {
  const char *name; /* long name, exact */
  int key;          /* its letter, or a cli_key for options without a short form */
  const char *arg;  /* name of the value, or NULL for a flag */
  const char *doc;
} cli_option;

typedef struct cli_verb {
  const char *name;
  const char *files; /* "CONFIG": for the usage line */
  int min_files, max_files;
  const char *summary; /* one line */
  const char *examples;
  const cli_option *options;        /* ends with a NULL name */
  int (*run)(const cli_args *args); /* gives the exit code */
  bool one_process;                 /* works without MPI: only the first process does anything */
} cli_verb;

extern const cli_verb cli_train, cli_evaluate, cli_predict, cli_summary, cli_convert, cli_export,
    cli_inspect, cli_digest, cli_diff, cli_doctor, cli_verify, cli_tune;

/* ---- parsing (options.c) ---- */

/* Rows of the option tables of verbs that take data. */
#define CLI_DATA_OPTIONS                                                                           \
  {"x", CLI_X, "NAME", "Name of the features in DATA (default: x)"},                               \
      {"y", CLI_Y, "NAME", "Name of the targets in DATA (default: y)"}, {                          \
    "sample-weight", CLI_SAMPLE_WEIGHT, "NAME",                                                    \
        "Name of the sample weights in DATA (default: sample_weight, used when present)"           \
  }, {                                                                                             \
    "memory-limit-mib", CLI_MEMORY_LIMIT, "N",                                                     \
        "MiB that DATA may take on a node; what is larger is streamed (data.memory_limit_mib)"     \
  }

/* Parse the words behind the verb; false when a usage error was reported. --help prints and exits.
 */
bool cli_parse(const cli_verb *verb, int argc, char **argv, cli_args *out);
/* An integer option within [min, max]; absent: `fallback`. False when an error was reported. */
bool cli_int(const cli_args *args, const cli_verb *verb, int key, int64_t min, int64_t max,
             int64_t fallback, int64_t *out);
/* The data of a verb that takes some (a file, or a pattern), as CLI_DATA_OPTIONS describe it. */
bool cli_data(const cli_args *args, const cli_verb *verb, const char *path, ls_hdf5_spec *out);
/* The nearest of `n` names to a mistyped word, or NULL. */
const char *cli_nearest(const char *word, const char *const *names, int n);

/* Make OpenMP threads yield soon at barriers; may start the program anew, once (threads.c). */
void cli_settle_threads(char **argv);

/* ---- what train and verify begin with (start.c) ---- */

/* Hold SIGUSR1 back, from the first line of train until somebody listens. */
void cli_hold_warnings(bool hold);

/* Are there perhaps other processes that wait for this one? */
bool cli_under_launcher(void);
/* May fill in what nobody has said, before the context exists. */
typedef void (*cli_settle)(void *user, const ls_config *config, ls_context_spec *spec);
/* The context with the threads and kernels that the config at `path` asks for, and the config, on all
   ranks. `settle` may be NULL. Gives the exit code; an error is reported. */
int cli_start(const char *path, const cli_args *args, int64_t threads, cli_settle settle, void *user,
              ls_context **context, ls_config **config);

/* ---- reports (report.c) ---- */

/* Is this the process that prints? Asks the launcher's environment, so it works before MPI is up.
 */
bool cli_is_first(void);
/* "lockstep: error: ..." and the hint, on the first process. */
void cli_error(const char *hint, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for what is no error. */
void cli_note(const char *hint, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Usage error of a verb: message, and where to find help. Gives CLI_USAGE. */
int cli_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Report the library's last error; gives the exit code. */
int cli_fail(ls_status status);
/* The same for a config or its model, which is the user's to mend but for a lack of memory: CLI_USAGE. */
int cli_fail_config(ls_status status);
/* "loss: 0.4321" as Keras prints it: %.4f, or %.4e for tiny values. */
void cli_print_value(const char *name, double value);

#endif
