/* SPDX-License-Identifier: MIT */
/* lockstep VERB ...: finds the verb and runs it. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cli.h"

static const cli_verb *const verbs[] = {&cli_train,   &cli_evaluate, &cli_predict,
                                        &cli_summary, &cli_convert,  &cli_export,
                                        &cli_inspect, &cli_digest,   &cli_diff,
                                        &cli_verify,  &cli_doctor,   &cli_tune};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

static void print_help(void) {
  puts("Usage: lockstep VERB ...\n"
       "Train dense neural networks on one laptop or a whole cluster: the same bits on any number\n"
       "of ranks and threads.\n");
  for (int i = 0; i < N_VERBS; i++)
    printf("  %-9s %-15s %s\n", verbs[i]->name, verbs[i]->files, verbs[i]->summary);
  puts("\n  lockstep VERB --help   options and examples of one verb\n"
       "  lockstep --version\n"
       "\n"
       "Examples:\n"
       "  lockstep train configs/fashion_mnist.yaml\n"
       "  mpirun -n 4 lockstep train configs/fashion_mnist.yaml --threads 1\n"
       "  srun --mpi=pmix lockstep train configs/fashion_mnist_deep.yaml --set fit.epochs=30\n"
       "  lockstep evaluate runs/fashion_mnist/model.h5 data/fashion_mnist_test.h5\n"
       "\n"
       "Exit codes: 0 done; 1 failed, or `diff` found a difference; 2 wrong command line or "
       "config;\n"
       "75 stopped by a signal or a time limit after saving (the same command resumes).");
}

static int unknown_verb(const char *word) {
  static const char *const options[] = {"--help", "--version"};
  const char *names[N_VERBS];
  bool option = word[0] == '-';
  for (int i = 0; i < N_VERBS; i++)
    names[i] = verbs[i]->name;
  const char *nearest = option ? cli_nearest(word, options, 2) : cli_nearest(word, names, N_VERBS);
  return cli_usage(NULL, "unknown %s '%s'%s%s%s", option ? "option" : "verb", word,
                   nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static int run_verb(const cli_verb *verb, int argc, char **argv) {
  if (verb->one_process && !cli_is_first())
    return CLI_OK;
  cli_args args;
  return cli_parse(verb, argc, argv, &args) ? verb->run(&args) : CLI_USAGE;
}

static int run(int argc, char **argv) {
  if (argc < 2)
    return cli_usage(NULL, "expected a verb, such as train");
  const char *word = argv[1];
  bool help = strcmp(word, "help") == 0;
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (help && argc == 2)) {
    print_help();
    return CLI_OK;
  }
  if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0) {
    printf("lockstep %s\n", ls_version());
    return CLI_OK;
  }
  if (help) { /* "help train" is "train --help" */
    char *words[] = {argv[0], argv[2], "--help", NULL};
    return run(3, words);
  }
  for (int i = 0; i < N_VERBS; i++)
    if (strcmp(verbs[i]->name, word) == 0)
      return run_verb(verbs[i], argc - 1, argv + 1);
  return unknown_verb(word);
}

/* mpirun ends all processes when one fails: the first one needs a moment to say why. */
static void let_the_first_speak(void) {
  struct timespec pause = {0, 300000000};
  nanosleep(&pause, NULL);
}

/* glibc reserves 64 MiB of addresses for each thread that allocates: where they are limited, its last reserve can be in the way of the
   next thread's stack. The daemon that Open MPI starts for a process without mpirun has the same limit. */
static void spare_addresses(void) {
#ifdef M_ARENA_MAX
  struct rlimit space;
  if (getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur == RLIM_INFINITY)
    return;
  mallopt(M_ARENA_MAX, 1);
  setenv("MALLOC_ARENA_MAX", "1", 0);
#endif
}

int main(int argc, char **argv) {
  spare_addresses();
  if (argc > 1 && strcmp(argv[1], cli_train.name) == 0)
    cli_hold_warnings(true);
  cli_settle_threads(argv);
  /* Of many processes one speaks; the others' help and results would only repeat it. */
  if (!cli_is_first() && !freopen("/dev/null", "w", stdout))
    return CLI_FAILURE;
  int code = run(argc, argv);
  if (code != CLI_OK && !cli_is_first())
    let_the_first_speak();
  if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK) {
    cli_error(NULL, "cannot write the output");
    return CLI_FAILURE;
  }
  return code;
}
