/*
 * Settings of the whole process that keep its memory out of other hands: prctl(2) PR_SET_DUMPABLE and setrlimit(2)
 * RLIMIT_CORE. Both are set, then read back: a setting that did not take is an error, never a warning.
 */
#include "addon.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

napi_value symbolon_harden_process(napi_env env, napi_callback_info info) {
  (void)info;
  /* Dumpable 0: no core file, also where core_pattern is a pipe; /proc/PID/mem and ptrace need privilege. */
  if (prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) != 0) {
    return symbolon_throw(env, errno, "prctl(PR_SET_DUMPABLE)");
  }
  /* The hard limit too, so that neither this process nor a child can raise it again without privilege. */
  const struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) {
    return symbolon_throw(env, errno, "setrlimit(RLIMIT_CORE)");
  }
  struct rlimit read_back;
  if (prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) != 0) {
    return symbolon_throw(env, EPERM, "prctl(PR_GET_DUMPABLE)");
  }
  if (getrlimit(RLIMIT_CORE, &read_back) != 0) {
    return symbolon_throw(env, errno, "getrlimit(RLIMIT_CORE)");
  }
  if (read_back.rlim_cur != 0 || read_back.rlim_max != 0) {
    return symbolon_throw(env, EPERM, "getrlimit(RLIMIT_CORE)");
  }
  return NULL;
}

napi_value symbolon_process_state(napi_env env, napi_callback_info info) {
  (void)info;
  struct rlimit core;
  struct rlimit memlock;
  if (getrlimit(RLIMIT_CORE, &core) != 0) {
    return symbolon_throw(env, errno, "getrlimit(RLIMIT_CORE)");
  }
  if (getrlimit(RLIMIT_MEMLOCK, &memlock) != 0) {
    return symbolon_throw(env, errno, "getrlimit(RLIMIT_MEMLOCK)");
  }
  /* RLIM_INFINITY becomes a number above every real limit; the caller compares only with zero and with sizes. */
  const double values[] = {(double)prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL), (double)core.rlim_cur,
                           (double)core.rlim_max, (double)memlock.rlim_cur};
  static const char *const names[] = {"dumpable", "coreSoft", "coreHard", "memlock"};
  napi_value state;
  if (napi_create_object(env, &state) != napi_ok) {
    return symbolon_throw(env, ENOMEM, "napi_create_object");
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i += 1) {
    napi_value value;
    if (napi_create_double(env, values[i], &value) != napi_ok ||
        napi_set_named_property(env, state, names[i], value) != napi_ok) {
      return symbolon_throw(env, ENOMEM, "napi_set_named_property");
    }
  }
  return state;
}
