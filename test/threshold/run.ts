/** Runs the protocols in one process, for tests and benchmarks: all parties, each with its own randomness. */
import { createHash } from 'node:crypto';
import type { Scheme } from '../../wire/ids.ts';
import {
  aggregate,
  commit,
  dkgRound1,
  dkgRound2,
  dkgRound3,
  firstGeneration,
  signShare,
  type KeyPublic,
  type KeyShare,
  type Random,
  type Run,
  type RunResult,
  type Tweak,
} from '../../threshold/index.ts';
import { evaluate } from '../../threshold/polynomial.ts';
import { groupOf } from '../../threshold/scheme.ts';

/** Randomness that is the same on every run: SHA-256 of a seed and a counter. For tests only. */
export function insecureSeeded(seed: string): Random {
  let counter = 0;
  return (length) => {
    const out = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += 32) {
      const block = createHash('sha256').update(`${seed}/${counter}`).digest();
      out.set(block.subarray(0, Math.min(32, length - offset)), offset);
      counter += 1;
    }
    return out;
  };
}

/** What the parties of a key generation send, so that a test may change it on the way. */
export interface DkgTraffic {
  /** Round 1 and 2 broadcasts by sender, and the pairwise shares by sender and receiver. */
  readonly commitments: Map<number, Uint8Array>;
  readonly openings: Map<number, Uint8Array>;
  readonly pairwise: Map<number, Map<number, Uint8Array>>;
}
/** A setting of key generation. */
export interface DkgSetting {
  readonly scheme: Scheme;
  readonly threshold: number;
  readonly participants: readonly number[];
  readonly seed: string;
  /** Called with what each receiver is about to get; it may change the maps. */
  readonly onRound1?: (receiver: number, commitments: Map<number, Uint8Array>) => void;
  readonly onRound2?: (
    receiver: number,
    openings: Map<number, Uint8Array>,
    shares: Map<number, Uint8Array>,
  ) => void;
}

const without = <T>(map: ReadonlyMap<number, T>, key: number): Map<number, T> =>
  new Map([...map].filter(([one]) => one !== key));

/** Indices 1 to n. */
export const indices = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** The session id that {@link runDkg} uses for a seed. */
export const sessionOf = (seed: string): Uint8Array => insecureSeeded(`${seed}/session`)(32);

/** Runs a whole key generation. Errors of a round come out as they are. */
export function runDkg(setting: DkgSetting): {
  shares: Map<number, KeyShare>;
  confirmations: Map<number, Uint8Array>;
  traffic: DkgTraffic;
} {
  const { scheme, threshold, participants, seed } = setting;
  const first = new Map(
    participants.map((index) => [
      index,
      dkgRound1({
        scheme,
        session: sessionOf(seed),
        index,
        participants,
        threshold,
        random: insecureSeeded(`${seed}/${index}`),
      }),
    ]),
  );
  const commitments = new Map([...first].map(([index, { broadcast }]) => [index, broadcast]));
  const second = new Map(
    [...first].map(([index, { state }]) => {
      const received = without(commitments, index);
      setting.onRound1?.(index, received);
      return [index, dkgRound2(state, received)];
    }),
  );
  const openings = new Map([...second].map(([index, { broadcast }]) => [index, broadcast]));
  const pairwise = new Map([...second].map(([index, one]) => [index, one.pairwise]));
  const shares = new Map<number, KeyShare>();
  const confirmations = new Map<number, Uint8Array>();
  for (const [index, { state }] of second) {
    const received = without(openings, index);
    const dealt = new Map<number, Uint8Array>();
    for (const [from, all] of pairwise) {
      const share = all.get(index);
      if (share !== undefined) {
        dealt.set(from, share.slice());
      }
    }
    setting.onRound2?.(index, received, dealt);
    const { share, confirmation } = dkgRound3(state, received, dealt);
    shares.set(index, share);
    confirmations.set(index, confirmation);
  }
  return { shares, confirmations, traffic: { commitments, openings, pairwise } };
}

/**
 * A key of a dealer that everybody trusts: for tests of what comes after key generation. `secret` is the constant term, 32
 * bytes; a random one unless told.
 */
