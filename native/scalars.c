/*
 * Secret scalars: arithmetic modulo the orders of secp256k1, P-256 and the Ed25519 subgroup, in constant time. Scalars
 * are 32 bytes below the order in the byte order of their group; each function of one order is registered with it.
 */
#include "addon.h"
#include "modular.h"

#include <string.h>

static const char not_scalar[] = "not a scalar below the order";

/* Takes `count` scalars apart into limbs. Whether a scalar is canonical is public. */
static bool scalars(napi_env env, napi_callback_info info, size_t count, uint64_t values[][LIMBS],
                    const struct modulus **order) {
  napi_value arguments[2];
  void *data = NULL;
  if (!symbolon_arguments(env, info, count, arguments, &data)) {
    return false;
  }
  *order = data;
  uint64_t canonical = 1;
  for (size_t i = 0; i < count; i += 1) {
    const uint8_t *bytes = NULL;
    if (!symbolon_bytes(env, arguments[i], 32, &bytes)) {
      return false;
    }
    canonical &= load_value(values[i], bytes, *order);
  }
  if (canonical == 0) {
    symbolon_refuse(env, not_scalar);
    return false;
  }
  return true;
}

/* Gives a result to JavaScript and wipes it here. */
static napi_value result(napi_env env, uint64_t value[LIMBS], const struct modulus *order) {
  napi_value array = NULL;
  uint8_t *bytes = symbolon_new_bytes(env, 32, &array);
  if (bytes != NULL) {
    store_value(bytes, value, order);
  }
  explicit_bzero(value, sizeof(uint64_t[LIMBS]));
  return bytes == NULL ? NULL : array;
}

typedef void (*operation)(uint64_t out[LIMBS], const uint64_t a[LIMBS], const uint64_t b[LIMBS],
                          const struct modulus *modulus);

static napi_value binary(napi_env env, napi_callback_info info, operation operate) {
  uint64_t values[2][LIMBS] = {{0}, {0}};
  const struct modulus *order = NULL;
  napi_value out = NULL;
  if (scalars(env, info, 2, values, &order)) {
    operate(values[0], values[0], values[1], order);
    out = result(env, values[0], order);
  }
  explicit_bzero(values, sizeof values);
  return out;
}

static napi_value add(napi_env env, napi_callback_info info) { return binary(env, info, add_mod); }

static napi_value subtract(napi_env env, napi_callback_info info) { return binary(env, info, subtract_mod); }

static napi_value multiply(napi_env env, napi_callback_info info) { return binary(env, info, multiply_mod); }

static napi_value negate(napi_env env, napi_callback_info info) {
  uint64_t value[1][LIMBS] = {{0}};
  const uint64_t zero[LIMBS] = {0};
  const struct modulus *order = NULL;
  napi_value out = NULL;
  if (scalars(env, info, 1, value, &order)) {
    subtract_mod(value[0], zero, value[0], order);
    out = result(env, value[0], order);
  }
  explicit_bzero(value, sizeof value);
  return out;
}

static napi_value invert(napi_env env, napi_callback_info info) {
  uint64_t value[1][LIMBS] = {{0}};
  const struct modulus *order = NULL;
  napi_value out = NULL;
  if (scalars(env, info, 1, value, &order)) {
    if (is_zero(value[0])) {
      symbolon_refuse(env, "zero has no inverse");
    } else {
      symbolon_invert(value[0], value[0], order);
      out = result(env, value[0], order);
    }
  }
  explicit_bzero(value, sizeof value);
  return out;
}

static napi_value from_wide(napi_env env, napi_callback_info info) {
  napi_value argument;
  void *data = NULL;
  const uint8_t *bytes = NULL;
  size_t words = 0;
  if (!symbolon_arguments(env, info, 1, &argument, &data) || !symbolon_items(env, argument, 8, &bytes, &words)) {
    return NULL;
  }
  if (words != 6 && words != 8) {
    return symbolon_refuse(env, "a wide scalar has 48 or 64 bytes");
  }
  const struct modulus *order = data;
  uint64_t wide[2 * LIMBS] = {0};
  uint64_t value[LIMBS];
  load_limbs(wide, (int)words, bytes, order->little_endian);
  reduce_512(value, wide, order);
  explicit_bzero(wide, sizeof wide);
  return result(env, value, order);
}

static napi_value is_canonical(napi_env env, napi_callback_info info) {
  napi_value argument;
  void *data = NULL;
  const uint8_t *bytes = NULL;
  if (!symbolon_arguments(env, info, 1, &argument, &data) || !symbolon_bytes(env, argument, 32, &bytes)) {
    return NULL;
  }
  uint64_t value[LIMBS];
  const uint64_t canonical = load_value(value, bytes, data);
  explicit_bzero(value, sizeof value);
  return symbolon_boolean(env, canonical == 1);
}

bool symbolon_register_scalars(napi_env env, napi_value exports) {
  static const struct symbolon_function functions[] = {
      {"add", add},       {"subtract", subtract}, {"negate", negate},           {"multiply", multiply},
      {"invert", invert}, {"fromWide", from_wide}, {"isCanonical", is_canonical},
  };
  const size_t count = sizeof functions / sizeof functions[0];
  return symbolon_define_under(env, exports, "scalarsSecp256k1", functions, count, &symbolon_order_secp256k1) &&
         symbolon_define_under(env, exports, "scalarsP256", functions, count, &symbolon_order_p256) &&
         symbolon_define_under(env, exports, "scalarsEd25519", functions, count, &symbolon_order_ed25519);
}
