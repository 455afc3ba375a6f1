/** Test only: what tests with a real (software) TPM share, and what stands between us and a TPM to listen or to change bytes. */
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { testSwtpm, type Swtpm, type SwtpmOptions } from '../../../test/swtpm.ts';
import { commandCode, type CommandName } from './codes.ts';
import { Tpm, type TpmAddress, type TpmOptions } from './index.ts';
import { openTransport, type TpmTransport } from './transport.ts';

/** Fresh random bytes. */
export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** A TPM over an emulator, with usual options where none are given. It is closed by the one who asked for it. */
export const tpmOf = (swtpm: Swtpm, options: Partial<TpmOptions> = {}): Tpm =>
  new Tpm({ address: swtpm.address, timeoutMs: 20_000, random, storageRoot: 'unpinned', ...options });

/** An emulator of our own and a TPM over it, until the end of a test or of a suite. */
export async function testTpm(
  t: Pick<TestContext, 'after'>,
  options: SwtpmOptions = {},
  tpmOptions: Partial<TpmOptions> = {},
): Promise<{ readonly swtpm: Swtpm; readonly tpm: Tpm }> {
  const swtpm = await testSwtpm(t, options);
  return { swtpm, tpm: tpmOf(swtpm, tpmOptions) };
}

/** What an interposer sees of one command, and may put in place of the response. */
export type Interposer = (
  command: CommandName | 'unknown',
  sent: Uint8Array,
  exchange: () => Promise<Uint8Array>,
) => Promise<Uint8Array>;

const nameOfCommand = (bytes: Uint8Array): CommandName | 'unknown' => {
  const code = new DataView(bytes.buffer, bytes.byteOffset).getUint32(6);
  for (const name in commandCode) {
    if (commandCode[name as CommandName] === code) {
      return name as CommandName;
    }
  }
  return 'unknown';
};

/** Opens the real way with an interposer in the middle. */
export const interposed =
  (interposer: Interposer) =>
  async (address: TpmAddress, over: AbortSignal): Promise<TpmTransport> => {
    const real = await openTransport(address, over);
    return {
      exchange: (bytes) => interposer(nameOfCommand(bytes), bytes, () => real.exchange(bytes)),
      close: () => real.close(),
    };
  };

/** All bytes that cross, in both directions. */
export function recorder(): { readonly open: NonNullable<TpmOptions['open']>; readonly seen: Uint8Array[] } {
  const seen: Uint8Array[] = [];
  const open = interposed(async (_, sent, exchange) => {
    seen.push(sent.slice());
    const response = await exchange();
    seen.push(response.slice());
    return response;
  });
  return { open, seen };
}

/** A response without parameters. */
export const bareResponse = (rc: number): Uint8Array => {
  const out = new Uint8Array(10);
  const view = new DataView(out.buffer);
  view.setUint16(0, 0x8001);
  view.setUint32(2, 10);
  view.setUint32(6, rc);
  return out;
};