export function dealKey(setting: {
  readonly scheme: Scheme;
  readonly threshold: number;
  readonly participants: readonly number[];
  readonly seed: string;
  readonly secret?: Uint8Array;
}): Map<number, KeyShare> {
  const { scheme, threshold, participants, seed } = setting;
  const group = groupOf(scheme);
  const random = insecureSeeded(`${seed}/dealt/${scheme}`);
  const coefficients = Array.from({ length: threshold }, () => group.scalars.random(random));
  if (setting.secret !== undefined) {
    coefficients[0] = setting.secret.slice();
  }
  const secrets = new Map(participants.map((index) => [index, evaluate(group, coefficients, index)]));
  const key: KeyPublic = {
    scheme,
    threshold,
    participants: [...participants],
    generation: firstGeneration,
    groupPublicKey: group.encode(group.baseProduct(coefficients[0] ?? new Uint8Array(32))),
    verifyingShares: new Map(
      [...secrets].map(([index, secret]) => [index, group.encode(group.baseProduct(secret))]),
    ),
    chainCode: random(32),
  };
  return new Map([...secrets].map(([index, secret]) => [index, { public: key, index, secret }]));
}

/** What is about to reach one party: a test may change the maps. */
export interface Delivery {
  /** The round that takes these messages, from 2. */
  readonly round: number;
  readonly receiver: number;
  readonly broadcasts: Map<number, Uint8Array>;
  readonly pairwise: Map<number, Uint8Array>;
}

/** What runs sent, by round (the first at 0) and sender, and what came out of each. */
export interface Driven {
  readonly broadcasts: readonly ReadonlyMap<number, Uint8Array>[];
  readonly pairwise: readonly ReadonlyMap<number, ReadonlyMap<number, Uint8Array>>[];
  readonly results: ReadonlyMap<number, RunResult>;
}

/** Drives the runs of all parties, by index, from the first round to the last. Errors of a step come out as they are. */
export function driveRuns(
  runs: ReadonlyMap<number, Run>,
  onDelivery: (delivery: Delivery) => void = () => undefined,
): Driven {
  const rounds = Math.max(...[...runs.values()].map((run) => run.rounds));
  const broadcasts: Map<number, Uint8Array>[] = [];
  const pairwise: Map<number, ReadonlyMap<number, Uint8Array>>[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const sent = new Map<number, Uint8Array>();
    const dealt = new Map<number, ReadonlyMap<number, Uint8Array>>();
    for (const [receiver, run] of runs) {
      const delivery: Delivery = {
        round,
        receiver,
        broadcasts: without(broadcasts.at(-1) ?? new Map<number, Uint8Array>(), receiver),
        pairwise: new Map(
          [...(pairwise.at(-1) ?? [])].flatMap(([from, all]) => {
            const message = all.get(receiver);
            return message === undefined ? [] : [[from, message.slice()] as const];
          }),
        ),
      };
      if (round > 1) {
        onDelivery(delivery);
      }
      const output = run.step(round, delivery);
      sent.set(receiver, output.broadcast);
      dealt.set(receiver, output.pairwise);
    }
    broadcasts.push(sent);
    pairwise.push(dealt);
  }
  return {
    broadcasts,
    pairwise,
    results: new Map([...runs].map(([index, run]) => [index, run.takeResult()])),
  };
}

/** What signers send, and what came of it. */
export interface SigningRun {
  readonly commitments: Map<number, Uint8Array>;
  readonly signatureShares: Map<number, Uint8Array>;
  readonly signature: Uint8Array;
}

/** Signs with the given shares. */
export function runSign(
  signers: readonly KeyShare[],
  message: Uint8Array,
  tweak: Tweak,
  seed: string,
  path: readonly number[] = [],
): SigningRun {
  const first = signers.map((share) => ({
    share,
    ...commit({ share, random: insecureSeeded(`${seed}/nonces/${share.index}`) }),
  }));
  const commitments = new Map(first.map(({ share, commitment }) => [share.index, commitment]));
  const signatureShares = new Map(
    first.map(({ share, nonces }) => [
      share.index,
      signShare({ share, nonces, commitments, message, tweak, path }),
    ]),
  );
  const [some] = signers;
  if (some === undefined) {
    throw new TypeError('no signers');
  }
  return {
    commitments,
    signatureShares,
    signature: aggregate({ public: some.public, commitments, shares: signatureShares, message, tweak, path }),
  };
}
