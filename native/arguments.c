/*
 * Arguments of the functions that take bytes, and their results. Nothing but a Uint8Array (or a subclass of it) is
 * taken, so that no length is ever counted in other units than bytes.
 */
#include "addon.h"

napi_value symbolon_refuse(napi_env env, const char *what) {
  napi_throw_type_error(env, "EINVAL", what);
  return NULL;
}

bool symbolon_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values, void **data) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, values, NULL, data) != napi_ok || given != count) {
    symbolon_refuse(env, "number of arguments");
    return false;
  }
  return true;
}

bool symbolon_message(napi_env env, napi_value value, const uint8_t **bytes, size_t *length) {
  bool typed = false;
  napi_typedarray_type type = napi_int8_array;
  void *data = NULL;
  if (napi_is_typedarray(env, value, &typed) != napi_ok || !typed ||
      napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array) {
    symbolon_refuse(env, "not a Uint8Array");
    return false;
  }
  *bytes = data;
  return true;
}

bool symbolon_bytes(napi_env env, napi_value value, size_t length, const uint8_t **bytes) {
  size_t got = 0;
  if (!symbolon_message(env, value, bytes, &got)) {
    return false;
  }
  if (got != length) {
    symbolon_refuse(env, "length of an argument");
    return false;
  }
  return true;
}

bool symbolon_items(napi_env env, napi_value value, size_t size, const uint8_t **bytes, size_t *count) {
  size_t length = 0;
  if (!symbolon_message(env, value, bytes, &length)) {
    return false;
  }
  if (length == 0 || length % size != 0) {
    symbolon_refuse(env, "length of an argument");
    return false;
  }
  *count = length / size;
  return true;
}

bool symbolon_number(napi_env env, napi_value value, size_t most, size_t *number) {
  double got = 0;
  /* As a double: Node-API would make whole numbers of fractions. A value that is not a number compares as false. */
  if (napi_get_value_double(env, value, &got) != napi_ok || !(got >= 1 && got <= (double)most) ||
      (double)(size_t)got != got) {
    symbolon_refuse(env, "number");
    return false;
  }
  *number = (size_t)got;
  return true;
}

uint8_t *symbolon_new_bytes(napi_env env, size_t length, napi_value *array) {
  void *data = NULL;
  napi_value buffer;
  if (napi_create_arraybuffer(env, length, &data, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, array) != napi_ok) {
    napi_throw_error(env, "ENOMEM", "napi_create_arraybuffer");
    return NULL;
  }
  return data;
}

napi_value symbolon_boolean(napi_env env, bool value) {
  napi_value result;
  if (napi_get_boolean(env, value, &result) != napi_ok) {
    return symbolon_throw(env, 0, "napi_get_boolean");
  }
  return result;
}
