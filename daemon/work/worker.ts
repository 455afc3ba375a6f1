/** Entry of a worker thread: orders in, answers out. */
import { randomFillSync } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { RunTable } from './runTable.ts';
import { wipeAnswer } from './wipe.ts';
import type { Order } from './messages.ts';
import { packed } from './packed.ts';

const port = parentPort;
if (port === null) {
  throw new TypeError('this file is the entry of a worker thread');
}
const table = new RunTable({ random: (length) => randomFillSync(new Uint8Array(length)) });

// Only the main thread of this program has the other end of the port.
port.on('message', (order: Order) => {
  if (order.kind === 'close') {
    table.wipe();
    port.close();
    return;
  }
  const answer = table.take(order);
  if (answer !== undefined) {
    const { value, buffers } = packed(answer);
    wipeAnswer(answer);
    port.postMessage(value, buffers);
  }
});
