/**
 * Round 2 (DKLs23 protocol 3.6, step 7): the opening of this signer's part of the nonce, and its answer in each
 * multiplication in which it is Alice.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import type { Random, SecretScalar } from '../group/group.ts';
import { decodeFrom, malformed, oneFromEach } from '../received.ts';
import type { RoundInput, RoundOutput } from '../run.ts';
import { echoOf, type EcdsaContext } from './context.ts';
import { ecdsaCommitment, ecdsaOpening, ecdsaProduct } from './messages.ts';
import { aliceMultiply } from './multiplication.ts';
import { multiplicationOf, pairingWith, type AfterRound1, type OpenPairing } from './round1.ts';
import type { Secrets } from './secrets.ts';

/** One multiplication in which this signer was Alice. */
export interface AliceSide {
  readonly party: number;
  /** cu_ij and cv_ij: its shares of r_i * chi_ji and of sk_i * chi_ji. */
  readonly cu: SecretScalar;
  readonly cv: SecretScalar;
}

/** What a signer keeps after round 2. */
export interface AfterRound2 {
  readonly first: AfterRound1;
  /** In the order of the others. */
  readonly aliceSides: readonly AliceSide[];
  /** The commitments of the others to their parts of the nonce, in the order of the others. */
  readonly commitments: readonly (readonly [party: number, commitment: Uint8Array])[];
  /** The hash of all broadcasts of round 1. */
  readonly echo: Uint8Array;
  /** The own broadcast, as it was sent. */
  readonly broadcast: Uint8Array;
}

/** Name of the pairwise message of round 1 in errors. */
const extensionName = 'ecdsa-extension';

/**
 * Takes round 2.
 * @throws SymbolonError with `facts.party`: `threshold/message-missing`, `threshold/unexpected-party` (E4),
 * `threshold/malformed-message` (E5), `threshold/wrong-generation` (E6), `threshold/other-context` (E7),
 * `threshold/other-pairing` (E8), `threshold/multiplication-failed` (E9).
 */
export function round2(
  context: EcdsaContext,
  first: AfterRound1,
  input: RoundInput,
  random: Random,
  secrets: Secrets,
): { readonly after: AfterRound2; readonly output: RoundOutput } {
  const { group, index, others, signers } = context;
  const { nonce, mask, keyShare, pairings, bobSides } = first;
  // E4, for both kinds of messages before any is looked into.
  const broadcasts = new Map(oneFromEach(others, input.broadcasts, ecdsaCommitment.name));
  const extensions = new Map(oneFromEach(others, input.pairwise, extensionName));
  // E5 to E8, for all signers before any multiplication message is looked at: another context or pairing is no cheating, and
  // must not poison the pairing that there is (T15).
  const commitments = [...broadcasts].map(
    ([party, raw]) => [party, checkCommitment(context, party, raw, pairingWith(pairings, party))] as const,
  );
  const echo = echoOf(
    context,
    signers.map((signer) => broadcasts.get(signer) ?? first.broadcast),
  );

  // E9 is in the multiplication: the check of the OT extension.
  const products = bobSides.map(({ party, chi }) => {
    const { message, outputs } = aliceMultiply(
      multiplicationOf(context, party, index),
      pairingWith(pairings, party).keys,
      extensions.get(party) ?? new Uint8Array(),
      [nonce, keyShare],
      random,
    );
    const [cu, cv] = outputs;
    return {
      party,
      message: secrets.hold(message),
      cu: secrets.hold(cu),
      cv: secrets.hold(cv),
      psi: secrets.hold(group.scalars.subtract(mask, chi)),
    };
  });
  const gammas = group.encodeAll(
    products.flatMap(({ cu, cv }) => [group.baseProduct(cu), group.baseProduct(cv)]),
  );
  const pairwise = new Map(
    products.map(({ party, message, psi }, i) => [
      party,
      ecdsaProduct.encode({
        v: 1,
        echo,
        gammaU: gammas[2 * i] ?? new Uint8Array(),
        gammaV: gammas[2 * i + 1] ?? new Uint8Array(),
        psi,
        product: message,
      }),
    ]),
  );
  const broadcast = ecdsaOpening.encode({
    v: 1,
    nonce: first.encodedNonce,
    salt: first.salt,
    key: first.encodedKey,
  });
  return {
    after: { first, aliceSides: products, commitments, echo, broadcast },
    output: { broadcast: broadcast.slice(), pairwise },
  };
}

/** E5 to E8 on one broadcast; gives the commitment. */
function checkCommitment(
  context: EcdsaContext,
  party: number,
  raw: Uint8Array,
  pairing: OpenPairing,
): Uint8Array {
  const fields = decodeFrom(party, raw, ecdsaCommitment);
  // E6: shares of two generations never sign together (T20).
  if (fields.generation !== context.generation) {
    throw new SymbolonError('threshold/wrong-generation', {
      party,
      wanted: context.generation,
      got: fields.generation,
    });
  }
  // E7: it has the same key, signers, session and use in mind (T18).
  if (!equalBytes(fields.context, context.hash)) {
    throw new SymbolonError('threshold/other-context', { party });
  }
  // E8: one pairing with each other signer, in their order; the one with this signer is the one that it has.
  const peers = context.signers.filter((signer) => signer !== party);
  if (fields.pairings.length !== peers.length || !fields.pairings.every(({ peer }, i) => peer === peers[i])) {
    throw malformed(party, ecdsaCommitment.name, 'not one pairing with each other signer');
  }
  const named = fields.pairings.find(({ peer }) => peer === context.index);
  if (named === undefined || !equalBytes(named.id, pairing.id)) {
    throw new SymbolonError('threshold/other-pairing', { party });
  }
  return fields.commitment;
}
