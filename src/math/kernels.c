/* SPDX-License-Identifier: MIT */
/*
 * Which of BLIS's kernel sets is used. BLIS reads BLIS_ARCH_TYPE, the number of its arch_t, when it
 * is initialised, and aborts on a number that this build of it lacks; a set the CPU cannot run is a
 * SIGILL later. Both are ruled out here first.
 */
#include <blis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/gemm.h"
#include "math/gemm_parts.h"
#include "math/micro.h"

typedef struct kernel_set {
  const char *name;
  int arch;
  const char *needs; /* a CPU feature as __builtin_cpu_supports knows it, or NULL */
} kernel_set;

static const kernel_set kernel_sets[] = {
#ifdef BLIS_CONFIG_SKX
    {"skx", BLIS_ARCH_SKX, "avx512"},
#endif
#ifdef BLIS_CONFIG_HASWELL
    {"haswell", BLIS_ARCH_HASWELL, "avx2"},
#endif
#ifdef BLIS_CONFIG_SANDYBRIDGE
    {"sandybridge", BLIS_ARCH_SANDYBRIDGE, "avx"},
#endif
#ifdef BLIS_CONFIG_PENRYN
    {"penryn", BLIS_ARCH_PENRYN, NULL},
#endif
#ifdef BLIS_CONFIG_ZEN3
    {"zen3", BLIS_ARCH_ZEN3, "avx2"},
#endif
#ifdef BLIS_CONFIG_ZEN2
    {"zen2", BLIS_ARCH_ZEN2, "avx2"},
#endif
#ifdef BLIS_CONFIG_ZEN
    {"zen", BLIS_ARCH_ZEN, "avx2"},
#endif
#ifdef BLIS_CONFIG_THUNDERX2
    {"thunderx2", BLIS_ARCH_THUNDERX2, NULL},
#endif
#ifdef BLIS_CONFIG_CORTEXA57
    {"cortexa57", BLIS_ARCH_CORTEXA57, NULL},
#endif
#ifdef BLIS_CONFIG_CORTEXA53
    {"cortexa53", BLIS_ARCH_CORTEXA53, NULL},
#endif
#ifdef BLIS_CONFIG_POWER9
    {"power9", BLIS_ARCH_POWER9, NULL},
#endif
#ifdef BLIS_CONFIG_GENERIC
    {"generic", BLIS_ARCH_GENERIC, NULL},
#endif
};
enum { N_SETS = sizeof kernel_sets / sizeof *kernel_sets };

