/* SPDX-License-Identifier: MIT */
#include "par/job_end.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

double lsi_job_end_parse(const char *text) {
  double seconds = 0;
  const char *dash = strchr(text, '-');
  char *end = (char *)text;
  if (dash && dash != text) {
    seconds = 86400.0 * (double)strtol(text, &end, 10);
    if (end++ != dash)
      return INFINITY;
  }
  double clock = 0;
  for (int parts = 0; parts < 3; parts++) {
    if (*end < '0' || *end > '9')
      return INFINITY;
    clock = 60 * clock + (double)strtol(end, &end, 10);
    if (*end != ':')
      return strspn(end, " \n") == strlen(end) ? seconds + clock : INFINITY;
    end++;
  }
  return INFINITY;
}

double lsi_job_end_environment(lsi_getenv get, void *user) {
  const char *text = get(user, "SLURM_JOB_ID") ? get(user, "SLURM_JOB_END_TIME") : NULL;
  char *end = NULL;
  long long at = text ? strtoll(text, &end, 10) : 0;
  /* Jobs without a limit end a year from now, or at 2^32 - 2; both are far enough. */
  return at > 0 && *end == '\0' ? (double)(at - (long long)time(NULL)) : INFINITY;
}

/* "12", or "12_3" for a task of an array, where 12 alone would mean all tasks. */
static bool job_name(lsi_getenv get, void *user, char *name, size_t size) {
  const char *job = get(user, "SLURM_JOB_ID"), *array = get(user, "SLURM_ARRAY_JOB_ID"),
             *task = get(user, "SLURM_ARRAY_TASK_ID");
  if (!job)
    return false;
  int n =
      array && task ? snprintf(name, size, "%s_%s", array, task) : snprintf(name, size, "%s", job);
  return n > 0 && (size_t)n < size;
}

/* Start a program with its output in a pipe; -1: it cannot be started. */
static int start(char *const argv[], pid_t *pid) {
  int ends[2];
  posix_spawn_file_actions_t actions;
  if (pipe2(ends, O_CLOEXEC) != 0)
    return -1;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  int code = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (code == 0)
    return ends[0];
  close(ends[0]);
  return -1;
}

/* The first line that comes until `deadline`; "" when none does. */
static void read_line(int fd, double deadline, char *line, size_t size) {
  size_t used = 0;
  while (used + 1 < size) {
    double left = deadline - lsi_clock_s();
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (left <= 0 || poll(&wait, 1, (int)(1000 * left) + 1) <= 0)
      break;
    ssize_t n = read(fd, line + used, size - 1 - used);
    if (n <= 0)
      break;
    used += (size_t)n;
  }
  line[used] = '\0';
  line[strcspn(line, "\n")] = '\0';
}

double lsi_job_end_ask(lsi_getenv get, void *user, double patience) {
  char name[64], line[64];
  char *argv[] = {"squeue", "--noheader", "--jobs", name, "--format", "%L", NULL};
  pid_t pid;
  if (!job_name(get, user, name, sizeof name))
    return INFINITY;
  int fd = start(argv, &pid);
  if (fd < 0)
    return INFINITY;
  read_line(fd, lsi_clock_s() + patience, line, sizeof line);
  close(fd);
  kill(pid, SIGKILL); /* it has answered, or is not going to */
  waitpid(pid, NULL, 0);
  return lsi_job_end_parse(line);
}
