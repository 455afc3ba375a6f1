/**
 * Key generation and signing in one process: CPU time, no network. `dkg.*` and `frost.*.signer.*` are per party;
 * `frost.*.sign.*` is all of one signature, the rounds of all t signers and the aggregation.
 */
import { randomBytes } from 'node:crypto';
import type { Scheme } from '../wire/ids.ts';
import {
  aggregate,
  commit,
  dkgRound1,
  dkgRound2,
  dkgRound3,
  encodeKeyPublic,
  signShare,
  type KeyShare,
  type Random,
  type Tweak,
} from '../threshold/index.ts';
import { runs, summarise, type BenchRow } from './row.ts';

const random: Random = (length) => new Uint8Array(randomBytes(length));

interface Suite {
  readonly name: string;
  readonly scheme: Scheme;
  readonly tweak: Tweak;
}
const suites: readonly Suite[] = [
  { name: 'ed25519', scheme: 'frost-ed25519', tweak: 'none' },
  { name: 'taproot', scheme: 'frost-secp256k1-tr', tweak: 'bip341' },
];
const sizes: readonly (readonly [threshold: number, n: number, full: number])[] = [
  [2, 3, 15],
  [3, 5, 9],
  [7, 10, 5],
];

/** One key generation by all parties. */
function dkg(scheme: Scheme, threshold: number, n: number): KeyShare[] {
  const participants = Array.from({ length: n }, (_, i) => i + 1);
  const session = random(32);
  const first = participants.map((index) => ({
    index,
    ...dkgRound1({ scheme, session, index, participants, threshold, random }),
  }));
  const others = <T>(index: number, all: readonly (readonly [number, T])[]): Map<number, T> =>
    new Map(all.filter(([party]) => party !== index));
  const second = first.map(({ index, state }) => ({
    index,
    ...dkgRound2(
      state,
      others(
        index,
        first.map((one) => [one.index, one.broadcast]),
      ),
    ),
  }));
  return second.map(({ index, state }) => {
    const openings = others(
      index,
      second.map((one) => [one.index, one.broadcast]),
    );
    const dealt = others(
      index,
      second.map((one) => [one.index, one.pairwise.get(index) ?? new Uint8Array()]),
    );
    return dkgRound3(state, openings, dealt).share;
  });
}

/** One signature by the first t holders; gives the milliseconds of the signers and of the aggregation. */
function sign(shares: readonly KeyShare[], tweak: Tweak): { signers: number; aggregation: number } {
  const message = random(32);
  const start = performance.now();
  const first = shares.map((share) => ({ share, ...commit({ share, random }) }));
  const commitments = new Map(first.map(({ share, commitment }) => [share.index, commitment]));
  const signed = new Map(
    first.map(({ share, nonces }) => [
      share.index,
      signShare({ share, nonces, commitments, message, tweak }),
    ]),
  );
  const middle = performance.now();
  const [one] = shares;
  if (one === undefined) {
    throw new TypeError('no shares');
  }
  aggregate({ public: one.public, commitments, shares: signed, message, tweak });
  return { signers: middle - start, aggregation: performance.now() - middle };
}

/** All rows of the threshold protocols. */
export function rows(): Promise<BenchRow[]> {
  const out: BenchRow[] = [];
  for (const { name, scheme, tweak } of suites) {
    for (const [threshold, n, full] of sizes) {
      const label = `${threshold}of${n}`;
      const count = runs(full);
      let shares = dkg(scheme, threshold, n);
      const generations: number[] = [];
      for (let i = 0; i < count; i += 1) {
        const start = performance.now();
        shares = dkg(scheme, threshold, n);
        generations.push((performance.now() - start) / n);
      }
      out.push(summarise(`dkg.${name}.${label}`, generations, 'ms'));
      const [first] = shares;
      if (first !== undefined) {
        const size = encodeKeyPublic(first.public).length + first.secret.length;
        out.push(summarise(`share.${name}.${label}`, [size], 'bytes'));
      }
      const signers = shares.slice(0, threshold);
      sign(signers, tweak);
      const samples = Array.from({ length: count * 2 }, () => sign(signers, tweak));
      const per = (key: string, of: (sample: (typeof samples)[number]) => number): void => {
        out.push(summarise(`frost.${name}.${key}.${label}`, samples.map(of), 'ms'));
      };
      per('sign', (sample) => sample.signers + sample.aggregation);
      per('signer', (sample) => sample.signers / threshold);
      per('aggregate', (sample) => sample.aggregation);
    }
  }
  return Promise.resolve(out);
}
