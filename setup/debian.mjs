// What the operating system must bring. Looked up by what is there, not by package database, so that any system that
// has the programs will do; what is missing is installed only where that is possible without a question.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runQuietly } from './child.mjs';
import { say, step, Stop } from './log.mjs';

const onPath = (program) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && existsSync(join(folder, program)));
const anyOf = (...files) => files.some((file) => existsSync(file));
/** A library to link with: its header, and the file that the linker looks for. */
const library = (header, name) => () =>
  anyOf(`/usr/include/${header}`, `/usr/local/include/${header}`) &&
  anyOf(
    `/usr/lib/x86_64-linux-gnu/${name}`,
    `/usr/lib/aarch64-linux-gnu/${name}`,
    `/usr/lib64/${name}`,
    `/usr/lib/${name}`,
    `/usr/local/lib/${name}`,
  );

const needs = [
  {
    package: 'softhsm2',
    there: () =>
      onPath('softhsm2-util') &&
      anyOf(
        '/usr/lib/softhsm/libsofthsm2.so',
        '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
        '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
      ),
  },
  { package: 'g++', there: () => onPath('g++') || onPath('c++') },
  { package: 'make', there: () => onPath('make') },
  { package: 'python3', there: () => onPath('python3') },
  { package: 'libsecp256k1-dev', there: library('secp256k1_schnorrsig.h', 'libsecp256k1.so') },
  { package: 'libsodium-dev', there: library('sodium.h', 'libsodium.so') },
  { package: 'ca-certificates', there: () => anyOf('/etc/ssl/certs/ca-certificates.crt') },
];

/** Makes sure that the programs and libraries of the operating system are there. */
export async function systemPackages() {
  const missing = needs.filter((need) => !need.there()).map((need) => need.package);
  if (missing.length === 0) {
    return;
  }
  const install = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!onPath('apt-get')) {
    throw new Stop(
      `Missing: ${missing.join(', ')}. Install them with the package manager of this system.`,
      3,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new Stop(
      `Missing Debian packages: ${missing.join(', ')}. Install them once and start again:\n\n  sudo apt-get update && sudo ${install}\n`,
      3,
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await step(`installing Debian packages: ${missing.join(' ')}`, async () => {
    await runQuietly('apt-get', ['update'], { env, what: 'apt-get update' });
    await runQuietly('apt-get', install.split(' ').slice(1), { env, what: install });
  });
  const still = needs.filter((need) => !need.there()).map((need) => need.package);
  if (still.length > 0) {
    throw new Stop(
      `apt-get installed ${still.join(', ')}, but the files are not where they are expected.`,
      3,
    );
  }
  say(`set-up: Debian packages are there`);
}