static struct {
  pthread_mutex_t lock;
  bool ready;
  char requested[32]; /* a name, or "auto" */
  char reason[sizeof((lsi_kernel_info *)0)->reason];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- what this CPU can run ---- */
#if defined(__x86_64__)
static bool cpu_has(const char *feature) {
  if (!feature)
    return true;
  if (strcmp(feature, "avx512") == 0)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (strcmp(feature, "avx2") == 0)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return __builtin_cpu_supports("avx");
}

/* The table: vendor and features to kernel set, for BLIS 0.9. NULL: BLIS's own choice is right. */
static const char *table_choice(const char **why) {
  if (__builtin_cpu_is("intel") && cpu_has("avx512")) {
    *why =
        "Intel with AVX-512; BLIS itself takes a virtual Xeon without a brand string for haswell";
    return "skx";
  }
  if (__builtin_cpu_is("amd") && cpu_has("avx512")) {
    *why = "AMD with AVX-512; on a Zen 4 core zen3 was at least as fast as skx on 10 shapes";
    return "zen3";
  }
  return NULL;
}
#else
static bool cpu_has(const char *feature) {
  return feature == NULL;
}

static const char *table_choice(const char **why) {
  (void)why;
  return NULL;
}
#endif

/* ---- finding a set ---- */
static const kernel_set *find_by_name(const char *name) {
  for (int i = 0; i < N_SETS; i++)
    if (strcmp(kernel_sets[i].name, name) == 0)
      return &kernel_sets[i];
  return NULL;
}

static const kernel_set *find_by_number(const char *text) {
  char *end;
  long number = strtol(text, &end, 10);
  if (end == text || *end)
    return NULL;
  for (int i = 0; i < N_SETS; i++)
    if (kernel_sets[i].arch == number)
      return &kernel_sets[i];
  return NULL;
}

static ls_status fail_unknown(const char *name) {
  const char *names[N_SETS + 1];
  char list[256] = "";
  for (int i = 0; i < N_SETS; i++) {
    names[i] = kernel_sets[i].name;
    snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", names[i]);
  }
  names[N_SETS] = "auto";
  const char *near = lsi_nearest_name(name, names, N_SETS + 1);
  char advice[400];
  if (near)
    snprintf(advice, sizeof advice, "did you mean %s? Known: auto, %s", near, list);
  else
    snprintf(advice, sizeof advice, "use auto or one of %s", list);
  LSI_FAIL(LS_ERR_ARG, advice, "unknown BLIS kernel set '%s'", name);
}

static ls_status check_runs_here(const kernel_set *set) {
  LSI_CHECK(cpu_has(set->needs), LS_ERR_UNSUPPORTED, "choose auto, or a set for this CPU",
            "the BLIS kernels '%s' need %s, which this CPU lacks", set->name, set->needs);
  return LS_OK;
}

/* ---- choosing ---- */
static void set_reason(const char *text) {
  snprintf(state.reason, sizeof state.reason, "%s", text);
}

static ls_status choose_auto(const kernel_set **out) {
  const char *from_environment = getenv("BLIS_ARCH_TYPE");
  if (from_environment) {
    const kernel_set *set = find_by_number(from_environment);
    LSI_CHECK(set, LS_ERR_ARG, "unset it, or give the number of an arch_t of blis.h",
              "BLIS_ARCH_TYPE=%s names no kernel set of this BLIS", from_environment);
    LSI_TRY(check_runs_here(set));
    snprintf(state.reason, sizeof state.reason, "BLIS_ARCH_TYPE=%s in the environment",
             from_environment);
    *out = set;
    return LS_OK;
  }
  const char *why = "", *name = NULL;
  if (strncmp(bli_info_get_version_str(), "0.", 2) == 0)
    name = table_choice(&why);
  *out = name ? find_by_name(name) : NULL;
  set_reason(*out ? why : "BLIS's own detection of this CPU");
  return LS_OK;
}

static ls_status choose(const char *kernels, const kernel_set **out) {
  if (strcmp(kernels, "auto") == 0)
    return choose_auto(out);
  const kernel_set *set = find_by_name(kernels);
  if (!set)
    return fail_unknown(kernels);
  LSI_TRY(check_runs_here(set));
  set_reason("chosen by the user");
  *out = set;
  return LS_OK;
}

/* BLIS reads the variable in bli_init; it is taken back so that child processes do not inherit it.
 */
static void start_blis(const kernel_set *set) {
  bool ours = set && !getenv("BLIS_ARCH_TYPE");
  if (set) {
    char number[16];
    snprintf(number, sizeof number, "%d", set->arch);
    setenv("BLIS_ARCH_TYPE", number, 1);
  }
  bli_init();
  (void)bli_arch_query_id();
  if (ours)
    unsetenv("BLIS_ARCH_TYPE");
}

static ls_status select_locked(const char *kernels) {
  if (state.ready) {
    LSI_CHECK(strcmp(kernels, state.requested) == 0 ||
                  strcmp(kernels, bli_arch_string(bli_arch_query_id())) == 0,
              LS_ERR_STATE, "choose the kernels before the first product of the process",
              "BLIS already runs its '%s' kernels (asked for: '%s'); it cannot change to '%s'",
              bli_arch_string(bli_arch_query_id()), state.requested, kernels);
    return LS_OK;
  }
  const kernel_set *set = NULL;
  LSI_TRY(choose(kernels, &set));
  start_blis(set);
  snprintf(state.requested, sizeof state.requested, "%s", kernels);
  __atomic_store_n(&state.ready, true, __ATOMIC_RELEASE);
  return LS_OK;
}

ls_status lsi_gemm_select_kernels(const char *kernels) {
  pthread_mutex_lock(&state.lock);
  ls_status status = select_locked(kernels ? kernels : "auto");
  pthread_mutex_unlock(&state.lock);
  return status;
}

/* A product cannot fail: with a useless BLIS_ARCH_TYPE and no call of select before, take the
 * table's. */
void lsi_blis_ready(void) {
  if (__atomic_load_n(&state.ready, __ATOMIC_ACQUIRE))
    return;
  if (lsi_gemm_select_kernels(NULL) == LS_OK)
    return;
  unsetenv("BLIS_ARCH_TYPE");
  lsi_gemm_select_kernels(NULL);
}

void lsi_gemm_kernel_info(lsi_kernel_info *info) {
  lsi_blis_ready();
  memset(info, 0, sizeof *info);
  snprintf(info->blis_version, sizeof info->blis_version, "%s", bli_info_get_version_str());
  snprintf(info->blis_kernels, sizeof info->blis_kernels, "%s",
           bli_arch_string(bli_arch_query_id()));
  snprintf(info->own_kernels, sizeof info->own_kernels, "%s", lsi_micro_get()->name);
  snprintf(info->reason, sizeof info->reason, "%s", state.reason);
}
