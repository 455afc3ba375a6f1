/**
 * The runner of a node: worker threads for the protocols, so that the main thread keeps answering. A run lives in one
 * worker; a worker that dies takes its runs with it, by name, and another one takes its place.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Log } from '../log.ts';
import type { Runner, RunHandle } from './runner.ts';
import { Seat, workerEntry } from './seat.ts';
import { shapeOf } from './shape.ts';

/** Most workers of a node. */
const maxWorkers = 4;
/** Workers on a machine with this many processors: one is left for the main thread. */
export const workersFor = (processors: number): number => Math.min(maxWorkers, Math.max(1, processors - 1));

/** Starts `count` workers. They take orders at once, and carry them out when they are loaded. */
export function workerRunner(
  opts: { readonly count: number },
  modules: { readonly log: Log; readonly entry?: URL },
): Runner {
  const { log, entry = workerEntry } = modules;
  const seats = Array.from({ length: opts.count }, () => new Seat({ log, entry }));
  let runs = 0;
  /** The worker with the least to do, if any is there. */
  const least = (): Seat | undefined => {
    let best: Seat | undefined;
    for (const seat of seats) {
      if (seat.load !== undefined && seat.load < (best?.load ?? Infinity)) {
        best = seat;
      }
    }
    return best;
  };
  const nobody = (): Promise<never> => Promise.reject(new SymbolonError('node/worker-ended', {}));
  return {
    begin: (plan): RunHandle => {
      runs += 1;
      return (
        least()?.begin(runs, plan) ?? {
          ...shapeOf(plan),
          step: nobody,
          result: nobody,
          end: () => undefined,
        }
      );
    },
    judge: (given, options) => least()?.judge(given, options) ?? nobody(),
    close: async () => {
      await Promise.all(seats.map((seat) => seat.close()));
    },
  };
}
