/*
 * secp256k1 by libsecp256k1. A point is 64 bytes here: its affine x and y, big-endian; 64 zero bytes are the identity,
 * which is no point of the curve's equation. Points are parsed, and so checked, whenever they come in.
 *
 * Secrets go through two calls only, which are constant-time: secp256k1_ec_pubkey_create and secp256k1_ecdh. The
 * variable-time secp256k1_ec_pubkey_tweak_mul is for public scalars.
 */
#include "addon.h"

#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>
#include <string.h>
#include <sys/random.h>

#define POINT 64
#define SCALAR 32
#define COMPRESSED 33
/* Terms of a sum that are added in one step. */
#define CHUNK 32

static const uint8_t identity[POINT];
/* SEC 2 section 2.4.1 */
static const uint8_t generator[POINT] = {
    0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07,
    0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98,
    0x48, 0x3a, 0xda, 0x77, 0x26, 0xa3, 0xc4, 0x65, 0x5d, 0xa4, 0xfb, 0xfc, 0x0e, 0x11, 0x08, 0xa8,
    0xfd, 0x17, 0xb4, 0x48, 0xa6, 0x85, 0x54, 0x19, 0x9c, 0x47, 0xd0, 0x8f, 0xfb, 0x10, 0xd4, 0xb8,
};

static const char not_point[] = "not a point of secp256k1";
static const char not_scalar[] = "not a scalar below the order";
static const char not_secret[] = "not a secret scalar: zero, or not below the order";

/* One context for the whole process, blinded once; after that it is only read, so threads may share it. */
static secp256k1_context *context;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* An argument that the library calls illegal makes its call return 0, which is checked; the default would abort. */
static void illegal(const char *message, void *data) {
  (void)message;
  (void)data;
}

static void make_context(void) {
  uint8_t seed[32];
  secp256k1_context *made = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  if (made == NULL) {
    return;
  }
  secp256k1_context_set_illegal_callback(made, illegal, NULL);
  if (getrandom(seed, sizeof seed, 0) == (ssize_t)sizeof seed && secp256k1_context_randomize(made, seed) == 1) {
    context = made;
  } else {
    secp256k1_context_destroy(made);
  }
  explicit_bzero(seed, sizeof seed);
}

static bool parse(secp256k1_pubkey *key, const uint8_t point[POINT]) {
  uint8_t encoded[1 + POINT] = {SECP256K1_TAG_PUBKEY_UNCOMPRESSED};
  memcpy(encoded + 1, point, POINT);
  return secp256k1_ec_pubkey_parse(context, key, encoded, sizeof encoded) == 1;
}

static bool serialise(uint8_t point[POINT], const secp256k1_pubkey *key) {
  uint8_t encoded[1 + POINT];
  size_t length = sizeof encoded;
  if (secp256k1_ec_pubkey_serialize(context, encoded, &length, key, SECP256K1_EC_UNCOMPRESSED) != 1 ||
      length != sizeof encoded) {
    return false;
  }
  memcpy(point, encoded + 1, POINT);
  return true;
}

static napi_value point_of(napi_env env, const secp256k1_pubkey *key) {
  napi_value array = NULL;
  uint8_t *point = symbolon_new_bytes(env, POINT, &array);
  if (point == NULL) {
    return NULL;
  }
  return serialise(point, key) ? array : symbolon_refuse(env, not_point);
}

/* 33 bytes to a point; undefined where they are no compressed point (SEC 1 section 2.3.4). */
static napi_value decode(napi_env env, napi_callback_info info) {
  napi_value argument;
  const uint8_t *encoded = NULL;
  secp256k1_pubkey key;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_bytes(env, argument, COMPRESSED, &encoded)) {
    return NULL;
  }
  /* Of 33 bytes the library takes the tags 2 and 3 only, and x below p. */
  return secp256k1_ec_pubkey_parse(context, &key, encoded, COMPRESSED) == 1 ? point_of(env, &key) : NULL;
}

