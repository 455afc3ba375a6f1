/** Runs the fuzzing thread and watches it: an input that never ends, or takes all memory, is a finding like any other. */
import { Worker } from 'node:worker_threads';
import type { Answer, Order } from './contract.ts';
import type { Finding } from './engine/fuzz.ts';
import type { Fault } from './engine/judge.ts';
import { LastInput } from './engine/lastInput.ts';

/** How long one input may run before it is taken for one that never ends, in milliseconds of this machine. */
const longestMs = 60_000;
/** Heap of the fuzzing thread in MiB: far above what any parser needs for its longest input. */
const heapMb = 1_024;

/** Runs an order, target by target. Gives the finding that ended the thread, if one did, and the targets left. */
export async function watch(
  order: Omit<Order, 'shared'>,
  onAnswer: (answer: Answer) => void,
): Promise<Finding | undefined> {
  const last = new LastInput();
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: { ...order, shared: last.shared } satisfies Order,
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  });
  let target = '';
  const ended = (fault: Fault, said: string): Finding => ({
    target,
    verdict: { kind: 'finding', fault, said, where: target },
    input: last.read(),
  });
  return new Promise((resolve, reject) => {
    let begun = -1;
    let since = Date.now();
    const timer = setInterval(() => {
      if (last.begun !== begun) {
        begun = last.begun;
        since = Date.now();
      } else if (begun > 0 && Date.now() - since > longestMs) {
        clearInterval(timer);
        resolve(ended('did not end', `still running after ${longestMs / 1_000} s`));
        void worker.terminate();
      }
    }, 1_000);
    worker.on('message', (answer: Answer) => {
      target = answer.kind === 'begin' ? answer.target : target;
      onAnswer(answer);
    });
    worker.once('error', (error) => {
      clearInterval(timer);
      if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
        resolve(ended('too much memory', `more than ${heapMb} MiB of heap`));
      } else {
        reject(error);
      }
    });
    worker.once('exit', () => {
      clearInterval(timer);
      resolve(undefined);
    });
  });
}
