/* SPDX-License-Identifier: MIT */
#include "data/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* ---- small files of the kernel ---- */

/* The number behind `key` ("" for a file that is one number); < 0: not there, or "max". */
static int64_t number_in(const char *path, const char *key) {
  char line[256];
  int64_t value = -1;
  FILE *file = fopen(path, "r");
  if (!file) return -1;
  while (value < 0 && fgets(line, sizeof line, file))
    if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), " %" SCNd64, &value) != 1) value = -1;
  fclose(file);
  return value;
}

static int64_t less(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* ---- cgroups ---- */

/* What one cgroup leaves: its limit less what is used and cannot be dropped (the page cache can). */
static int64_t room_in(const char *folder, const char *limit_name, const char *usage_name, const char *cache_name) {
  char path[1200];
  snprintf(path, sizeof path, "%s/%s", folder, limit_name);
  int64_t limit = number_in(path, "");
  if (limit < 0 || limit > INT64_MAX / 2) return INT64_MAX;
  snprintf(path, sizeof path, "%s/%s", folder, usage_name);
  int64_t used = number_in(path, "");
  snprintf(path, sizeof path, "%s/memory.stat", folder);
  int64_t cache = number_in(path, cache_name);
  if (used > 0 && cache > 0) used -= less(cache, used);
  return limit > used ? limit - (used > 0 ? used : 0) : 0;
}

/* The cgroup and all above it: the smallest counts. */
static int64_t room_up_from(const char *mount, const char *group, const char *limit, const char *usage, const char *cache) {
  char folder[1100];
  int64_t room = INT64_MAX;
  int n = snprintf(folder, sizeof folder, "%s%s", mount, group);
  if (n >= (int)sizeof folder) return room;
  while (strlen(folder) >= strlen(mount)) {
    room = less(room, room_in(folder, limit, usage, cache));
    char *slash = strrchr(folder, '/');
    if (!slash || strlen(folder) <= strlen(mount)) break;
    *slash = '\0';
  }
  return room;
}

static int64_t room_in_cgroups(void) {
  char line[1024];
  int64_t room = INT64_MAX;
  FILE *file = fopen("/proc/self/cgroup", "r");
  if (!file) return room;
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *group++ = '\0';
    if (!controllers[1]) /* version 2 */
      room = less(room, room_up_from("/sys/fs/cgroup", group, "memory.max", "memory.current", "inactive_file"));
    else if (strstr(controllers + 1, "memory"))
      room = less(room, room_up_from("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"));
  }
  fclose(file);
  return room;
}

int64_t lsi_room_of_node(void) {
  int64_t available = number_in("/proc/meminfo", "MemAvailable:"); /* in KiB */
  return less(available < 0 ? INT64_MAX : available << 10, room_in_cgroups());
}

/* ---- ulimits ---- */

static int64_t left_of(int resource, int64_t used_kib) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > INT64_MAX / 2) return INT64_MAX;
  int64_t used = used_kib < 0 ? 0 : used_kib << 10;
  return (int64_t)limit.rlim_cur > used ? (int64_t)limit.rlim_cur - used : 0;
}

int64_t lsi_room_of_process(void) {
  return less(left_of(RLIMIT_AS, number_in("/proc/self/status", "VmSize:")), left_of(RLIMIT_DATA, number_in("/proc/self/status", "VmData:")));
}
