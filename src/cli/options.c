/* SPDX-License-Identifier: MIT */
/*
 * argp does the parsing and the help; before it, the words are checked against the table, because
 * getopt takes abbreviations ("--ver" for --verbose) and has no suggestions.
 */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { MAX_OPTIONS = 32 };

/* ---- the nearest name ---- */

static int min2(int a, int b) {
  return a < b ? a : b;
}

static bool same_letter(char a, char b) {
  return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Damerau-Levenshtein distance (optimal string alignment), letters folded; long words never match.
 */
static int distance(const char *a, const char *b) {
  enum { MAX = 32 };
  int d[MAX + 1][MAX + 1], la = (int)strlen(a), lb = (int)strlen(b);
  if (la > MAX || lb > MAX)
    return MAX;
  for (int i = 0; i <= la; i++)
    d[i][0] = i;
  for (int j = 0; j <= lb; j++)
    d[0][j] = j;
  for (int i = 1; i <= la; i++) {
    for (int j = 1; j <= lb; j++) {
      d[i][j] = min2(d[i - 1][j - 1] + !same_letter(a[i - 1], b[j - 1]),
                     1 + min2(d[i - 1][j], d[i][j - 1]));
      if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
        d[i][j] = min2(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[la][lb];
}

const char *cli_nearest(const char *word, const char *const *names, int n) {
  const char *best = NULL;
  int best_distance = (int)strlen(word) / 2 + 1;
  for (int i = 0; i < n; i++) {
    bool begins = strlen(word) >= 2 && strncmp(word, names[i], strlen(word)) == 0;
    int d = begins ? 0 : distance(word, names[i]);
    if (d >= best_distance)
      continue;
    best = names[i];
    best_distance = d;
  }
  return best;
}

/* ---- the check before argp ---- */

static int unknown_option(const cli_verb *verb, const char *word, size_t length) {
  const char *names[MAX_OPTIONS + 1] = {"help"};
  char name[64];
  int n = 1;
  for (const cli_option *o = verb->options; o->name && n <= MAX_OPTIONS; o++)
    names[n++] = o->name;
  snprintf(name, sizeof name, "%.*s", (int)length, word);
  const char *nearest = cli_nearest(name + strspn(name, "-"), names, n);
  return cli_usage(verb->name, "unknown option '%s'%s%s%s", name,
                   nearest ? "; did you mean '--" : "", nearest ? nearest : "",
                   nearest ? "'?" : "");
}

static const cli_option *find_option(const cli_verb *verb, const char *word, size_t length) {
  for (const cli_option *o = verb->options; o->name; o++) {
    bool long_form = word[1] == '-' && strlen(o->name) == length - 2 &&
                     strncmp(o->name, word + 2, length - 2) == 0;
    bool short_form =
        word[1] != '-' && isprint(o->key) && word[1] == o->key && (o->arg || !word[2]);
    if (long_form || short_form)
      return o;
  }
  return NULL;
}

static bool is_help(const char *word) {
  return strcmp(word, "--help") == 0 || strcmp(word, "-?") == 0 || strcmp(word, "-h") == 0 ||
         strcmp(word, "--usage") == 0;
}

/* Every option exists under this exact name and has a value when it wants one. */
static bool check_words(const cli_verb *verb, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i];
    if (strcmp(word, "--") == 0)
      return true;
    if (strcmp(word, "-h") == 0)
      argv[i] = "--help"; /* argp has -? only */
    if (word[0] != '-' || !word[1] || is_help(word))
      continue;
    size_t length = word[1] == '-' ? strcspn(word, "=") : strlen(word);
    const cli_option *o = find_option(verb, word, length);
    bool attached = word[1] == '-' ? word[length] == '=' : word[2] != 0;
    if (!o)
      return unknown_option(verb, word, length), false;
    if (attached && !o->arg)
      return cli_usage(verb->name, "--%s takes no value", o->name), false;
    if (attached || !o->arg)
      continue;
    if (++i >= argc)
      return cli_usage(verb->name, "--%s needs a value: --%s %s", o->name, o->name, o->arg), false;
  }
  return true;
}

/* ---- argp ---- */

static error_t take(int key, char *arg, struct argp_state *state) {
  cli_args *args = state->input;
  if (key == ARGP_KEY_ARG) {
    if (args->n_files < CLI_MAX_FILES)
      args->files[args->n_files++] = arg;
    return 0;
  }
  if (key <= 0 || key >= 128)
    return ARGP_ERR_UNKNOWN;
  if (key == 's' && args->n_sets < CLI_MAX_SETS)
    args->sets[args->n_sets++] = arg;
  args->value[key] = arg ? arg : "";
  return 0;
}

static bool check_files(const cli_verb *verb, const cli_args *args) {
  if (args->n_files < verb->min_files)
    return cli_usage(verb->name, args->n_files ? "a file is missing; expected %s" : "expected %s",
                     verb->files),
           false;
  if (args->n_files > verb->max_files)
    return cli_usage(verb->name, "unexpected '%s'; expected %s", args->files[verb->max_files],
                     *verb->files ? verb->files : "no files"),
           false;
  return true;
}

bool cli_parse(const cli_verb *verb, int argc, char **argv, cli_args *out) {
  struct argp_option options[MAX_OPTIONS + 1] = {{0}};
  char name[64], doc[2048];
  int n = 0;
  if (!check_words(verb, argc, argv))
    return false;
  for (const cli_option *o = verb->options; o->name && n < MAX_OPTIONS; o++, n++)
    options[n] = (struct argp_option){.name = o->name, .key = o->key, .arg = o->arg, .doc = o->doc};
  snprintf(doc, sizeof doc, "%s\v%s", verb->summary, verb->examples);
  snprintf(name, sizeof name, "lockstep %s", verb->name);
  struct argp parser = {.options = options, .parser = take, .args_doc = verb->files, .doc = doc};
  *out = (cli_args){0};
  argv[0] = name;
  setenv("ARGP_HELP_FMT", "rmargin=100,no-dup-args-note", 0);
  if (argp_parse(&parser, argc, argv, 0, NULL, out) != 0)
    return cli_usage(verb->name, "cannot read the command line"), false;
  return check_files(verb, out);
}

bool cli_int(const cli_args *args, const cli_verb *verb, int key, int64_t min, int64_t max,
             int64_t fallback, int64_t *out) {
  const char *text = args->value[key], *name = "";
  *out = fallback;
  if (!text)
    return true;
  for (const cli_option *o = verb->options; o->name; o++)
    if (o->key == key)
      name = o->name;
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (errno || end == text || *end || value < min || value > max)
    return cli_usage(verb->name, "--%s %s: expected an integer from %lld to %lld", name, text,
                     (long long)min, (long long)max),
           false;
  *out = value;
  return true;
}

bool cli_data(const cli_args *args, const cli_verb *verb, const char *path, ls_hdf5_spec *out) {
  int64_t mib;
  if (!cli_int(args, verb, CLI_MEMORY_LIMIT, 1, 1000000000, 0, &mib))
    return false;
  *out = (ls_hdf5_spec){.path = path,
                        .x = args->value[CLI_X],
                        .y = args->value[CLI_Y],
                        .sample_weight = args->value[CLI_SAMPLE_WEIGHT],
                        .memory_limit = mib << 20};
  return true;
}
