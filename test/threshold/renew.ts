/** Runs refresh and reshare in one process, for tests: all parties, each with its own randomness. */
import assert from 'node:assert/strict';
import { refreshRun, reshareRun, type KeyPublic, type KeyShare, type Run } from '../../threshold/index.ts';
import { driveRuns, insecureSeeded, sessionOf, type Delivery, type Driven } from './run.ts';

/** What came of a renewal. */
export interface Renewed extends Driven {
  /** The next shares, by index. */
  readonly next: Map<number, KeyShare>;
  /** What departed dealers know of the key. */
  readonly departed: Map<number, KeyPublic>;
}

function drive(runs: ReadonlyMap<number, Run>, onDelivery?: (delivery: Delivery) => void): Renewed {
  const driven = driveRuns(runs, onDelivery);
  const next = new Map<number, KeyShare>();
  const departed = new Map<number, KeyPublic>();
  for (const [index, result] of driven.results) {
    if (result.kind === 'key-share') {
      next.set(index, result.share);
    } else {
      assert.equal(result.kind, 'departed');
      departed.set(index, result.public);
    }
  }
  return { ...driven, next, departed };
}

/** Refreshes all shares. */
export const runRefresh = (
  shares: ReadonlyMap<number, KeyShare>,
  seed: string,
  onDelivery?: (delivery: Delivery) => void,
): Renewed =>
  drive(
    new Map(
      [...shares].map(([index, share]) => [
        index,
        refreshRun({ kind: 'refresh', share, session: sessionOf(seed) }, insecureSeeded(`${seed}/${index}`)),
      ]),
    ),
    onDelivery,
  );

/** A setting of a reshare. */
export interface ReshareSetting {
  readonly shares: ReadonlyMap<number, KeyShare>;
  readonly dealers: readonly number[];
  readonly participants: readonly number[];
  readonly threshold: number;
  readonly seed: string;
  /** What a party takes the public data of the key to be. */
  readonly publicFor?: (party: number, present: KeyPublic) => KeyPublic;
  readonly onDelivery?: (delivery: Delivery) => void;
}

/** Deals new shares. */
export function runReshare(setting: ReshareSetting): Renewed {
  const { shares, dealers, participants, threshold, seed } = setting;
  const [some] = shares.values();
  assert.ok(some !== undefined);
  const parties = [...new Set([...dealers, ...participants])].sort((a, b) => a - b);
  const runs = parties.map((index) => {
    const key = setting.publicFor?.(index, some.public) ?? some.public;
    const share = shares.get(index);
    const plan = {
      kind: 'reshare',
      public: key,
      index,
      share: dealers.includes(index) && share !== undefined ? { ...share, public: key } : undefined,
      dealers,
      participants,
      threshold,
      session: sessionOf(seed),
    } as const;
    return [index, reshareRun(plan, insecureSeeded(`${seed}/${index}`))] as const;
  });
  return drive(new Map(runs), setting.onDelivery);
}
