// npm packages, without any install script: `npm ci --ignore-scripts` behaves the same under npm 10 and under npm 11,
// which asks before it runs scripts. What must be compiled is compiled by name, in native.mjs.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { npmCommand, root, runQuietly } from './child.mjs';
import { step } from './log.mjs';
import { digest, stamp, stamped } from './stamp.mjs';

const modules = join(root, 'node_modules');
const stampFile = join(modules, '.symbolon-stamp');

/** Whether npm's own record of what lies in node_modules agrees with package-lock.json, package for package. */
function agreesWithLock() {
  const hidden = join(modules, '.package-lock.json');
  if (!existsSync(hidden)) {
    return false;
  }
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages ?? {};
  const there = JSON.parse(readFileSync(hidden, 'utf8')).packages ?? {};
  return Object.entries(wanted).every(
    ([at, { version, integrity, optional, peer }]) =>
      at === '' ||
      (there[at] === undefined
        ? optional === true || peer === true
        : there[at].version === version && there[at].integrity === integrity && existsSync(join(root, at))),
  );
}

/** Installs what package-lock.json names, unless it is there already. */
export async function npmPackages() {
  const value = digest(readFileSync(join(root, 'package-lock.json')));
  if (stamped(stampFile, value)) {
    return;
  }
  if (!agreesWithLock()) {
    const [program, args] = npmCommand();
    await step('installing npm packages', () =>
      runQuietly(
        program,
        [...args, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--include=dev', '--include=optional'],
        {
          what: 'npm ci',
        },
      ),
    );
  }
  stamp(stampFile, value);
}
