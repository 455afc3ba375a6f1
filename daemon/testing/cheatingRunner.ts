/** A runner of a node that cheats, for tests: its protocols run as they should, and what they are given or give is changed. */
import type { TestContext } from 'node:test';
import type { RoundOutput, RunPlan, RunResult } from '../../threshold/index.ts';
import { inlineRunner } from '../work/inline.ts';
import type { Runner } from '../work/runner.ts';
import { random, testCluster, type ClusterOptions, type TestCluster } from './cluster.ts';

/** What is changed. */
export interface Cheats {
  readonly plan?: (plan: RunPlan) => RunPlan;
  readonly output?: (plan: RunPlan, round: number, output: RoundOutput) => RoundOutput;
  readonly result?: (plan: RunPlan, result: RunResult) => RunResult;
}

/** Runs protocols, and cheats as long as `cheats` says so. */
export function cheatingRunner(cheats: () => Cheats | undefined): Runner {
  const inner = inlineRunner(random);
  return {
    ...inner,
    begin: (given) => {
      const plan = cheats()?.plan?.(given) ?? given;
      const handle = inner.begin(plan);
      return {
        ...handle,
        step: async (round, input) => {
          const output = await handle.step(round, input);
          return cheats()?.output?.(plan, round, output) ?? output;
        },
        result: async () => {
          const result = await handle.result();
          return cheats()?.result?.(plan, result) ?? result;
        },
      };
    },
  };
}

/** A copy of `raw` with the byte at `at` (from its end where negative) changed. */
export function bent(raw: Uint8Array, at: number): Uint8Array {
  const out = raw.slice();
  const place = at < 0 ? out.length + at : at;
  out[place] = (out[place] ?? 0) ^ 1;
  return out;
}

/** The output with the pairwise message to one receiver replaced. */
export const withPairwise = (
  output: RoundOutput,
  to: number,
  change: (payload: Uint8Array) => Uint8Array,
): RoundOutput => ({
  ...output,
  pairwise: new Map(
    [...output.pairwise].map(([receiver, payload]) => [
      receiver,
      receiver === to ? change(payload) : payload,
    ]),
  ),
});

/** A cluster whose node-2 cheats as soon as it is told to. */
export async function cheatingCluster(
  t: Pick<TestContext, 'after'>,
  options: ClusterOptions = {},
): Promise<{ readonly cluster: TestCluster; readonly cheat: (cheats: Cheats | undefined) => void }> {
  const state: { cheats?: Cheats | undefined } = {};
  const cluster = await testCluster(t, {
    ...options,
    modules: (name, given) => {
      const modules = options.modules?.(name, given) ?? given;
      return name === 'node-2'
        ? { ...modules, makeRunner: () => cheatingRunner(() => state.cheats) }
        : modules;
    },
  });
  return {
    cluster,
    cheat: (cheats) => {
      state.cheats = cheats;
    },
  };
}
