/** A process that writes to a store as fast as it can and says after each write what was acknowledged; it ends by a kill. */
import { openPgliteStore } from '../store/pgliteStore.ts';

const folder = process.argv[2] ?? '';
const store = await openPgliteStore({ folder });
for (let i = Number(process.argv[3] ?? 0); ; i += 1) {
  const id = i.toString(16).padStart(32, '0');
  await store.addJob({
    id,
    kind: 'sign',
    request: new Uint8Array(900).fill(i),
    hash: new Uint8Array(32).fill(i),
    key: undefined,
    createdAt: i,
    expiresAt: i + 1,
  });
  if (i % 2 === 0) {
    await store.finishJob(id, 'done', JSON.stringify({ i }), i);
  }
  // Written synchronously: what the test has read was acknowledged before.
  process.stdout.write(`${id}\n`);
}
