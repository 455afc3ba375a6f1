/**
 * The thread that fuzzes. The parsers are imported after coverage has begun, or V8 would have compiled them without blocks;
 * so nothing of the product may be imported above that line, not even by another way.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, Order } from './contract.ts';
import { startCoverage } from './engine/coverage.ts';
import { LastInput } from './engine/lastInput.ts';

const isOrder = (value: unknown): value is Order =>
  typeof value === 'object' && value !== null && 'names' in value && 'shared' in value;
const port = parentPort;
const order: unknown = workerData;
if (port === null || !isOrder(order)) {
  throw new TypeError('a part of the fuzzer, not a program');
}
const say = (answer: Answer): void => {
  port.postMessage(answer);
};

/** What is fuzzed: the product's own code, as it was compiled. */
const isProduct = (url: string): boolean =>
  url.startsWith('file:') && !url.includes('/node_modules/') && !url.includes('/test/');
const coverage = order.blind ? undefined : startCoverage(isProduct);
const { targets } = await import('./targets/index.ts');
const { fuzz } = await import('./engine/fuzz.ts');
const { addToCorpus, readCorpus } = await import('./engine/findings.ts');

const last = new LastInput(order.shared);
for (const target of targets.filter(({ name }) => order.names.includes(name))) {
  const began = performance.now();
  let said = began;
  say({ kind: 'begin', target: target.name });
  const folder = order.corpus === undefined ? undefined : `${order.corpus}/${target.name}`;
  const { found, joined, ...result } = fuzz({
    target,
    seed: order.seed,
    coverage,
    executions: Math.ceil((order.executions ?? Number.MAX_SAFE_INTEGER) / (target.weight ?? 1)),
    enough: () => order.seconds !== undefined && performance.now() - began > order.seconds * 1_000,
    corpus: folder === undefined ? [] : readCorpus(folder),
    before: (input) => {
      last.begin(input);
    },
    onFinding: (finding) => {
      say({ kind: 'finding', finding });
    },
    onProgress: (progress) => {
      if (performance.now() - said > 5_000) {
        said = performance.now();
        say({ kind: 'progress', target: target.name, progress, ms: said - began });
      }
    },
  });
  if (folder !== undefined) {
    addToCorpus(folder, joined);
  }
  say({
    kind: 'end',
    target: target.name,
    result: { ...result, findings: found.length },
    ms: performance.now() - began,
  });
}
coverage?.stop();
