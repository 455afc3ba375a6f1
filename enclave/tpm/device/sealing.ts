/**
 * Secrets that a TPM gives back only on the same machine, while its registers have the values of the seal, to who knows the
 * auth value. Secret and auth value cross to the TPM encrypted, or not at all.
 */
import { digestBytes, type TpmHash } from '../algorithms.ts';
import { pcrDigestOf, type PcrSelection } from '../pcrs.ts';
import { emptyPolicy, policyAuthValue, policyPcr } from '../policyDigest.ts';
import type { Random } from '../sharedSecret.ts';
import { sealedTemplate } from '../templates.ts';
import { withSession } from './keys.ts';
import type { Ask } from './link.ts';
import { create, flush, load, maxSealed, unsealObject, type SealedBlob } from './objects.ts';
import { policyAuth, policyPcrs } from './policy.ts';
import type { LoadedKey } from './session.ts';

/** Registers of one bank with the values that they must have. */
export interface WantedRegisters {
  readonly bank: TpmHash;
  /** By index 0 to 23, at least one, each as long as a digest of the bank; need not be the present ones. */
  readonly values: ReadonlyMap<number, Uint8Array>;
}

/** What is sealed and what opens it: registers, an auth value, or both. */
export interface SealInput {
  /** 1 to 128 bytes; the caller's, untouched. */
  readonly secret: Uint8Array;
  /** 1 to 32 bytes, not ending in zero; the caller's, untouched. */
  readonly auth: Uint8Array | undefined;
  readonly registers: WantedRegisters | undefined;
  /** Whether wrong auth values count towards the TPM's lockout, which holds for the whole machine. */
  readonly lockout: boolean;
}

/** What opens a blob again. */
export interface UnsealInput {
  readonly blob: SealedBlob;
  /** The auth value of the seal, `undefined` where it had none; the caller's, untouched. */
  readonly auth: Uint8Array | undefined;
  /** Which registers were sealed to, `undefined` where none were. */
  readonly selection: PcrSelection | undefined;
}

const hash = 'sha256';
const maxAuth = 32;

/** Seals below a loaded storage key. Throws RangeError for an input out of its limits. */
export async function sealBelow(
  ask: Ask,
  random: Random,
  parent: LoadedKey,
  input: SealInput,
): Promise<SealedBlob> {
  const { secret, auth, registers, lockout } = input;
  if (auth === undefined && registers === undefined) {
    throw new RangeError('a secret sealed to neither registers nor an auth value would be open to all');
  }
  if (secret.length === 0 || secret.length > maxSealed) {
    throw new RangeError(`a secret of ${secret.length} bytes where 1 to ${maxSealed} are allowed`);
  }
  // The TPM drops zeros at the end of auth values: two values would be one.
  if (auth !== undefined && (auth.length === 0 || auth.length > maxAuth || auth.at(-1) === 0)) {
    throw new RangeError(`an auth value of 1 to ${maxAuth} bytes, the last one not zero, is needed`);
  }
  if (registers !== undefined) {
    checkRegisters(registers);
  }
  let policy = emptyPolicy(hash);
  if (registers !== undefined) {
    const pcrs = [...registers.values.keys()].sort((a, b) => a - b);
    const values = pcrs.map((pcr) => registers.values.get(pcr) ?? new Uint8Array());
    policy = policyPcr(hash, policy, [{ bank: registers.bank, pcrs }], pcrDigestOf(hash, values));
  }
  if (auth !== undefined) {
    policy = policyAuthValue(hash, policy);
  }
  return await withSession(ask, random, 'hmac', parent, (session) =>
    create(ask, parent, session, sealedTemplate(hash, policy, lockout), {
      auth: auth ?? new Uint8Array(),
      data: secret,
    }),
  );
}

function checkRegisters({ bank, values }: WantedRegisters): void {
  // PolicyPCR over no register holds in every state of the machine.
  if (values.size === 0) {
    throw new RangeError('registers to seal to, but none is named');
  }
  const size = digestBytes[bank];
  for (const [pcr, value] of values) {
    if (value.length !== size) {
      throw new RangeError(`register ${pcr} of ${value.length} bytes where the bank has ${size}`);
    }
  }
}

/** Opens a blob below a loaded storage key. The caller owns and wipes the secret. */
export async function unsealBelow(
  ask: Ask,
  random: Random,
  parent: LoadedKey,
  { blob, auth, selection }: UnsealInput,
): Promise<Uint8Array> {
  const object = await load(ask, parent, blob);
  try {
    return await withSession(ask, random, 'policy', parent, async (session) => {
      if (selection !== undefined) {
        await policyPcrs(ask, session, [selection]);
      }
      if (auth !== undefined) {
        await policyAuth(ask, session);
      }
      return await unsealObject(ask, object, session, auth ?? new Uint8Array());
    });
  } finally {
    await flush(ask, object.handle);
  }
}
