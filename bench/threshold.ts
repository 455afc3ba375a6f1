/**
 * The protocols in one process: CPU time, no network. Rows are per party unless they say otherwise; `frost.*.sign.*` is
 * all of one signature: the rounds of all t signers and the aggregation.
 */
import { schemes, type EcdsaScheme, type FrostScheme, type Scheme } from '../wire/ids.ts';
import {
  aggregate,
  combineEcdsa,
  encodeKeyPublic,
  type KeyShare,
  type LentPairing,
  type RunPlan,
} from '../threshold/index.ts';
import { drive, random, type Party } from './drive.ts';
import { runs, summarise, type BenchRow } from './row.ts';

const sizes: readonly (readonly [threshold: number, n: number, full: number])[] = [
  [2, 3, 40],
  [3, 5, 20],
  [7, 10, 8],
];
const names: Readonly<Record<Scheme, string>> = {
  'frost-ed25519': 'ed25519',
  'frost-secp256k1-tr': 'taproot',
  'dkls23-secp256k1': 'secp256k1',
  'dkls23-p256': 'p256',
};
const indices = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const plansOf = (parties: readonly number[], plan: (index: number) => RunPlan): Map<number, RunPlan> =>
  new Map(parties.map((index) => [index, plan(index)]));
const shareOf = (party: Party | undefined): KeyShare => {
  if (party?.result.kind !== 'key-share') {
    throw new TypeError('no share came out');
  }
  return party.result.share;
};
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const msOf = (parties: ReadonlyMap<number, Party>): number => mean([...parties.values()].map(({ ms }) => ms));

/** Runs a protocol a few times, the first two unmeasured. */
function repeat<T>(full: number, work: () => T): T[] {
  const all = Array.from({ length: runs(full) + 2 }, work);
  return all.slice(2);
}

function dkg(scheme: Scheme, threshold: number, n: number): ReadonlyMap<number, Party> {
  const participants = indices(n);
  const session = random(32);
  return drive(
    plansOf(participants, (index) => ({ kind: 'dkg', scheme, session, index, participants, threshold })),
  );
}

function pairings(n: number): ReadonlyMap<number, Party> {
  const session = random(32);
  const participants = indices(n);
  return drive(plansOf(participants, (index) => ({ kind: 'pair', session, index, participants })));
}

/** Pairings of one party with the other signers. */
function lent(
  all: ReadonlyMap<number, Party>,
  index: number,
  signers: readonly number[],
): Map<number, LentPairing> {
  const result = all.get(index)?.result;
  if (result?.kind !== 'pairings') {
    throw new TypeError('no pairings came out');
  }
  return new Map([...result.pairings].filter(([peer]) => signers.includes(peer)));
}

function frostRows(scheme: FrostScheme): BenchRow[] {
  const name = names[scheme];
  const tweak = scheme === 'frost-ed25519' ? 'none' : 'bip341';
  return sizes.flatMap(([threshold, n, full]) => {
    const label = `${threshold}of${n}`;
    const shares = new Map([...dkg(scheme, threshold, n)].map(([index, party]) => [index, shareOf(party)]));
    const signers = indices(threshold);
    const samples = repeat(full * 2, () => {
      const message = random(32);
      const parties = drive(
        plansOf(signers, (index) => {
          const share = shares.get(index) ?? shareOf(undefined);
          return { kind: 'frost-sign', share, signers, message, tweak, path: [] };
        }),
      );
      const byIndex = (round: number): Map<number, Uint8Array> =>
        new Map([...parties].map(([index, party]) => [index, party.broadcasts[round] ?? new Uint8Array()]));
      const started = performance.now();
      aggregate({
        public: (shares.get(1) ?? shareOf(undefined)).public,
        commitments: byIndex(0),
        shares: byIndex(1),
        message,
        tweak,
        path: [],
      });
      const aggregation = performance.now() - started;
      return { signer: msOf(parties), aggregation };
    });
    const row = (key: string, of: (sample: (typeof samples)[number]) => number): BenchRow =>
      summarise(`frost.${name}.${key}.${label}`, samples.map(of), 'ms');
    return [
      row('sign', ({ signer, aggregation }) => signer * threshold + aggregation),
      row('signer', ({ signer }) => signer),
      row('aggregate', ({ aggregation }) => aggregation),
    ];
  });
}

