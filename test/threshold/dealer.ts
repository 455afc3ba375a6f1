/**
 * A party of key generation that does what a test tells it: every field of its opening can be replaced, and it commits
 * to what it then sends, so that the check behind the commitment is the one that answers.
 */
import type { Scheme } from '../../wire/ids.ts';
import { dkgCommitment, dkgOpening, type DkgOpening } from '../../threshold/dkg/messages.ts';
import { evaluate } from '../../threshold/polynomial.ts';
import { groupOf } from '../../threshold/scheme.ts';
import { openingHash, proofChallenge } from '../../threshold/transcript.ts';
import { insecureSeeded, sessionOf } from './run.ts';

/** A dealer's messages. */
export interface Dealer {
  readonly commitment: Uint8Array;
  readonly opening: Uint8Array;
  readonly fields: DkgOpening;
  readonly shareFor: (party: number) => Uint8Array;
}

/** What a dealer is told to do. */
export interface DealerOptions {
  readonly scheme: Scheme;
  readonly seed: string;
  readonly participants: readonly number[];
  readonly threshold: number;
  readonly party: number;
  /** Number of coefficients; the threshold unless told. */
  readonly coefficients?: number;
  /** Changes the commitments to the coefficients before the proof is made over them. */
  readonly points?: (encoded: Uint8Array[]) => Uint8Array[];
  /** Changes the finished fields. */
  readonly fields?: (fields: DkgOpening) => DkgOpening;
  /** Replaces the encoded opening. */
  readonly opening?: (raw: Uint8Array) => Uint8Array;
  /** Uses another context for its proof: another session id, or another index. */
  readonly proofFor?: { readonly session?: Uint8Array; readonly party?: number; readonly scheme?: Scheme };
}

/** Makes the messages of a dealer; without changes they are those of an honest party. */
export function makeDealer(options: DealerOptions): Dealer {
  const { scheme, seed, participants, threshold, party } = options;
  const group = groupOf(scheme);
  const random = insecureSeeded(`${seed}/dealer/${party}`);
  const context = { scheme, session: sessionOf(seed), participants, threshold };
  const secrets = Array.from({ length: options.coefficients ?? threshold }, () =>
    group.scalars.random(random),
  );
  const honest = secrets.map((secret) => group.encode(group.baseProduct(secret)));
  const coefficients = options.points?.(honest) ?? honest;
  const k = group.scalars.random(random);
  const proofPoint = group.encode(group.baseProduct(k));
  const { party: proofParty = party, ...rest } = options.proofFor ?? {};
  const challenge = proofChallenge(group, { ...context, ...rest }, proofParty, coefficients, proofPoint);
  const made: DkgOpening = {
    v: 1,
    coefficients,
    proofPoint,
    proofScalar: group.scalars.add(
      k,
      group.scalars.multiply(group.encodeScalar(challenge), secrets[0] ?? new Uint8Array(32)),
    ),
    chainCode: random(32),
  };
  const fields = options.fields?.(made) ?? made;
  const encoded = dkgOpening.encode(fields);
  const opening = options.opening?.(encoded) ?? encoded;
  return {
    commitment: dkgCommitment.encode({ v: 1, commitment: openingHash(context, party, opening) }),
    opening,
    fields,
    shareFor: (to) => evaluate(group, secrets, to),
  };
}

/** Points that are none, by name, in the encoding of the scheme. */
export function badPoints(scheme: Scheme): readonly (readonly [string, Uint8Array])[] {
  const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
  return scheme === 'frost-ed25519'
    ? [
        ['identity', hex(`01${'00'.repeat(31)}`)],
        ['small order', hex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')],
        ['order two', hex(`ec${'ff'.repeat(30)}7f`)],
        ['not canonical', hex(`f0${'ff'.repeat(30)}7f`)],
        ['off the curve', hex(`02${'00'.repeat(31)}`)],
        ['of the other curve', hex(`02${'11'.repeat(32)}`)],
      ]
    : [
        ['zeros', new Uint8Array(33)],
        ['off the curve', hex(`02${'00'.repeat(31)}${scheme === 'dkls23-p256' ? '01' : '05'}`)],
        ['not canonical', hex(`02${'ff'.repeat(32)}`)],
        ['wrong prefix', hex(`05${'11'.repeat(32)}`)],
        ['of the other curve', hex(`58${'66'.repeat(31)}`)],
      ];
}

/** A copy with one bit flipped. */
export function flipped(raw: Uint8Array, bit = 0): Uint8Array {
  const out = raw.slice();
  const at = (bit >> 3) % out.length;
  out[at] = (out[at] ?? 0) ^ (1 << (bit & 7));
  return out;
}
