/* edwards.c, for ed25519.c: sums of public scalars times public points, in variable time. */
#ifndef SYMBOLON_EDWARDS_H
#define SYMBOLON_EDWARDS_H

#include "modular.h"

#include <stddef.h>

#define SYMBOLON_EDWARDS_POINT 32
#define SYMBOLON_EDWARDS_SCALAR 32

/* `count` points and as many scalars below the order to the sum of their products. False where a point does not decode. */
bool symbolon_edwards_sum(uint8_t out[SYMBOLON_EDWARDS_POINT], const uint8_t *points, const uint8_t *scalars,
                          size_t count);

#endif
