/** The digest of the program that a dev node runs, and the PCRs that stand for it. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SymbolonError } from '../../wire/errors/index.ts';
import { hashOf } from '../../wire/ids.ts';
import { instancePcr, measureInto, rolePcr } from '../evidence/pcrs.ts';
import { reasonOf } from './files.ts';

/** One file of a program: its path relative to the program's folder, with `/` between the parts, and its bytes. */
export interface ProgramFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/** Digest of a program, 32 bytes: over paths and contents, in the order of the paths. */
export function programDigest(files: readonly ProgramFile[]): Uint8Array {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return hashOf(
    'symbolon/program/1',
    sorted.map(({ path, content }) => [path, new Uint8Array(createHash('sha256').update(content).digest())]),
  );
}

/** Whether a file of a build is part of the running program: JavaScript and native addons, not tests. */
const isProgram = (path: string): boolean => /\.(?:m?js|node)$/.test(path) && !path.endsWith('.test.js');

/**
 * Digest of the program in a folder of built files: `.js`, `.mjs` and `.node`, without tests, source maps and build
 * state.
 * @throws SymbolonError `attester/bad-program` where there is no program, or a symbolic link that could lead elsewhere.
 */
export async function digestProgramFolder(folder: string): Promise<Uint8Array> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new SymbolonError('attester/bad-program', { file: folder, reason: reasonOf(cause) }, { cause });
  });
  const files: ProgramFile[] = [];
  for (const entry of entries) {
    const full = join(entry.parentPath, entry.name);
    const path = full.slice(join(folder, '.').length + 1).replaceAll('\\', '/');
    if (entry.isSymbolicLink()) {
      throw new SymbolonError('attester/bad-program', {
        file: path,
        reason: 'a symbolic link in the program',
      });
    }
    if (entry.isFile() && isProgram(path)) {
      files.push({ path, content: await readFile(full) });
    }
  }
  if (files.length === 0) {
    throw new SymbolonError('attester/bad-program', { file: folder, reason: 'no program in this folder' });
  }
  return programDigest(files);
}

/** PCRs that an insecure dev node shows: `image` goes into the manifest's measurement, `node` into its node entry. */
export interface DevPcrs {
  /** PCR0, PCR1, PCR2: follow from the program. */
  readonly image: ReadonlyMap<number, Uint8Array>;
  /** PCR3, PCR4: role and instance. */
  readonly node: ReadonlyMap<number, Uint8Array>;
}

/** The PCRs of a program digest (32 bytes) on an enrolled instance. */
export function insecureDevPcrs(
  program: Uint8Array,
  instance: { readonly roleArn: string; readonly instanceId: string },
): DevPcrs {
  const part = (label: string): Uint8Array => measureInto(hashOf(label, program));
  return {
    image: new Map([
      [0, measureInto(program)],
      // A dev node has no kernel of its own: two values that follow from the program stand for kernel and application.
      [1, part('symbolon/insecure-dev/pcr1')],
      [2, part('symbolon/insecure-dev/pcr2')],
    ]),
    node: new Map([
      [3, rolePcr(instance.roleArn)],
      [4, instancePcr(instance.instanceId)],
    ]),
  };
}
