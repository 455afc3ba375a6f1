/**
 * The work of an enrolment, in its own process: SOFTHSM2_CONF is per process, and vendor code stays out of the caller.
 * Files are made in an order in which `profile.json`, the last, means that all others are complete.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { toHex } from '../wire/ids.ts';
import { destroyKey, initialiseToken, makeWrappingKey } from './keygen.ts';
import { enrolmentFiles, type EnrolOrder } from './enrolment.ts';
import { errorCode } from './json.ts';
import { loadCryptoki, toCatalogue, VendorError, type Cryptoki, type Handle } from './pkcs11.ts';
import { probe } from './probe.ts';
import { softHsm2, type Profile } from './profiles.ts';
import { checkProtection, findWrappingKey, login, openSession } from './token.ts';
import type { Random } from './random.ts';
import { openWrappingKey, publicKeyHash } from './wrapping.ts';

/**
 * Makes token, PIN file, wrapping key and profile in the folder of the order, which holds no enrolment yet. Changes the
 * working folder and SOFTHSM2_CONF of this process.
 */
export function enrolHere(order: EnrolOrder, random: Random): void {
  process.umask(0o077);
  process.chdir(order.folder);
  const pin = randomPin(random);
  const soPin = randomPin(random);
  let ours = false;
  try {
    // Not recursive: where the folder is there already, another enrolment runs or ended half-way.
    mkdirSync(enrolmentFiles.tokens);
    ours = true;
    // Relative to the folder of the profile, which the HSM process changes into: the folder may be moved as a whole.
    writeNew(
      enrolmentFiles.softhsmConf,
      Buffer.from(
        `directories.tokendir = ${enrolmentFiles.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
      ),
    );
    writeNew(enrolmentFiles.pin, pin);
    process.env['SOFTHSM2_CONF'] = join(process.cwd(), enrolmentFiles.softhsmConf);
    const cryptoki = loadCryptoki(order.module);
    const { slot, serial } = initialiseToken(cryptoki, order.label, soPin, pin);
    const session = openSession(cryptoki, slot);
    login(cryptoki, session, 0, () => pin.slice());
    const profile = makeProfile(order, cryptoki, session, serial, random);
    syncTree(enrolmentFiles.tokens);
    commit(profile);
  } catch (error) {
    if (ours) {
      // A refusal changes no state; only a crash leaves a half-made enrolment.
      for (const name of Object.values(enrolmentFiles)) {
        rmSync(name, { recursive: true, force: true });
      }
    }
    throw errorCode(error) === 'unknown'
      ? toCatalogue(error)
      : new SymbolonError(
          'hsm/config-broken',
          { file: order.folder, reason: errorCode(error) },
          { cause: error },
        );
  } finally {
    // The SO PIN is kept nowhere: with it one could set another user PIN or wipe the token, and nobody needs to.
    soPin.fill(0);
    pin.fill(0);
  }
}

function makeProfile(
  order: EnrolOrder,
  cryptoki: Cryptoki,
  session: Handle,
  serial: string,
  random: Random,
): Profile {
  const id = random(16);
  const keyId = toHex(id);
  for (const algorithm of order.algorithms) {
    const made = makeWrappingKey(cryptoki, session, softHsm2, algorithm, order.keyLabel, id);
    let hash: Uint8Array | undefined;
    try {
      const key = openWrappingKey(cryptoki, session, made.key, algorithm);
      hash = publicKeyHash(key);
      probe(key, random);
    } catch (error) {
      if (!(error instanceof VendorError) && !isSymbolonError(error, 'hsm/probe-failed')) {
        throw error;
      }
      destroyKey(cryptoki, session, made);
      continue;
    }
    // As the HSM process will look for it: one object, protected.
    const found = findWrappingKey(cryptoki, session, order.keyLabel, keyId, algorithm);
    checkProtection(cryptoki, session, found, keyId);
    return {
      v: 1,
      module: order.module,
      tokenLabel: order.label,
      tokenSerial: serial,
      keyLabel: order.keyLabel,
      keyId,
      algorithm,
      ...(hash === undefined ? {} : { publicKeySha256: toHex(hash) }),
      madeAt: order.now,
    };
  }
  throw new SymbolonError('hsm/no-algorithm', { tried: order.algorithms });
}

/** 32 characters of the base32 alphabet: 160 random bits, and no character that a PIN pad or a shell minds. */
function randomPin(random: Random): Uint8Array {
  const alphabet = Buffer.from('abcdefghijklmnopqrstuvwxyz234567', 'latin1');
  const raw = random(32);
  // 256 is a multiple of 32, so the lower five bits are even.
  const pin = raw.map((byte) => alphabet[byte & 31] ?? 0);
  raw.fill(0);
  return pin;
}

function commit(profile: Profile): void {
  const draft = `${enrolmentFiles.profile}.new`;
  writeNew(draft, Buffer.from(`${JSON.stringify(profile, null, 2)}\n`));
  syncFolder('.');
  renameSync(draft, enrolmentFiles.profile);
  syncFolder('.');
}

/** Creates a file with mode 0600 that must not be there yet, and waits for the disk. */
function writeNew(file: string, content: Uint8Array): void {
  const fd = openSync(file, 'wx', 0o600);
  try {
    for (let at = 0; at < content.length;) {
      at += writeSync(fd, content, at);
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The token's own files must be on the disk before the profile says that they are. */
function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      syncTree(path);
    } else {
      syncFolder(path);
    }
  }
  syncFolder(folder);
}
