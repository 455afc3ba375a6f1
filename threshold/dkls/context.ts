/**
 * What a run of ECDSA signing is about, and everything that is hashed in it. One hash covers the whole context, and every
 * further hash, commitment and multiplication session starts from it: two runs that differ in anything share none (T18).
 */
import { encodeCbor, type CborInput } from '../../wire/cbor.ts';
import { hashOf, isEcdsa, type EcdsaScheme } from '../../wire/ids.ts';
import type { Group } from '../group/group.ts';
import { badParameters, type KeyPublic } from '../keyShare.ts';
import type { PlanOf } from '../plan.ts';
import { groupOf } from '../scheme.ts';

/** Bytes of a session id. */
const sessionBytes = 32;
/** Bytes of what is signed. */
export const digestBytes = 32;

/** A plan that multiplies: for a presignature, or for a whole signature. */
export type MultiplyingPlan = PlanOf<'ecdsa-presign'> | PlanOf<'ecdsa-sign'>;

/** A run's context: all public, copied from the plan. */
export interface EcdsaContext {
  readonly scheme: EcdsaScheme;
  readonly group: Group;
  readonly groupPublicKey: Uint8Array;
  readonly generation: number;
  readonly index: number;
  /** All signers, rising. */
  readonly signers: readonly number[];
  /** All signers but this one. */
  readonly others: readonly number[];
  /** 32 bytes over the whole context, the same for all signers. */
  readonly hash: Uint8Array;
}

/**
 * The scheme of a key, where it signs with ECDSA.
 * @throws SymbolonError `threshold/bad-parameters`.
 */
export function ecdsaSchemeOf(key: KeyPublic): EcdsaScheme {
  if (!isEcdsa(key.scheme)) {
    throw badParameters('the key does not sign with ECDSA');
  }
  return key.scheme;
}

/**
 * E1: exactly t signers, rising, all of them holders. More than t would sign with other Lagrange coefficients than the
 * ones that everyone hashes, and nobody gains from them.
 * @throws SymbolonError `threshold/bad-parameters`.
 */
export function checkSigners(key: KeyPublic, index: number, signers: readonly number[]): void {
  const rising = signers.every((signer, i) => signer > (signers[i - 1] ?? 0));
  if (!rising || signers.length !== key.threshold) {
    throw badParameters('the signers are not as many as the threshold, each once and rising');
  }
  if (!signers.every((signer) => key.participants.includes(signer)) || !signers.includes(index)) {
    throw badParameters('a signer holds no share, or this participant does not sign');
  }
}

/** E1: a session id has 32 bytes. Throws `threshold/bad-parameters`. */
export function checkSession(session: Uint8Array): void {
  if (session.length !== sessionBytes) {
    throw badParameters('a session id has 32 bytes');
  }
}

/** E1, E20: a digest has 32 bytes. Throws `threshold/bad-parameters`. */
export function checkDigest(digest: Uint8Array): void {
  if (digest.length !== digestBytes) {
    throw badParameters('a digest has 32 bytes');
  }
}

/**
 * The context of a plan.
 * @throws SymbolonError `threshold/bad-parameters` (E1).
 */
export function contextOf(plan: MultiplyingPlan): EcdsaContext {
  const { share, session, signers } = plan;
  const { public: key, index } = share;
  const scheme = ecdsaSchemeOf(key);
  checkSigners(key, index, signers);
  checkSession(session);
  // What the signature will be for is part of the context, so a presignature is never a step of another signature.
  let use: readonly CborInput[] = [];
  if (plan.kind === 'ecdsa-sign') {
    checkDigest(plan.digest);
    use = [plan.digest, [...plan.path]];
  }
  return {
    scheme,
    group: groupOf(scheme),
    groupPublicKey: key.groupPublicKey.slice(),
    generation: key.generation,
    index,
    signers: [...signers],
    others: signers.filter((signer) => signer !== index),
    hash: hashOf(
      'symbolon/dkls-context/1',
      scheme,
      key.groupPublicKey,
      key.generation,
      key.threshold,
      [...signers],
      session,
      plan.kind,
      use,
    ),
  };
}

/** The commitment of round 1 to R_i: 32 bytes over the context, the committing party, R_i and 32 bytes of salt. */
export const commitmentOf = (
  context: EcdsaContext,
  party: number,
  nonce: Uint8Array,
  salt: Uint8Array,
): Uint8Array => hashOf('symbolon/dkls-commitment/1', context.hash, party, nonce, salt);

/** What each signer says it has seen of round 1 (T16): 32 bytes over all broadcasts, in the order of the signers. */
export const echoOf = (context: EcdsaContext, broadcasts: readonly Uint8Array[]): Uint8Array =>
  hashOf('symbolon/dkls-echo/1', context.hash, [...broadcasts]);

/** What all signers compare after a presignature (T16): 32 bytes over every broadcast and R. */
export const confirmationOf = (
  context: EcdsaContext,
  parts: { readonly echo: Uint8Array; readonly openings: readonly Uint8Array[]; readonly nonce: Uint8Array },
): Uint8Array =>
  hashOf('symbolon/dkls-presignature/1', context.hash, parts.echo, [...parts.openings], parts.nonce);

const deltaTag = new TextEncoder().encode('symbolon/dkls-rerandomise/1');

/**
 * By how much an online signature moves the nonce (ePrint 2021/1330, T14): a public scalar from 48 bytes of hash over R,
 * the derived key, the digest, the signers and the session id, which nobody could foresee when the presignature was chosen.
 */
export const deltaOf = (
  group: Group,
  parts: {
    readonly scheme: EcdsaScheme;
    readonly generation: number;
    readonly nonce: Uint8Array;
    readonly publicKey: Uint8Array;
    readonly digest: Uint8Array;
    readonly signers: readonly number[];
    readonly session: Uint8Array;
  },
): bigint =>
  group.hashToScalar(deltaTag, [
    encodeCbor([
      parts.scheme,
      parts.generation,
      parts.nonce,
      parts.publicKey,
      parts.digest,
      [...parts.signers],
      parts.session,
    ]),
  ]);
