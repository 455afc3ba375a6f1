/* The moduli, and what takes too many steps to stand in a header. */
#include "modular.h"

#include <string.h>

const struct modulus symbolon_order_secp256k1 = {
    /* SEC 2 section 2.4.1 */
    .m = {0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff},
    .inverse = 0x4b0dff665588b13f,
    .one = {0x402da1732fc9bebf, 0x4551231950b75fc4, 0x0000000000000001, 0x0000000000000000},
    .square = {0x896cf21467d7d140, 0x741496c20e7cf878, 0xe697f5e45bcd07c6, 0x9d671cd581c69bc5},
    .p384 = {0x402da1732fc9bebf, 0x4551231950b75fc4, 0x402da1732fc9bec0, 0x4551231950b75fc4},
    .p576 = {0xa39b33a5b3776dfb, 0x02bc11327f57d9fe, 0x3c1a6191e5702643, 0xe697f5e45bcd07c7},
    .little_endian = false,
};

const struct modulus symbolon_order_p256 = {
    /* SP 800-186 section 3.2.1.3 */
    .m = {0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000},
    .inverse = 0xccd1c8aaee00bc4f,
    .one = {0x0c46353d039cdaaf, 0x4319055258e8617b, 0x0000000000000000, 0x00000000ffffffff},
    .square = {0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620},
    .p384 = {0xf01cf013fc632551, 0x679b73e19ad16947, 0x652e96b7ccca0a99, 0x431905529c0166ce},
    .p576 = {0x5706acb03af42abb, 0xdf119f1b30a9cdc7, 0x619076ab51d16bdb, 0x1c1f0858d0b168a4},
    .little_endian = false,
};

const struct modulus symbolon_order_ed25519 = {
    /* RFC 8032 section 5.1: 2^252 + 27742317777372353535851937790883648493 */
    .m = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0x0000000000000000, 0x1000000000000000},
    .inverse = 0xd2b51da312547e1b,
    .one = {0xd6ec31748d98951d, 0xc6ef5bf4737dcf70, 0xfffffffffffffffe, 0x0fffffffffffffff},
    .square = {0xa40611e3449c0f01, 0xd00e1ba768859347, 0xceec73d217f5be65, 0x0399411b7c309a3d},
    .p384 = {0x39822129a02a6271, 0xb64a7f435e4fdd95, 0x7ed9ce5a30a2c131, 0x02106215d086329a},
    .p576 = {0xf98b4baa9c78f954, 0x0665e1db6eaba043, 0xcb5c63aa97a331b5, 0x0eec73d217f5be65},
    .little_endian = true,
};

void symbolon_recode(int8_t digits[SYMBOLON_DIGITS], const uint64_t value[LIMBS]) {
  uint64_t rest[LIMBS + 1] = {value[0], value[1], value[2], value[3], 0};
  for (int i = 0; i < SYMBOLON_DIGITS; i += 1) {
    int digit = 0;
    if (rest[0] & 1) {
      digit = (int)(rest[0] & 31);
      digit = digit > 15 ? digit - 32 : digit;
      uint64_t carry = 0;
      rest[0] -= rest[0] & 31;
      rest[0] = add_carry(rest[0], digit < 0 ? 32 : 0, &carry);
      for (int limb = 1; limb <= LIMBS; limb += 1) {
        rest[limb] = add_carry(rest[limb], 0, &carry);
      }
    }
    digits[i] = (int8_t)digit;
    for (int limb = 0; limb < LIMBS; limb += 1) {
      rest[limb] = (rest[limb] >> 1) | (rest[limb + 1] << 63);
    }
    rest[LIMBS] >>= 1;
  }
}

bool symbolon_is_value(const uint8_t bytes[32], const struct modulus *modulus) {
  uint64_t value[LIMBS];
  const uint64_t below = load_value(value, bytes, modulus);
  explicit_bzero(value, sizeof value);
  return below == 1;
}

void symbolon_power(uint64_t out[LIMBS], const uint64_t value[LIMBS], const uint64_t exponent[LIMBS],
                    const struct modulus *modulus) {
  /* Four bits of the exponent at a time; powers[d] is value^d in Montgomery's form. The exponent may be an index: it is
     public. */
  uint64_t powers[16][LIMBS];
  memcpy(powers[0], modulus->one, sizeof powers[0]);
  multiply_montgomery(powers[1], value, modulus->square, modulus);
  for (int d = 2; d < 16; d += 1) {
    multiply_montgomery(powers[d], powers[d - 1], powers[1], modulus);
  }
  uint64_t power[LIMBS];
  memcpy(power, modulus->one, sizeof power);
  for (int shift = 252; shift >= 0; shift -= 4) {
    for (int i = 0; i < 4; i += 1) {
      multiply_montgomery(power, power, power, modulus);
    }
    const uint64_t digit = (exponent[shift / 64] >> (shift % 64)) & 15;
    multiply_montgomery(power, power, powers[digit], modulus);
  }
  const uint64_t plain_one[LIMBS] = {1, 0, 0, 0};
  multiply_montgomery(out, power, plain_one, modulus);
  explicit_bzero(powers, sizeof powers);
  explicit_bzero(power, sizeof power);
}

void symbolon_invert(uint64_t out[LIMBS], const uint64_t value[LIMBS], const struct modulus *modulus) {
  uint64_t exponent[LIMBS];
  uint64_t borrow = 0;
  exponent[0] = subtract_borrow(modulus->m[0], 2, &borrow);
  for (int i = 1; i < LIMBS; i += 1) {
    exponent[i] = subtract_borrow(modulus->m[i], 0, &borrow);
  }
  symbolon_power(out, value, exponent, modulus);
}
