/**
 * Round 1 (DKLs23 protocol 3.6, steps 4 to 6): a commitment to this signer's part of the nonce, and the first message of
 * each multiplication in which it is Bob.
 */
import type { Element, Group, Random, SecretScalar } from '../group/group.ts';
import { draw, wideScalarBytes } from '../group/integers.ts';
import type { PairingKeys } from '../pairing/pairingKeys.ts';
import { lagrangeCoefficient } from '../polynomial.ts';
import type { RoundOutput } from '../run.ts';
import { commitmentOf, type EcdsaContext } from './context.ts';
import { ecdsaCommitment } from './messages.ts';
import { bobBegin, type BobState, type MultiplicationContext } from './multiplication.ts';
import type { Secrets } from './secrets.ts';
import { zeroShare } from './zeroShare.ts';

/** A pairing that is open for use. */
export interface OpenPairing {
  /** 16 bytes. Public. */
  readonly id: Uint8Array;
  readonly keys: PairingKeys;
}

/** What a run of a signer begins with. The run's {@link Secrets} hold what is secret. */
export interface SignerSecrets {
  /** x_i. */
  readonly share: SecretScalar;
  /** One pairing with each other signer. */
  readonly pairings: ReadonlyMap<number, OpenPairing>;
}

/** One multiplication in which this signer is Bob. */
export interface BobSide {
  readonly party: number;
  readonly state: BobState;
  /** chi_ij: this signer's factor. */
  readonly chi: SecretScalar;
}

/** What a signer keeps after round 1. */
export interface AfterRound1 {
  /** r_i, phi_i and sk_i. */
  readonly nonce: SecretScalar;
  readonly mask: SecretScalar;
  readonly keyShare: SecretScalar;
  /** R_i = r_i * G and pk_i = sk_i * G, and their encodings. */
  readonly noncePoint: Element;
  readonly keyPoint: Element;
  readonly encodedNonce: Uint8Array;
  readonly encodedKey: Uint8Array;
  readonly salt: Uint8Array;
  readonly pairings: ReadonlyMap<number, OpenPairing>;
  /** In the order of the others. */
  readonly bobSides: readonly BobSide[];
  /** The own broadcast, as it was sent. */
  readonly broadcast: Uint8Array;
}

const saltBytes = 32;
const utf8 = new TextEncoder();
const nonceTag = utf8.encode('symbolon/dkls-nonce/1');
const maskTag = utf8.encode('symbolon/dkls-mask/1');

/** The two parties of a multiplication, under the hash of the whole context as its session. */
export const multiplicationOf = (
  context: EcdsaContext,
  bob: number,
  alice: number,
): MultiplicationContext => ({
  scheme: context.scheme,
  session: context.hash,
  bob,
  alice,
  signers: context.signers,
});

/** Takes round 1. @throws SymbolonError `threshold/bad-randomness`. */
export function round1(
  context: EcdsaContext,
  { share, pairings }: SignerSecrets,
  random: Random,
  secrets: Secrets,
): { readonly after: AfterRound1; readonly output: RoundOutput } {
  const { group, index, others } = context;
  const nonce = secrets.hold(hedgedScalar(group, nonceTag, random, share, context.hash));
  const mask = secrets.hold(hedgedScalar(group, maskTag, random, share, context.hash));
  const keyShare = secrets.hold(maskedShare(context, share, pairings, secrets));
  const salt = secrets.hold(draw(random, saltBytes));

  const pairwise = new Map<number, Uint8Array>();
  const bobSides: BobSide[] = [];
  for (const party of others) {
    const keys = pairingWith(pairings, party).keys;
    const { state, message, b } = bobBegin(multiplicationOf(context, index, party), keys, random);
    bobSides.push({ party, state: secrets.hold(state), chi: secrets.hold(b) });
    pairwise.set(party, message);
  }

  const noncePoint = group.baseProduct(nonce);
  const keyPoint = group.baseProduct(keyShare);
  const [encodedNonce = empty, encodedKey = empty] = group.encodeAll([noncePoint, keyPoint]);
  const broadcast = ecdsaCommitment.encode({
    v: 1,
    generation: context.generation,
    context: context.hash,
    commitment: commitmentOf(context, index, encodedNonce, salt),
    pairings: others.map((peer) => ({ peer, id: pairingWith(pairings, peer).id })),
  });
  return {
    after: {
      nonce,
      mask,
      keyShare,
      noncePoint,
      keyPoint,
      encodedNonce,
      encodedKey,
      salt,
      pairings,
      bobSides,
      broadcast,
    },
    output: { broadcast: broadcast.slice(), pairwise },
  };
}

const empty = new Uint8Array();

/** The pairing with a signer; that there is one was checked when the run began (E1). */
export function pairingWith(pairings: ReadonlyMap<number, OpenPairing>, party: number): OpenPairing {
  const pairing = pairings.get(party);
  if (pairing === undefined) {
    throw new TypeError(`no pairing with ${party}`);
  }
  return pairing;
}

/**
 * A secret scalar from 48 fresh bytes, hedged with the share and the context: where a source of randomness repeats itself,
 * in a cloned machine for example, two sessions still have two nonces (T12).
 */
function hedgedScalar(
  group: Group,
  tag: Uint8Array,
  random: Random,
  share: SecretScalar,
  context: Uint8Array,
): SecretScalar {
  for (;;) {
    const fresh = draw(random, wideScalarBytes);
    // All three parts have fixed lengths, so their concatenation is unambiguous.
    const scalar = group.hashToSecretScalar(tag, [fresh, share, context]);
    fresh.fill(0);
    // Zero has probability 2^-256, and would commit to the identity, which has no encoding.
    if (!group.scalars.isZero(scalar)) {
      return scalar;
    }
  }
}

/** sk_i = lambda_i * x_i + zeta_i (step 7): the shares of zero hide the signers' weighted shares from each other. */
function maskedShare(
  context: EcdsaContext,
  share: SecretScalar,
  pairings: ReadonlyMap<number, OpenPairing>,
  secrets: Secrets,
): SecretScalar {
  const { group, index, signers, hash: session } = context;
  const keys = new Map([...pairings].map(([party, pairing]) => [party, pairing.keys]));
  const zeta = secrets.hold(zeroShare({ group, index, signers, session, pairings: keys }));
  const lambda = group.encodeScalar(lagrangeCoefficient(group, signers, index));
  const weighted = secrets.hold(group.scalars.multiply(share, lambda));
  return group.scalars.add(weighted, zeta);
}
