/*
 * Registers the addon: Node-API version 8, no state, so it loads in worker threads and in every Node since 12.22.
 */
#include "addon.h"

#include <string.h>

napi_value symbolon_throw(napi_env env, int number, const char *call) {
  const char *name = strerrorname_np(number);
  napi_throw_error(env, name == NULL ? "EUNKNOWN" : name, call);
  return NULL;
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"hardenProcess", symbolon_harden_process},
      {"processState", symbolon_process_state},
      {"secureBuffer", symbolon_secure_buffer},
      {"notify", symbolon_notify},
  };
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i += 1) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function) !=
            napi_ok ||
        napi_set_named_property(env, exports, functions[i].name, function) != napi_ok) {
      napi_throw_error(env, "EINVAL", "register");
      return NULL;
    }
  }
  return exports;
}
