/** Making a token and its wrapping key: at enrolment only, in a process of its own. */
import type { WrappingAlgorithm } from './material.ts';
import {
  call,
  presentTokens,
  reinitialize,
  VendorError,
  type Cryptoki,
  type Handle,
  type Template,
} from './pkcs11.ts';
import { openSession } from './token.ts';
import type { TokenFamily } from './profiles.ts';

/**
 * Initialises the first free slot: SO PIN, label, user PIN. Through PKCS#11, as the command-line tools take PINs as
 * arguments, which every user of the machine can read.
 * @returns slot and serial number of the new token
 */
export function initialiseToken(
  cryptoki: Cryptoki,
  label: string,
  soPin: Uint8Array,
  pin: Uint8Array,
): { readonly slot: Handle; readonly serial: string } {
  const { lib, ck } = cryptoki;
  const text = (secret: Uint8Array): string => Buffer.from(secret).toString('latin1');
  const slots = call('C_GetSlotList', () => lib.C_GetSlotList(true));
  const free = slots.find(
    (slot) => (call('C_GetTokenInfo', () => lib.C_GetTokenInfo(slot)).flags & ck.CKF_TOKEN_INITIALIZED) === 0,
  );
  if (free === undefined) {
    throw new VendorError('C_GetSlotList', 'no free slot');
  }
  call('C_InitToken', () => {
    // PKCS#11 2.40 section 5.5: the label is 32 bytes, padded with blanks, without a zero at the end.
    lib.C_InitToken(free, text(soPin), label.padEnd(32, ' '));
  });
  reinitialize(cryptoki);
  const [made, ...more] = presentTokens(cryptoki).filter((token) => token.label === label);
  if (made === undefined || more.length > 0) {
    throw new VendorError('C_InitToken', 'the new token is not the only one with its label');
  }
  const session = openSession(cryptoki, made.slot);
  call('C_Login', () => {
    lib.C_Login(session, ck.CKU_SO, text(soPin));
  });
  call('C_InitPIN', () => {
    lib.C_InitPIN(session, text(pin));
  });
  call('C_Logout', () => {
    lib.C_Logout(session);
  });
  call('C_CloseSession', () => {
    lib.C_CloseSession(session);
  });
  return made;
}

/** Handles of a new wrapping key; the public half exists for RSA only. */
export interface MadeKey {
  readonly key: Handle;
  readonly publicKey?: Handle;
}

/** Makes a wrapping key in the token: sensitive, never extractable, for this one use. Takes about 1 s for RSA-3072. */
export function makeWrappingKey(
  { lib, ck }: Cryptoki,
  session: Handle,
  family: TokenFamily,
  algorithm: WrappingAlgorithm,
  label: string,
  id: Uint8Array,
): MadeKey {
  const named: Template = [
    { type: ck.CKA_TOKEN, value: true },
    { type: ck.CKA_LABEL, value: label },
    { type: ck.CKA_ID, value: Buffer.from(id) },
  ];
  const kept: Template = [
    ...named,
    { type: ck.CKA_PRIVATE, value: true },
    { type: ck.CKA_SENSITIVE, value: true },
    { type: ck.CKA_EXTRACTABLE, value: false },
  ];
  if (algorithm === 'hmac-sha256') {
    const template: Template = [
      ...kept,
      { type: ck.CKA_CLASS, value: ck.CKO_SECRET_KEY },
      { type: ck.CKA_KEY_TYPE, value: ck.CKK_GENERIC_SECRET },
      { type: ck.CKA_VALUE_LEN, value: family.hmacBytes },
      { type: ck.CKA_SIGN, value: true },
      { type: ck.CKA_VERIFY, value: false },
      { type: ck.CKA_ENCRYPT, value: false },
      { type: ck.CKA_DECRYPT, value: false },
      { type: ck.CKA_WRAP, value: false },
      { type: ck.CKA_UNWRAP, value: false },
      { type: ck.CKA_DERIVE, value: false },
    ];
    const mechanism = { mechanism: ck.CKM_GENERIC_SECRET_KEY_GEN };
    return { key: call('C_GenerateKey', () => lib.C_GenerateKey(session, mechanism, template)) };
  }
  const publicTemplate: Template = [
    ...named,
    { type: ck.CKA_PRIVATE, value: false },
    { type: ck.CKA_ENCRYPT, value: true },
    { type: ck.CKA_VERIFY, value: false },
    { type: ck.CKA_WRAP, value: false },
    { type: ck.CKA_MODULUS_BITS, value: family.rsaBits },
    { type: ck.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
  ];
  const privateTemplate: Template = [
    ...kept,
    { type: ck.CKA_DECRYPT, value: true },
    { type: ck.CKA_SIGN, value: false },
    { type: ck.CKA_UNWRAP, value: false },
  ];
  const pair = call('C_GenerateKeyPair', () =>
    lib.C_GenerateKeyPair(
      session,
      { mechanism: ck.CKM_RSA_PKCS_KEY_PAIR_GEN },
      publicTemplate,
      privateTemplate,
    ),
  );
  return { key: pair.privateKey, publicKey: pair.publicKey };
}

/** Removes a key that did not pass the probe. */
export function destroyKey({ lib }: Cryptoki, session: Handle, made: MadeKey): void {
  for (const object of [made.key, made.publicKey]) {
    if (object !== undefined) {
      call('C_DestroyObject', () => {
        lib.C_DestroyObject(session, object);
      });
    }
  }
}
