/** Entry of a worker that dies when it is asked for round 2 of a run, for tests: before it has carried the step out. */
import { RunTable } from '../work/runTable.ts';

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this` below
const { take } = RunTable.prototype;
RunTable.prototype.take = function (order) {
  if (order.kind === 'step' && order.round === 2) {
    process.exit();
  }
  return take.call(this, order);
};
await import('../work/worker.ts');
