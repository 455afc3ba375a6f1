/** A temporary folder of one test, removed when the test ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Who runs a cleanup when the test has ended: a test's context does. */
export interface Cleaner {
  readonly after: (cleanup: () => Promise<void>) => void;
}

/** Makes the folder (0700) and returns its path. */
export async function testFolder(t: Cleaner): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'symbolon-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
