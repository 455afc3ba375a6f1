/** The HSM process put together: configuration, PIN, token, listener, end. See hsm/exitCodes.ts for how it ends. */
import { existsSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { name } from '../wire/ids.ts';
import { optional, record, text, type TypeOf } from '../wire/shape.ts';
import { enrolmentFiles } from './enrolment.ts';
import { exitCodes } from './exitCodes.ts';
import { errorCode, readJsonFile } from './json.ts';
import type { Log } from './log.ts';
import { toCatalogue } from './pkcs11.ts';
import { readPinFile } from './pinFile.ts';
import { readProfile } from './profiles.ts';
import { clearRefusal, readRefusal, writeRefusal } from './refusal.ts';
import { checkSocketFolder, serveHsm, type HsmServer } from './server.ts';
import { openToken, type Token } from './token.ts';
import type { Random } from './random.ts';

const path = text(512, /^[\x20-\x7e]+$/);
/** Shape of the configuration file. Relative paths start at the working folder of the process. */
export const hsmConfigShape = record({
  profile: path,
  pinFile: path,
  socket: path,
  /** Configuration of SoftHSM2; `softhsm2.conf` beside the profile unless told, where there is one. */
  softhsmConf: optional(path),
  /** Cluster id as hexadecimal: for logs only, records carry their own. */
  cluster: optional(text(32, /^[0-9a-f]{32}$/)),
  node: name,
});
/** Configuration of the HSM process. */
export type HsmConfig = TypeOf<typeof hsmConfigShape>;

/** What the process is given from outside. */
export interface ProcessModules {
  readonly random: Random;
  readonly now: () => number;
  readonly log: Log;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

/** A process that serves. */
export interface RunningHsm {
  /** Stops serving and logs out. */
  stop(): Promise<void>;
}

/**
 * Reads the configuration file.
 * @throws SymbolonError `hsm/config-broken`
 */
export function readHsmConfig(file: string): HsmConfig {
  const read = readJsonFile(file, hsmConfigShape);
  if (read.state !== 'read') {
    const reason = read.state === 'absent' ? 'absent' : read.reason;
    throw new SymbolonError('hsm/config-broken', { file, reason });
  }
  return read.value;
}

/** Starts to serve; a refusal is logged, left beside the socket for the daemon, and ends the process. */
export async function runHsmProcess(
  config: HsmConfig,
  modules: ProcessModules,
): Promise<RunningHsm | undefined> {
  const { log, now } = modules;
  process.umask(0o077);
  const place = takePlace(config);
  let pinMark: string | undefined;
  let token: Token | undefined;
  try {
    // Before the PIN is shown to the token: where the socket can't be, a refusal of the PIN can't be marked either (T30).
    checkSocketFolder(place.socket);
    const profile = readProfile(place.profile);
    token = openToken(
      profile,
      () => {
        const file = readPinFile(place.pinFile);
        refuseTriedPin(place.socket, file.mark, file.pin);
        pinMark = file.mark;
        return file.pin;
      },
      modules.random,
    );
    const server = await serveHsm(
      { socket: place.socket, node: config.node },
      {
        token,
        log,
        now,
        onTokenFailure: (error) => {
          logRefusal(log, 'token-failed', error);
          modules.exit(exitCodeOf(error));
        },
      },
    );
    clearRefusal(place.socket);
    log('info', 'ready', {
      node: config.node,
      ...(config.cluster === undefined ? {} : { cluster: config.cluster }),
      token: profile.tokenLabel,
      serial: profile.tokenSerial,
      algorithm: profile.algorithm,
    });
    return running(server, token);
  } catch (thrown) {
    const error = toCatalogue(thrown);
    logRefusal(log, 'refused', error);
    leaveRefusal(place.socket, error, pinMark, modules);
    modules.exit(exitCodeOf(error));
    return undefined;
  }
}

/** The exit code for an error, see {@link exitCodes}. */
export function exitCodeOf(error: unknown): number {
  if (!isSymbolonError(error)) {
    return exitCodes.tokenFailed;
  }
  switch (error.code) {
    case 'hsm/pin-refused':
    case 'hsm/pin-file-exposed':
    case 'hsm/pin-file-broken':
      return exitCodes.pinRefused;
    case 'hsm/token-failed':
    case 'hsm/token-absent':
    case 'hsm/probe-failed':
      return exitCodes.tokenFailed;
    default:
      return exitCodes.badSetup;
  }
}

/**
 * Changes into the folder of the profile, which the SoftHSM2 configuration is relative to, and turns the other paths to
 * it. The socket path stays relative where that is shorter: unix socket paths end at 107 bytes.
 */
function takePlace(config: HsmConfig): { profile: string; pinFile: string; socket: string } {
  const profile = resolve(config.profile);
  const pinFile = resolve(config.pinFile);
  const socket = resolve(config.socket);
  const home = dirname(profile);
  const conf =
    config.softhsmConf === undefined ? join(home, enrolmentFiles.softhsmConf) : resolve(config.softhsmConf);
  if (existsSync(conf)) {
    process.env['SOFTHSM2_CONF'] = conf;
  }
  if (existsSync(home) && statSync(home).isDirectory()) {
    process.chdir(home);
  }
  const near = relative(process.cwd(), socket);
  return { profile, pinFile, socket: near.length < socket.length ? near : socket };
}

/** T30: a PIN that the token refused once is not shown to it again, even if a supervisor starts the process again. */
function refuseTriedPin(socket: string, mark: string, pin: Uint8Array): void {
  if (readRefusal(socket)?.pinMark === mark) {
    pin.fill(0);
    throw new SymbolonError('hsm/pin-refused', { reason: 'refused before, and the PIN file is the same' });
  }
}

/** Leaves the reason beside the socket. Whatever happens here, the exit code stays the one of the refusal. */
function leaveRefusal(
  socket: string,
  error: unknown,
  pinMark: string | undefined,
  { log, now }: ProcessModules,
): void {
  if (!existsSync(dirname(socket)) || isSymbolonError(error, 'hsm/already-running')) {
    return;
  }
  // Only a PIN that the token saw is marked. The mark outlives refusals for other reasons, until a start succeeds.
  const presented = isSymbolonError(error, 'hsm/pin-refused') ? pinMark : undefined;
  try {
    writeRefusal(socket, error, presented ?? readRefusal(socket)?.pinMark, now());
  } catch (failed) {
    log('error', 'refusal-not-written', { reason: errorCode(failed) });
  }
}

function logRefusal(log: Log, event: string, error: unknown): void {
  if (isSymbolonError(error)) {
    log('error', event, { code: error.code, detail: error.message, todo: error.todo });
  } else {
    // Text of an unforeseen error could hold anything (T33): its class is enough to find it with a debugger.
    log('error', event, { code: 'hsm/unavailable', detail: error instanceof Error ? error.name : 'unknown' });
  }
}

function running(server: HsmServer, token: Token): RunningHsm {
  return {
    stop: async () => {
      await server.close();
      token.close();
    },
  };
}
