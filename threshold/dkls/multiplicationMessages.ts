/** Byte formats of a multiplication. */
import { hash32 } from '../../wire/ids.ts';
import { bytes, message, oneOf, record } from '../../wire/shape.ts';
import { checkColumnBytes, maskedBytes } from './otExtension.ts';
import { maskedInputsBytes } from './vectorOle.ts';

const salt = bytes(16);

/** Bob's message, 4,450 bytes. */
export const extensionMessage = message(
  'ot-extension',
  8_192,
  record({ v: oneOf(1), salt, masked: bytes(maskedBytes), fold: bytes(checkColumnBytes), proof: hash32 }),
);

/** Alice's message, 40,050 bytes. */
export const maskedInputsMessage = message(
  'masked-inputs',
  45_056,
  record({ v: oneOf(1), salt, masked: bytes(maskedInputsBytes), eta: bytes(32), proof: hash32 }),
);
