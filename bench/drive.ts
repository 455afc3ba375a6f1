/** Runs a protocol with all its parties in one process, and says what each party spent and sent. */
import { randomBytes } from 'node:crypto';
import { beginRun, type Random, type RunPlan, type RunResult } from '../threshold/index.ts';

/** Randomness of the platform. */
export const random: Random = (length) => new Uint8Array(randomBytes(length));

/** What became of one party. */
export interface Party {
  readonly index: number;
  /** Time in its steps, milliseconds. */
  readonly ms: number;
  /** Payload bytes that it sent: a broadcast counts once for each receiver. */
  readonly bytes: number;
  /** Its last broadcast. */
  readonly last: Uint8Array;
  /** All its broadcasts, by round. */
  readonly broadcasts: readonly Uint8Array[];
  readonly result: RunResult;
}

/** Runs one protocol; `plans` by index. */
export function drive(plans: ReadonlyMap<number, RunPlan>): Map<number, Party> {
  const parties = [...plans].map(([index, plan]) => {
    const started = performance.now();
    const run = beginRun(plan, random);
    return { index, run, ms: performance.now() - started, bytes: 0, broadcasts: [] as Uint8Array[] };
  });
  let broadcasts = new Map<number, Uint8Array>();
  let pairwise = new Map<number, ReadonlyMap<number, Uint8Array>>();
  const rounds = parties[0]?.run.rounds ?? 0;
  for (let round = 1; round <= rounds; round += 1) {
    const next = new Map<number, Uint8Array>();
    const nextPairwise = new Map<number, ReadonlyMap<number, Uint8Array>>();
    for (const party of parties) {
      const { index } = party;
      const input = {
        broadcasts: new Map([...broadcasts].filter(([from]) => from !== index)),
        pairwise: new Map(
          [...pairwise].flatMap(([from, all]) => {
            const own = all.get(index);
            return own === undefined ? [] : [[from, own] as const];
          }),
        ),
      };
      const started = performance.now();
      const output = party.run.step(round, input);
      party.ms += performance.now() - started;
      party.bytes += output.broadcast.length * (parties.length - 1);
      for (const message of output.pairwise.values()) {
        party.bytes += message.length;
      }
      party.broadcasts.push(output.broadcast);
      next.set(index, output.broadcast);
      nextPairwise.set(index, output.pairwise);
    }
    broadcasts = next;
    pairwise = nextPairwise;
  }
  return new Map(
    parties.map(({ index, run, ms, bytes, broadcasts: sent }) => [
      index,
      { index, ms, bytes, broadcasts: sent, last: sent.at(-1) ?? new Uint8Array(), result: run.takeResult() },
    ]),
  );
}
