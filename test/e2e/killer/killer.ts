/** Ends a real daemon as kill -9 does, right before its n-th change of the disk below one folder. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeSpecs } from '../../../cli/cluster/start.ts';
import { repoRoot } from '../../repoRoot.ts';

/** Compiles the killer into `folder` and gives its path. */
export function buildKiller(folder: string): string {
  const library = join(folder, 'killAt.so');
  const source = join(repoRoot, 'test/e2e/killer/killAt.c');
  execFileSync('cc', [
    '-shared',
    '-fPIC',
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    library,
    source,
    '-ldl',
  ]);
  return library;
}

/** The killer of one daemon. */
export interface Killer {
  readonly library: string;
  /** Absolute: only changes below it count. */
  readonly folder: string;
  /** The file that says when. */
  readonly plan: string;
}

/** The specs of a node whose daemon can be ended so. */
export function withKiller(specs: NodeSpecs, { library, folder, plan }: Killer): NodeSpecs {
  const { daemon } = specs;
  return {
    ...specs,
    daemon: {
      ...daemon,
      main: join(repoRoot, 'test/e2e/killer/preloaded.mjs'),
      args: [daemon.main, library, folder, plan, ...daemon.args],
    },
  };
}

/** From now on the changes are counted; before the `at`-th one, from 1, the daemon ends. */
export function killAt({ plan }: Killer, at: number): void {
  writeFileSync(`${plan}.new`, `${randomBytes(8).toString('hex')} ${at}`);
  renameSync(`${plan}.new`, plan);
}

/** Whether the daemon was ended. Where it was not, it is not ended any more. */
export function wasKilled({ plan }: Killer): boolean {
  const killed = !existsSync(plan);
  rmSync(plan, { force: true });
  return killed;
}
