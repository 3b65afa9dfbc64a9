/* SPDX-License-Identifier: MIT */
/* The tune file: short lines, read back with sscanf. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "out_file.h"
#include "tune.h"

/* ---- who we are ---- */

static void take_field(const char *line, const char *name, char *out, size_t size) {
  const char *colon = strchr(line, ':');
  if (*out || !colon || strncmp(line, name, strlen(name)) != 0)
    return;
  colon += 1 + strspn(colon + 1, " \t");
  snprintf(out, size, "%.*s", (int)strcspn(colon, "\n"), colon);
}

static void describe_cpu(char *out, size_t size) {
  char line[512], name[96] = "", family[16] = "", model[16] = "";
  FILE *file = fopen("/proc/cpuinfo", "r");
  while (file && fgets(line, sizeof line, file)) {
    take_field(line, "model name", name, sizeof name);
    take_field(line, "cpu family", family, sizeof family);
    take_field(line, "model\t", model, sizeof model);
  }
  if (file)
    fclose(file);
  snprintf(out, size, "%s, family %s, model %s", *name ? name : "unknown", family, model);
}

/* FNV-1a over the lines of the resolved config that say what a step computes. */
static void hash_net(const ls_config *config, char hex[17]) {
  uint64_t hash = 14695981039346656037u;
  bool in_model = false;
  for (const char *line = ls_config_text(config); *line;) {
    size_t length = strcspn(line, "\n");
    if (*line != ' ' && *line != '#')
      in_model = strncmp(line, "model:", 6) == 0;
    for (size_t i = 0; i < length && (in_model || strncmp(line, "  batch_size:", 13) == 0); i++)
      hash = (hash ^ (unsigned char)line[i]) * 1099511628211u;
    line += length + (line[length] == '\n');
  }
  snprintf(hex, 17, "%016llx", (unsigned long long)hash);
}

void tune_describe(const ls_config *config, tune_file *file) {
  memset(file, 0, sizeof *file);
  describe_cpu(file->cpu, sizeof file->cpu);
  file->cores = sysconf(_SC_NPROCESSORS_ONLN);
  snprintf(file->version, sizeof file->version, "%s", ls_version());
  hash_net(config, file->net);
}

/* ---- the file ---- */

void tune_default_path(const char *config, char *path, size_t size) {
  const char *slash = strrchr(config, '/'), *dot = strrchr(config, '.');
  int length =
      (int)(dot && dot > (slash ? slash + 1 : config) ? (size_t)(dot - config) : strlen(config));
  snprintf(path, size, "%.*s.tune", length, config);
}

static void print(FILE *out, const char *config, const tune_file *file) {
  fprintf(out,
          "# By `lockstep tune %s`; `lockstep train` reads it. Nothing here changes a bit of the "
          "result.\n",
          config);
  fprintf(out, "cpu: %s\ncores: %ld\nlockstep: %s\nnet: %s\n", file->cpu, file->cores,
          file->version, file->net);
  for (int i = 0; i < file->n; i++) {
    const tune_setting *s = &file->settings[i];
    fprintf(out, "ranks %d: threads %d, thread_work %lld, bucket_kib %lld, us_per_step %.1f\n",
            s->ranks, s->threads, (long long)s->thread_work, (long long)s->bucket_kib,
            s->us_per_step);
  }
}

static bool cannot_write(const char *path) {
  cli_error("give another file with --out, and name it to train with --tuned",
            "cannot write %s: %s", path, strerror(errno));
  return false;
}

bool tune_can_write(const char *path) {
  cli_out out;
  if (!cli_out_open(&out, path))
    return cannot_write(path);
  cli_out_drop(&out);
  return true;
}

bool tune_write(const char *path, const char *config, const tune_file *file) {
  cli_out out;
  if (!cli_out_open(&out, path))
    return cannot_write(path);
  print(out.stream, config, file);
  return cli_out_keep(&out) || cannot_write(path);
}

static bool parse_line(const char *line, tune_file *file) {
  tune_setting s;
  long long work, bucket;
  if (sscanf(line, "cpu: %159[^\n]", file->cpu) == 1 ||
      sscanf(line, "cores: %ld", &file->cores) == 1 ||
      sscanf(line, "lockstep: %31[^\n]", file->version) == 1 ||
      sscanf(line, "net: %16[0-9a-f]", file->net) == 1)
    return true;
  if (*line == '#' || *line == '\n')
    return true;
  if (sscanf(line, "ranks %d: threads %d, thread_work %lld, bucket_kib %lld, us_per_step %lf",
             &s.ranks, &s.threads, &work, &bucket, &s.us_per_step) != 5)
    return false;
  if (file->n == CLI_MAX_TUNED || s.ranks < 1 || s.threads < 1 || s.threads > 4096 || work < 0 ||
      bucket < 0)
    return false;
  s.thread_work = work;
  s.bucket_kib = bucket;
  file->settings[file->n++] = s;
  return true;
}

/* NULL, or why the file is not for us. */
static const char *misfit(const tune_file *file, const tune_file *here) {
  if (strcmp(file->cpu, here->cpu) != 0 || file->cores != here->cores)
    return "was made on another machine";
  if (strcmp(file->version, here->version) != 0)
    return "was made by another version of lockstep";
  return strcmp(file->net, here->net) != 0 ? "was made for another model or batch size" : NULL;
}

bool tune_read(const char *path, bool wanted, const ls_config *config, int ranks,
               tune_setting *out) {
  char line[512];
  tune_file found = {.n = 0}, here;
  const char *hint = "lockstep tune makes a new one";
  FILE *file = fopen(path, "r");
  if (!file) {
    if (wanted)
      cli_note(hint, "no tune file %s: the defaults are used", path);
    return false;
  }
  const char *trouble = NULL;
  while (!trouble && fgets(line, sizeof line, file))
    trouble = parse_line(line, &found) ? NULL : "is no tune file, or a damaged one";
  fclose(file);
  tune_describe(config, &here);
  if (!trouble)
    trouble = misfit(&found, &here);
  if (trouble) {
    cli_note(hint, "%s %s: ignored", path, trouble);
    return false;
  }
  for (int i = 0; i < found.n; i++)
    if (found.settings[i].ranks == ranks)
      return *out = found.settings[i], true;
  return false;
}

void tune_launch_line(const tune_setting *s, const char *config, char *line, size_t size) {
  if (s->ranks == 1)
    snprintf(line, size, "lockstep train %s", config);
  else
    snprintf(line, size, "mpirun -n %d --map-by slot:PE=%d --bind-to core lockstep train %s",
             s->ranks, s->threads, config);
}
