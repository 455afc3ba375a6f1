/** A runner in this thread, for tests that choose the randomness. A node uses workers.ts. */
import { beginRun, type Random } from '../../threshold/index.ts';
import { judgePeers } from '../sessions/peers.ts';
import type { Runner } from './runner.ts';
import { shapeOf } from './shape.ts';

/** Runs at once, and gives what it threw as a rejection. */
// eslint-disable-next-line @typescript-eslint/require-await -- the body is to run before this returns
const attempt = async <T>(work: () => T): Promise<T> => work();

/** Runs everything where it is called. */
export function inlineRunner(random: Random): Runner {
  return {
    begin: (plan) => {
      let made: ReturnType<typeof beginRun> | undefined;
      let refused: unknown;
      try {
        made = beginRun(plan, random);
      } catch (error) {
        refused = error;
      }
      const run = (): ReturnType<typeof beginRun> => {
        if (made === undefined) {
          throw refused;
        }
        return made;
      };
      return {
        ...shapeOf(plan),
        step: (round, input) => attempt(() => run().step(round, input)),
        result: () => attempt(() => run().takeResult()),
        end: () => made?.wipe(),
      };
    },
    judge: (given, options) => attempt(() => judgePeers(given, options)),
    close: () => Promise.resolve(),
  };
}
