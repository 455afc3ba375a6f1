/*
 * ES384 (RFC 9053 section 2.1): verification of an ECDSA signature on P-384 with SHA-384, by the OpenSSL inside of Node.
 * node:crypto does the same, and spends 0.1 ms more on each key that it has not seen, in decoding it: a chain of
 * certificates brings five. Public data only.
 *
 * The functions are declared here, weakly: no header of OpenSSL is needed to build, and on a Node that does not export one of
 * them the addon still loads. The functions of this file are absent then, and callers use node:crypto.
 */
#include "addon.h"

#include <stdint.h>

#define NID_SECP384R1 715
#define POINT 97
#define HALF 48

typedef struct ec_group_st EC_GROUP;
typedef struct ec_key_st EC_KEY;
typedef struct ec_point_st EC_POINT;
typedef struct ECDSA_SIG_st ECDSA_SIG;
typedef struct bignum_st BIGNUM;
typedef struct bignum_ctx BN_CTX;

#pragma weak EC_GROUP_new_by_curve_name
EC_GROUP *EC_GROUP_new_by_curve_name(int nid);
#pragma weak EC_KEY_new
EC_KEY *EC_KEY_new(void);
#pragma weak EC_KEY_free
void EC_KEY_free(EC_KEY *key);
#pragma weak EC_KEY_set_group
int EC_KEY_set_group(EC_KEY *key, const EC_GROUP *group);
#pragma weak EC_KEY_set_public_key
int EC_KEY_set_public_key(EC_KEY *key, const EC_POINT *point);
#pragma weak EC_POINT_new
EC_POINT *EC_POINT_new(const EC_GROUP *group);
#pragma weak EC_POINT_free
void EC_POINT_free(EC_POINT *point);
#pragma weak EC_POINT_oct2point
int EC_POINT_oct2point(const EC_GROUP *group, EC_POINT *point, const unsigned char *bytes, size_t length, BN_CTX *ctx);
#pragma weak ECDSA_SIG_new
ECDSA_SIG *ECDSA_SIG_new(void);
#pragma weak ECDSA_SIG_free
void ECDSA_SIG_free(ECDSA_SIG *signature);
#pragma weak ECDSA_SIG_set0
int ECDSA_SIG_set0(ECDSA_SIG *signature, BIGNUM *r, BIGNUM *s);
#pragma weak ECDSA_do_verify
int ECDSA_do_verify(const unsigned char *digest, int length, const ECDSA_SIG *signature, EC_KEY *key);
#pragma weak BN_bin2bn
BIGNUM *BN_bin2bn(const unsigned char *bytes, int length, BIGNUM *out);
#pragma weak BN_free
void BN_free(BIGNUM *number);
#pragma weak SHA384
unsigned char *SHA384(const unsigned char *data, size_t length, unsigned char *digest);
#pragma weak ERR_clear_error
void ERR_clear_error(void);

static bool is_there(void) {
  return EC_GROUP_new_by_curve_name != NULL && EC_KEY_new != NULL && EC_KEY_free != NULL && EC_KEY_set_group != NULL &&
         EC_KEY_set_public_key != NULL && EC_POINT_new != NULL && EC_POINT_free != NULL && EC_POINT_oct2point != NULL &&
         ECDSA_SIG_new != NULL && ECDSA_SIG_free != NULL && ECDSA_SIG_set0 != NULL && ECDSA_do_verify != NULL &&
         BN_bin2bn != NULL && BN_free != NULL && SHA384 != NULL && ERR_clear_error != NULL;
}

/* 96 bytes to a signature; NULL without memory. Zero and too large values are refused by ECDSA_do_verify (SEC 1 4.1.4). */
static ECDSA_SIG *read_signature(const uint8_t *bytes) {
  ECDSA_SIG *signature = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(bytes, HALF, NULL);
  BIGNUM *s = BN_bin2bn(bytes + HALF, HALF, NULL);
  if (signature == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(signature, r, s) != 1) {
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return NULL;
  }
  return signature;
}

/* Made once in each thread, for the life of the process. */
static const EC_GROUP *p384(void) {
  static _Thread_local EC_GROUP *group;
  if (group == NULL) {
    group = EC_GROUP_new_by_curve_name(NID_SECP384R1);
  }
  return group;
}

/*
 * 97 bytes to a point; NULL where they are none. EC_POINT_oct2point refuses what is not on the curve (SEC 1 section 2.3.4),
 * and infinity has another length. The order of P-384 is prime and its cofactor 1, so that every such point is a good key and
 * no further check of it is needed (SP 800-56A section 5.6.2.3.4).
 */
static EC_POINT *read_point(const uint8_t *bytes) {
  const EC_GROUP *group = p384();
  EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
  /* 4: uncompressed (SEC 1 section 2.3.3); the hybrid forms 6 and 7 are another spelling of the same point. */
  if (point != NULL && (bytes[0] != 4 || EC_POINT_oct2point(group, point, bytes, POINT, NULL) != 1)) {
    EC_POINT_free(point);
    return NULL;
  }
  return point;
}

/* Point (97 bytes, uncompressed): whether it is one of the curve. */
static napi_value is_key(napi_env env, napi_callback_info info) {
  napi_value argument;
  const uint8_t *bytes = NULL;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_bytes(env, argument, POINT, &bytes)) {
    return NULL;
  }
  EC_POINT *point = read_point(bytes);
  EC_POINT_free(point);
  /* What OpenSSL refuses leaves an entry in the thread's queue, which node:crypto would report as its own. */
  ERR_clear_error();
  return symbolon_boolean(env, point != NULL);
}

/* Point (97 bytes, uncompressed), data, signature (96 bytes, r and s): whether the signature is the key's. */
static napi_value verify(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  const uint8_t *point_bytes = NULL;
  const uint8_t *data = NULL;
  const uint8_t *signature_bytes = NULL;
  size_t length = 0;
  if (!symbolon_arguments(env, info, 3, arguments, NULL) || !symbolon_bytes(env, arguments[0], POINT, &point_bytes) ||
      !symbolon_message(env, arguments[1], &data, &length) ||
      !symbolon_bytes(env, arguments[2], 2 * HALF, &signature_bytes)) {
    return NULL;
  }
  EC_KEY *key = EC_KEY_new();
  EC_POINT *point = read_point(point_bytes);
  ECDSA_SIG *signature = read_signature(signature_bytes);
  bool good = false;
  if (key != NULL && point != NULL && signature != NULL && EC_KEY_set_group(key, p384()) == 1 &&
      EC_KEY_set_public_key(key, point) == 1) {
    unsigned char digest[HALF];
    good = SHA384(data, length, digest) != NULL && ECDSA_do_verify(digest, HALF, signature, key) == 1;
  }
  ECDSA_SIG_free(signature);
  EC_POINT_free(point);
  EC_KEY_free(key);
  ERR_clear_error();
  return symbolon_boolean(env, good);
}

bool symbolon_register_es384(napi_env env, napi_value exports) {
  static const struct symbolon_function functions[] = {{"isKey", is_key}, {"verify", verify}};
  return !is_there() ||
         symbolon_define_under(env, exports, "es384", functions, sizeof functions / sizeof functions[0], NULL);
}