static napi_value base_product(napi_env env, napi_callback_info info) {
  napi_value argument;
  const uint8_t *secret = NULL;
  secp256k1_pubkey key;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_bytes(env, argument, SCALAR, &secret)) {
    return NULL;
  }
  if (secp256k1_ec_pubkey_create(context, &key, secret) != 1) {
    return symbolon_refuse(env, not_secret);
  }
  napi_value out = point_of(env, &key);
  explicit_bzero(&key, sizeof key);
  return out;
}

/* "Hashes" the shared point to itself, so that secp256k1_ecdh gives the whole point. */
static int whole_point(unsigned char *output, const unsigned char *x, const unsigned char *y, void *data) {
  (void)data;
  memcpy(output, x, 32);
  memcpy(output + 32, y, 32);
  return 1;
}

static napi_value product(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  const uint8_t *point = NULL;
  const uint8_t *secret = NULL;
  secp256k1_pubkey key;
  if (!symbolon_arguments(env, info, 2, arguments, NULL) || !symbolon_bytes(env, arguments[0], POINT, &point) ||
      !symbolon_bytes(env, arguments[1], SCALAR, &secret)) {
    return NULL;
  }
  if (!parse(&key, point)) {
    return symbolon_refuse(env, not_point);
  }
  napi_value array = NULL;
  uint8_t *out = symbolon_new_bytes(env, POINT, &array);
  if (out == NULL) {
    return NULL;
  }
  return secp256k1_ecdh(context, out, &key, secret, whole_point, NULL) == 1 ? array
                                                                              : symbolon_refuse(env, not_secret);
}

/* Adds keys to `*sum`; `*empty` says whether the sum is the identity, before and after. */
static void add_up(secp256k1_pubkey *sum, bool *empty, const secp256k1_pubkey *keys, size_t count) {
  const secp256k1_pubkey *all[CHUNK + 1];
  size_t used = 0;
  for (size_t i = 0; i < count; i += 1) {
    all[used] = &keys[i];
    used += 1;
  }
  if (!*empty) {
    all[used] = sum;
    used += 1;
  }
  if (used > 0) {
    secp256k1_pubkey total;
    /* 0 means that the sum is the identity: all keys were valid. */
    *empty = secp256k1_ec_pubkey_combine(context, &total, all, used) != 1;
    *sum = total;
  }
}

/* One public term. `*empty` becomes true where it is the identity. Throws where an argument is not what it must be. */
static bool term(napi_env env, secp256k1_pubkey *key, bool *empty, const uint8_t point[POINT],
                 const uint8_t scalar[SCALAR]) {
  const bool is_identity = memcmp(point, identity, POINT) == 0;
  if (!is_identity && !parse(key, point)) {
    symbolon_refuse(env, not_point);
    return false;
  }
  static const uint8_t zero[SCALAR];
  if (memcmp(scalar, zero, SCALAR) == 0) {
    *empty = true;
    return true;
  }
  if (secp256k1_ec_seckey_verify(context, scalar) != 1) {
    symbolon_refuse(env, not_scalar);
    return false;
  }
  *empty = is_identity;
  if (is_identity) {
    return true;
  }
  /* The product with the generator has tables, and is the faster one though it is constant-time. */
  const int done = memcmp(point, generator, POINT) == 0 ? secp256k1_ec_pubkey_create(context, key, scalar)
                                                        : secp256k1_ec_pubkey_tweak_mul(context, key, scalar);
  if (done != 1) {
    symbolon_refuse(env, not_point);
  }
  return done == 1;
}

/* n points and n public scalars to the sum of their products. Variable time. */
static napi_value public_sum(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  const uint8_t *points = NULL;
  const uint8_t *scalars = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 2, arguments, NULL) ||
      !symbolon_items(env, arguments[0], POINT, &points, &count) ||
      !symbolon_bytes(env, arguments[1], count * SCALAR, &scalars)) {
    return NULL;
  }
  secp256k1_pubkey keys[CHUNK];
  secp256k1_pubkey sum;
  bool empty = true;
  for (size_t i = 0; i < count;) {
    size_t used = 0;
    for (; i < count && used < CHUNK; i += 1) {
      bool nothing = false;
      if (!term(env, &keys[used], &nothing, points + i * POINT, scalars + i * SCALAR)) {
        return NULL;
      }
      used += nothing ? 0 : 1;
    }
    add_up(&sum, &empty, keys, used);
  }
  napi_value array = NULL;
  return empty ? (symbolon_new_bytes(env, POINT, &array) == NULL ? NULL : array) : point_of(env, &sum);
}

