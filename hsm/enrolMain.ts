/** Entry of the enrolment process: one order in over IPC, one answer out. Started by `enrolToken` only. */
import { randomBytes } from 'node:crypto';
import { hardenProcess } from '../native/binding.ts';
import type { EnrolAnswer, EnrolOrder } from './enrolment.ts';
import { enrolHere } from './enrolProcess.ts';
import { toProblem } from './problem.ts';

process.once('message', (order) => {
  let answer: EnrolAnswer;
  try {
    hardenProcess();
    // The order comes from the parent process, which runs the same build.
    enrolHere(order as EnrolOrder, (length) => new Uint8Array(randomBytes(length)));
    answer = { ok: true };
  } catch (error) {
    answer = { ok: false, problem: toProblem(error) };
  }
  process.send?.(answer, () => {
    process.disconnect();
  });
});
