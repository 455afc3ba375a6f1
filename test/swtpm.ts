/** A real TPM 2.0 in software for tests: a swtpm process of our own, with its own state and a unix socket. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import type { TpmAddress } from '../enclave/tpm/device/index.ts';

const onPath = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

/** Why tests with swtpm can't run here; `false` where they can. */
export const noSwtpm: string | false = ['swtpm', 'swtpm_setup', 'swtpm_ioctl'].every(onPath)
  ? false
  : 'swtpm is not installed (Debian: swtpm, swtpm-tools)';
/** Why a second opinion can't be had here; `false` where it can. */
export const noTpm2Tools: string | false = onPath('tpm2_checkquote')
  ? noSwtpm
  : 'tpm2-tools is not installed (Debian: tpm2-tools)';

/** A running swtpm. It is started up (TPM2_Startup) unless it was reset. */
export interface Swtpm {
  /** Temporary folder, with `state/`; sockets lie in it. */
  readonly folder: string;
  readonly address: TpmAddress;
  /** As `readTpmAddress` takes it, for a node's configuration. */
  readonly addressText: string;
  /** TPM2TOOLS_TCTI for tpm2-tools. */
  readonly tcti: string;
  /** Power off and on: registers and transient objects are gone. Whoever uses it next sends TPM2_Startup. */
  reset(): void;
  /** Ends the process and removes the folder. */
  stop(): Promise<void>;
}

/** What a new TPM has. */
export interface SwtpmOptions {
  /** PCR banks; SHA-256 unless told. */
  readonly banks?: readonly string[];
  /** Whether it gets endorsement keys with certificates of a CA of its own, `folder/ca`; takes about a second. */
  readonly certificates?: boolean;
  /** `ecc` for an endorsement key on P-384 in place of RSA-2048. */
  readonly endorsement?: 'rsa' | 'ecc';
}

/** Makes the state of a TPM and starts it. Throws Error with the program's output where that does not work. */
export async function startSwtpm(options: SwtpmOptions = {}): Promise<Swtpm> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-swtpm-'));
  try {
    manufacture(folder, options);
    return await run(folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** As {@link startSwtpm}, until the end of a test. */
export async function testSwtpm(t: Pick<TestContext, 'after'>, options: SwtpmOptions = {}): Promise<Swtpm> {
  const swtpm = await startSwtpm(options);
  t.after(() => swtpm.stop());
  return swtpm;
}

function manufacture(folder: string, options: SwtpmOptions): void {
  const { banks = ['sha256'], certificates = false, endorsement = 'rsa' } = options;
  mkdirSync(join(folder, 'state'), { mode: 0o700 });
  // A CA of its own: the one of the system belongs to another user, and is not to be changed.
  const ca = join(folder, 'ca');
  mkdirSync(ca, { mode: 0o700 });
  const file = (name: string, lines: readonly string[]): string => {
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
    return join(folder, name);
  };
  const caConfig = file('localca.conf', [
    `statedir = ${ca}`,
    `signingkey = ${ca}/signkey.pem`,
    `issuercert = ${ca}/issuercert.pem`,
    `certserial = ${ca}/certserial`,
  ]);
  const caOptions = file('localca.options', [
    '--platform-manufacturer symbolon',
    '--platform-version 1',
    '--platform-model test',
  ]);
  const config = file('setup.conf', [
    'create_certs_tool = swtpm_localca',
    `create_certs_tool_config = ${caConfig}`,
    `create_certs_tool_options = ${caOptions}`,
  ]);
  const args = ['--tpm2', '--tpmstate', join(folder, 'state'), '--config', config, '--overwrite'];
  args.push('--pcr-banks', banks.join(','));
  if (certificates) {
    args.push('--create-ek-cert', '--lock-nvram');
  }
  if (endorsement === 'ecc') {
    args.push('--ecc');
  }
  const { status, stdout, stderr, error } = spawnSync('swtpm_setup', args, { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`swtpm_setup ended with ${status ?? 'a signal'}: ${stdout}${stderr}`, { cause: error });
  }
}

/** Runs swtpm for as long as standard input is open: it ends with the process that started it, whatever ends that one. */
const untilInputEnds =
  'exec 3<&0; swtpm "$@" & tpm=$!; { read -r _ <&3; kill $tpm 2>/dev/null; } & wait $tpm; code=$?; kill $! 2>/dev/null; exit $code';

async function run(folder: string): Promise<Swtpm> {
  const data = join(folder, 'tpm.sock');
  // tpm2-tools look for the control socket under this name.
  const control = `${data}.ctrl`;
  const child = spawn(
    'sh',
    [
      ...['-c', untilInputEnds, 'sh'],
      ...['socket', '--tpm2', '--tpmstate', `dir=${join(folder, 'state')}`],
      ...['--server', `type=unixio,path=${data}`, '--ctrl', `type=unixio,path=${control}`],
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: ['pipe', 'ignore', 'pipe'] },
  );
  const ended = once(child, 'exit');
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  await listening(child, [data, control], () => output);
  return {
    folder,
    address: { kind: 'unix', path: data },
    addressText: `unix:${data}`,
    tcti: `swtpm:path=${data}`,
    reset: () => {
      const { status, stderr } = spawnSync('swtpm_ioctl', ['--unix', control, '-i'], { encoding: 'utf8' });
      if (status !== 0) {
        throw new Error(`swtpm_ioctl ended with ${status ?? 'a signal'}: ${stderr}`);
      }
    },
    stop: async () => {
      child.stdin.end();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until both sockets take connections; their files are there a moment before. The process may end instead. */
async function listening(
  child: ChildProcess,
  sockets: readonly string[],
  output: () => string,
): Promise<void> {
  for (const path of sockets) {
    while (!(await takesConnections(path))) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`swtpm ended before it listened: ${output()}`);
      }
      await sleep(5);
    }
  }
}

const takesConnections = (path: string): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => {
      done(false);
    });
  });