function ecdsaRows(scheme: EcdsaScheme): BenchRow[] {
  const prefix = scheme === 'dkls23-secp256k1' ? 'ecdsa' : 'ecdsa.p256';
  return sizes.flatMap(([threshold, n, full]) => {
    const label = `${threshold}of${n}`;
    const keys = repeat(full, () => dkg(scheme, threshold, n));
    const shares = new Map([...(keys[0] ?? [])].map(([index, party]) => [index, shareOf(party)]));
    const first = shares.get(1) ?? shareOf(undefined);
    const signers = indices(threshold);
    const paired = pairings(threshold);
    const multiplying = (index: number, session: Uint8Array) => ({
      share: shares.get(index) ?? shareOf(undefined),
      session,
      signers,
      pairings: lent(paired, index, signers),
    });
    const whole = repeat(full, () => {
      const session = random(32);
      const digest = random(32);
      const parties = drive(
        plansOf(signers, (index) => ({
          kind: 'ecdsa-sign',
          ...multiplying(index, session),
          digest,
          path: [],
        })),
      );
      const started = performance.now();
      const shared = new Map([...parties].map(([index, { last }]) => [index, last]));
      combineEcdsa({ public: first.public, path: [], digest, shares: shared });
      return { parties, combine: performance.now() - started };
    });
    const online = repeat(full, () => {
      const session = random(32);
      const presigned = drive(
        plansOf(signers, (index) => ({ kind: 'ecdsa-presign', ...multiplying(index, session) })),
      );
      const digest = random(32);
      const entropy = random(32);
      return drive(
        plansOf(signers, (index) => {
          const result = presigned.get(index)?.result;
          if (result?.kind !== 'presignature') {
            throw new TypeError('no presignature came out');
          }
          const { presignature } = result;
          const { public: key } = first;
          return {
            kind: 'ecdsa-online',
            public: key,
            index,
            signers,
            presignature,
            digest,
            path: [],
            session: entropy,
          };
        }),
      );
    });
    const bytes = whole.map(({ parties }) => mean([...parties.values()].map((party) => party.bytes)));
    const size = encodeKeyPublic(first.public).length + first.secret.length;
    return [
      summarise(
        `${prefix}.sign.${label}`,
        whole.map(({ parties }) => msOf(parties)),
        'ms',
      ),
      summarise(
        `${prefix}.combine.${label}`,
        whole.map(({ combine }) => combine),
        'ms',
      ),
      summarise(`${prefix}.online.${label}`, online.map(msOf), 'ms'),
      summarise(`${prefix}.bytes.${label}`, bytes, 'bytes'),
      summarise(`${prefix}.keygen.${label}`, keys.map(msOf), 'ms'),
      summarise(
        label === '2of3' ? `${prefix}.share.bytes` : `${prefix}.share.bytes.${label}`,
        [size],
        'bytes',
      ),
    ];
  });
}

/** All rows of the threshold protocols. */
export function rows(): Promise<BenchRow[]> {
  const out: BenchRow[] = [];
  out.push(
    summarise(
      'pairing.perSide',
      repeat(10, () => msOf(pairings(2))),
      'ms',
    ),
  );
  for (const scheme of schemes) {
    out.push(
      ...(scheme === 'dkls23-secp256k1' || scheme === 'dkls23-p256' ? ecdsaRows(scheme) : frostRows(scheme)),
    );
    for (const [threshold, n, full] of sizes) {
      const label = `${threshold}of${n}`;
      out.push(
        summarise(
          `dkg.${names[scheme]}.${label}`,
          repeat(full, () => msOf(dkg(scheme, threshold, n))),
          'ms',
        ),
      );
    }
  }
  return Promise.resolve(out);
}
