// Native code, built by node-gyp of this clone: our addon and pkcs11js. Both speak Node-API, so one build serves every
// Node from 20 on.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import { root, runQuietly } from './child.mjs';
import { step, Stop } from './log.mjs';
import { contents, filesBelow, stamp, stamped } from './stamp.mjs';

const require = createRequire(import.meta.url);
const isSource = (name) => /\.(gypi?|c|cc|cpp|h|hpp|S)$/.test(name);

/** Where the headers of Node lie; undefined lets node-gyp look for them itself. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return [prefix, '/usr'].find((at) => existsSync(join(at, 'include/node/node_api.h')));
}

const loads = (binary) => {
  try {
    require(binary);
    return true;
  } catch {
    return false;
  }
};
const binariesOf = (folder) =>
  filesBelow(join(folder, 'build/Release'), (name) => name.endsWith('.node'), ['obj.target']);

async function buildAddon(folder, name) {
  if (!existsSync(join(folder, 'binding.gyp'))) {
    return;
  }
  const value = contents(filesBelow(folder, isSource, ['build', 'node_modules']));
  const stampFile = join(folder, 'build/.symbolon-stamp');
  if (stamped(stampFile, value) && binariesOf(folder).length > 0) {
    return;
  }
  // A package that was compiled by someone else's install is taken as it is when it loads; our own code is not.
  const taken = folder.includes('node_modules') && !existsSync(stampFile) && binariesOf(folder).some(loads);
  if (!taken) {
    const headers = nodeHeaders();
    const args = [join(root, 'node_modules/node-gyp/bin/node-gyp.js'), 'rebuild', '-j', '2'];
    if (headers !== undefined) {
      args.push(`--nodedir=${headers}`);
    }
    await step(`compiling ${name}`, () =>
      runQuietly(process.execPath, args, { cwd: folder, what: `node-gyp for ${name}` }),
    );
  }
  const binaries = binariesOf(folder);
  if (binaries.length === 0 || !binaries.every(loads)) {
    throw new Stop(`The addon of ${name} was compiled and does not load.`);
  }
  stamp(stampFile, value);
}

/** Compiles every addon whose sources changed. */
export async function nativeAddons() {
  await Promise.all([
    buildAddon(join(root, 'native'), 'the symbolon addon'),
    buildAddon(join(root, 'node_modules/pkcs11js'), 'pkcs11js'),
  ]);
}
