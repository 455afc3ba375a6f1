/** A sign of life on stderr for work that takes longer than a person likes to wait without one. */
import type { Io } from './io.ts';
import { duration } from './style.ts';

const firstMs = 1_000;
const everyMs = 2_000;

/** Runs work; after a second, and then every two, says on stderr how long it has been at it. */
export async function withProgress<T>(io: Io, what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  let interval: NodeJS.Timeout | undefined;
  const say = (): void => {
    io.err(io.errStyle.dim(`${what}: ${duration(performance.now() - began)} ...`));
  };
  const first = setTimeout(() => {
    say();
    interval = setInterval(say, everyMs);
  }, firstMs);
  try {
    return await work();
  } finally {
    clearTimeout(first);
    clearInterval(interval);
  }
}
