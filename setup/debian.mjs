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

/** What building and running need. */
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
/** What only tests and measurements need: a TPM in software, and other people's tools as a second opinion. */
const testNeeds = [
  { package: 'swtpm', there: () => onPath('swtpm') },
  { package: 'swtpm-tools', there: () => onPath('swtpm_setup') && onPath('swtpm_ioctl') },
  { package: 'tpm2-tools', there: () => onPath('tpm2_checkquote') },
];

const missingOf = (list) => list.filter((need) => !need.there()).map((need) => need.package);
const installOf = (packages) => `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
const isRoot = () => process.getuid?.() === 0;

async function aptInstall(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = installOf(packages);
  await step(`installing Debian packages: ${packages.join(' ')}`, async () => {
    await runQuietly('apt-get', ['update'], { env, what: 'apt-get update' });
    await runQuietly('apt-get', install.split(' ').slice(1), { env, what: install });
  });
}

/** Makes sure that the programs and libraries of the operating system are there that building and running need. */
export async function systemPackages() {
  const missing = missingOf(needs);
  if (missing.length === 0) {
    return;
  }
  if (!onPath('apt-get')) {
    throw new Stop(
      `Missing: ${missing.join(', ')}. Install them with the package manager of this system.`,
      3,
    );
  }
  if (!isRoot()) {
    throw new Stop(
      `Missing Debian packages: ${missing.join(', ')}. Install them once and start again:\n\n  sudo apt-get update && sudo ${installOf(missing)}\n`,
      3,
    );
  }
  await aptInstall(missing);
  const still = missingOf(needs);
  if (still.length > 0) {
    throw new Stop(
      `apt-get installed ${still.join(', ')}, but the files are not where they are expected.`,
      3,
    );
  }
  say(`set-up: Debian packages are there`);
}

/**
 * Installs what only tests need, where that is possible without a question. What stays missing stops nothing: the tests that need it
 * are skipped, each with its reason.
 */
export async function testPackages() {
  const missing = missingOf(testNeeds);
  if (missing.length === 0) {
    return;
  }
  if (onPath('apt-get') && isRoot()) {
    try {
      await aptInstall(missing);
    } catch (error) {
      if (!(error instanceof Stop)) {
        throw error;
      }
      say(error.message);
    }
  }
  const still = missingOf(testNeeds);
  if (still.length > 0) {
    say(`set-up: tests that need ${still.join(', ')} are skipped; with them: sudo ${installOf(still)}`);
  }
}
