/*
 * ristretto255 (RFC 9496) by libsodium, constant-time: the group in which base oblivious transfers are made. Elements and
 * scalars are 32 bytes, and every function takes many of them, one after the other: a pairing does 128 at a time.
 *
 * libsodium takes 32 zero bytes as the identity; here it is refused wherever it comes in, and a result may be it only
 * where the comment says so. libsodium up to 1.0.18 does not look at the high bit, which RFC 9496 section 4.3.1 refuses:
 * that is done here.
 */
#include "addon.h"
#include "modular.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define ELEMENT 32
#define SCALAR 32
#define HASH 64

static const char not_element[] = "not an element of ristretto255";
static const char not_product[] = "a product with the identity, or with what is no element or no scalar";

static bool has_high_bit(const uint8_t element[ELEMENT]) { return element[ELEMENT - 1] > 0x7f; }

static bool is_element(const uint8_t element[ELEMENT]) {
  return !has_high_bit(element) && crypto_core_ristretto255_is_valid_point(element) == 1 &&
         sodium_is_zero(element, ELEMENT) == 0;
}

/* The order is the one of the Ed25519 subgroup. */
static bool is_scalar(const uint8_t scalar[SCALAR]) { return symbolon_is_value(scalar, &symbolon_order_ed25519); }

/* Whether all of n are elements and none is the identity. */
static napi_value are_elements(napi_env env, napi_callback_info info) {
  napi_value argument;
  const uint8_t *elements = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) ||
      !symbolon_items(env, argument, ELEMENT, &elements, &count)) {
    return NULL;
  }
  bool valid = true;
  for (size_t i = 0; i < count; i += 1) {
    valid = is_element(elements + i * ELEMENT) && valid;
  }
  return symbolon_boolean(env, valid);
}

typedef int (*map)(unsigned char *out, const unsigned char *wide);

static int reduce(unsigned char *out, const unsigned char *wide) {
  crypto_core_ristretto255_scalar_reduce(out, wide);
  return 0;
}

/* n times 64 bytes to n times 32. */
static napi_value map_all(napi_env env, napi_callback_info info, map one) {
  napi_value argument;
  napi_value array = NULL;
  const uint8_t *wide = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_items(env, argument, HASH, &wide, &count)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, count * ELEMENT, &array);
  if (out == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < count; i += 1) {
    if (one(out + i * ELEMENT, wide + i * HASH) != 0) {
      return symbolon_refuse(env, not_element);
    }
  }
  return array;
}

/* RFC 9496 section 4.3.4: uniform bytes to an element that is the identity with negligible probability. */
static napi_value from_hashes(napi_env env, napi_callback_info info) {
  return map_all(env, info, crypto_core_ristretto255_from_hash);
}

/* 64 bytes modulo the order, little-endian. */
static napi_value scalars_from_wide(napi_env env, napi_callback_info info) { return map_all(env, info, reduce); }

static napi_value base_products(napi_env env, napi_callback_info info) {
  napi_value argument;
  napi_value array = NULL;
  const uint8_t *scalars = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) ||
      !symbolon_items(env, argument, SCALAR, &scalars, &count)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, count * ELEMENT, &array);
  if (out == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < count; i += 1) {
    const uint8_t *scalar = scalars + i * SCALAR;
    if (!is_scalar(scalar) || crypto_scalarmult_ristretto255_base(out + i * ELEMENT, scalar) != 0) {
      explicit_bzero(out, count * ELEMENT);
      return symbolon_refuse(env, not_product);
    }
  }
  return array;
}

/* n elements and n scalars, or one of either for all of the other, to n products. */
static napi_value products(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  napi_value array = NULL;
  const uint8_t *elements = NULL;
  const uint8_t *scalars = NULL;
  size_t element_count = 0;
  size_t scalar_count = 0;
  if (!symbolon_arguments(env, info, 2, arguments, NULL) ||
      !symbolon_items(env, arguments[0], ELEMENT, &elements, &element_count) ||
      !symbolon_items(env, arguments[1], SCALAR, &scalars, &scalar_count)) {
    return NULL;
  }
  if (element_count != scalar_count && element_count != 1 && scalar_count != 1) {
    return symbolon_refuse(env, "length of an argument");
  }
  const size_t count = element_count > scalar_count ? element_count : scalar_count;
  uint8_t *out = symbolon_new_bytes(env, count * ELEMENT, &array);
  if (out == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < count; i += 1) {
    const uint8_t *element = elements + (element_count == 1 ? 0 : i * ELEMENT);
    const uint8_t *scalar = scalars + (scalar_count == 1 ? 0 : i * SCALAR);
    /* Refuses what is no element, and every product that is the identity. */
    if (!is_scalar(scalar) || has_high_bit(element) ||
        crypto_scalarmult_ristretto255(out + i * ELEMENT, scalar, element) != 0) {
      explicit_bzero(out, count * ELEMENT);
      return symbolon_refuse(env, not_product);
    }
  }
  return array;
}

typedef int (*operation)(unsigned char *out, const unsigned char *a, const unsigned char *b);

static napi_value pairwise(napi_env env, napi_callback_info info, operation operate) {
  napi_value arguments[2];
  napi_value array = NULL;
  const uint8_t *a = NULL;
  const uint8_t *b = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 2, arguments, NULL) ||
      !symbolon_items(env, arguments[0], ELEMENT, &a, &count) ||
      !symbolon_bytes(env, arguments[1], count * ELEMENT, &b)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, count * ELEMENT, &array);
  if (out == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < count; i += 1) {
    const uint8_t *left = a + i * ELEMENT;
    const uint8_t *right = b + i * ELEMENT;
    if (has_high_bit(left) || has_high_bit(right) || sodium_is_zero(left, ELEMENT) == 1 ||
        sodium_is_zero(right, ELEMENT) == 1 || operate(out + i * ELEMENT, left, right) != 0) {
      explicit_bzero(out, count * ELEMENT);
      return symbolon_refuse(env, not_element);
    }
  }
  return array;
}

/* Element by element; a sum may be the identity, 32 zero bytes. */
static napi_value sums(napi_env env, napi_callback_info info) {
  return pairwise(env, info, crypto_core_ristretto255_add);
}

/* Element by element; a difference may be the identity, 32 zero bytes. */
static napi_value differences(napi_env env, napi_callback_info info) {
  return pairwise(env, info, crypto_core_ristretto255_sub);
}

bool symbolon_register_ristretto255(napi_env env, napi_value exports) {
  static const struct symbolon_function functions[] = {
      {"areElements", are_elements},     {"fromHashes", from_hashes}, {"scalarsFromWide", scalars_from_wide},
      {"baseProducts", base_products},   {"products", products},      {"sums", sums},
      {"differences", differences},
  };
  if (sodium_init() < 0) {
    symbolon_throw(env, ENOTSUP, "sodium_init");
    return false;
  }
  return symbolon_define_under(env, exports, "ristretto255", functions, sizeof functions / sizeof functions[0], NULL);
}
