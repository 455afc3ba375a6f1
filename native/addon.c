/*
 * Registers the addon: Node-API version 8. It keeps no state of an environment, so it loads in worker threads and in
 * every Node since 12.22; what the curve libraries need once in a process is made once (secp256k1.c, ed25519.c).
 */
#include "addon.h"

#include <string.h>

napi_value symbolon_throw(napi_env env, int number, const char *call) {
  const char *name = strerrorname_np(number);
  napi_throw_error(env, name == NULL ? "EUNKNOWN" : name, call);
  return NULL;
}

bool symbolon_define(napi_env env, napi_value target, const struct symbolon_function *functions, size_t count,
                     const void *data) {
  for (size_t i = 0; i < count; i += 1) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, (void *)(uintptr_t)data,
                             &function) != napi_ok ||
        napi_set_named_property(env, target, functions[i].name, function) != napi_ok) {
      napi_throw_error(env, "EINVAL", "register");
      return false;
    }
  }
  return true;
}

bool symbolon_define_under(napi_env env, napi_value exports, const char *name,
                           const struct symbolon_function *functions, size_t count, const void *data) {
  napi_value target;
  bool there = false;
  if (napi_has_named_property(env, exports, name, &there) != napi_ok ||
      (there ? napi_get_named_property(env, exports, name, &target) : napi_create_object(env, &target)) != napi_ok ||
      napi_set_named_property(env, exports, name, target) != napi_ok) {
    napi_throw_error(env, "EINVAL", "register");
    return false;
  }
  return symbolon_define(env, target, functions, count, data);
}

NAPI_MODULE_INIT() {
  static const struct symbolon_function functions[] = {
      {"hardenProcess", symbolon_harden_process},
      {"processState", symbolon_process_state},
      {"secureBuffer", symbolon_secure_buffer},
      {"notify", symbolon_notify},
      {"nsmRequest", symbolon_nsm_request},
  };
  if (!symbolon_define(env, exports, functions, sizeof functions / sizeof functions[0], NULL) ||
      !symbolon_register_scalars(env, exports) || !symbolon_register_vectors(env, exports) ||
      !symbolon_register_bits(env, exports) || !symbolon_register_secp256k1(env, exports) ||
      !symbolon_register_ed25519(env, exports) || !symbolon_register_ristretto255(env, exports) ||
      !symbolon_register_p256(env, exports) || !symbolon_register_es384(env, exports)) {
    return NULL;
  }
  return exports;
}