/* n points, at least one, to their sum. */
static napi_value add(napi_env env, napi_callback_info info) {
  napi_value argument;
  const uint8_t *points = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_items(env, argument, POINT, &points, &count)) {
    return NULL;
  }
  secp256k1_pubkey keys[CHUNK];
  secp256k1_pubkey sum;
  bool empty = true;
  for (size_t i = 0; i < count;) {
    size_t used = 0;
    for (; i < count && used < CHUNK; i += 1) {
      const uint8_t *point = points + i * POINT;
      if (memcmp(point, identity, POINT) == 0) {
        continue;
      }
      if (!parse(&keys[used], point)) {
        return symbolon_refuse(env, not_point);
      }
      used += 1;
    }
    add_up(&sum, &empty, keys, used);
  }
  napi_value array = NULL;
  return empty ? (symbolon_new_bytes(env, POINT, &array) == NULL ? NULL : array) : point_of(env, &sum);
}

static napi_value negate(napi_env env, napi_callback_info info) {
  napi_value argument;
  const uint8_t *point = NULL;
  secp256k1_pubkey key;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_bytes(env, argument, POINT, &point)) {
    return NULL;
  }
  if (!parse(&key, point) || secp256k1_ec_pubkey_negate(context, &key) != 1) {
    return symbolon_refuse(env, not_point);
  }
  return point_of(env, &key);
}

/* BIP340 "Verification": signature of 64 bytes, message of any length, x-only key of 32 bytes. */
static napi_value verify_schnorr(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  const uint8_t *signature = NULL;
  const uint8_t *message = NULL;
  const uint8_t *encoded = NULL;
  size_t length = 0;
  secp256k1_xonly_pubkey key;
  if (!symbolon_arguments(env, info, 3, arguments, NULL) || !symbolon_bytes(env, arguments[0], 64, &signature) ||
      !symbolon_message(env, arguments[1], &message, &length) || !symbolon_bytes(env, arguments[2], 32, &encoded)) {
    return NULL;
  }
  return symbolon_boolean(env, secp256k1_xonly_pubkey_parse(context, &key, encoded) == 1 &&
                                   secp256k1_schnorrsig_verify(context, signature, message, length, &key) == 1);
}

/* ECDSA (SEC 1 section 4.1.4): signature r || s of 64 bytes with low s, digest of 32, key of 33 bytes. */
static napi_value verify_ecdsa(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  const uint8_t *compact = NULL;
  const uint8_t *digest = NULL;
  const uint8_t *encoded = NULL;
  secp256k1_ecdsa_signature signature;
  secp256k1_pubkey key;
  if (!symbolon_arguments(env, info, 3, arguments, NULL) || !symbolon_bytes(env, arguments[0], 64, &compact) ||
      !symbolon_bytes(env, arguments[1], 32, &digest) ||
      !symbolon_bytes(env, arguments[2], COMPRESSED, &encoded)) {
    return NULL;
  }
  return symbolon_boolean(env, secp256k1_ecdsa_signature_parse_compact(context, &signature, compact) == 1 &&
                                   secp256k1_ec_pubkey_parse(context, &key, encoded, COMPRESSED) == 1 &&
                                   secp256k1_ecdsa_verify(context, &signature, digest, &key) == 1);
}

bool symbolon_register_secp256k1(napi_env env, napi_value exports) {
  static const struct symbolon_function functions[] = {
      {"decode", decode},         {"baseProduct", base_product},      {"product", product},
      {"publicSum", public_sum},  {"add", add},                       {"negate", negate},
      {"verifyEcdsa", verify_ecdsa}, {"verifySchnorr", verify_schnorr},
  };
  if (pthread_once(&once, make_context) != 0 || context == NULL) {
    napi_throw_error(env, "ENOTSUP", "secp256k1_context_randomize");
    return false;
  }
  return symbolon_define_under(env, exports, "secp256k1", functions, sizeof functions / sizeof functions[0], NULL);
}
