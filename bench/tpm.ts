/**
 * A TPM 2.0 in software (swtpm): what our own commands, sessions and checks cost. A real TPM takes ten to a hundred times as long for
 * its part. No rows where swtpm is not installed.
 */
import { randomBytes } from 'node:crypto';
import { makeCredential } from '../enclave/tpm/credential.ts';
import { Tpm } from '../enclave/tpm/device/index.ts';
import { readTpmPublic } from '../enclave/tpm/public.ts';
import { noSwtpm, startSwtpm, type Swtpm } from '../test/swtpm.ts';
import { measure, type BenchRow } from './row.ts';

/** Random bytes, registers, quotes, sealing, unsealing, activation, a counter. */
export async function rows(): Promise<BenchRow[]> {
  if (noSwtpm !== false) {
    process.stderr.write(`bench: tpm left out: ${noSwtpm}\n`);
    return [];
  }
  const swtpm = await startSwtpm();
  try {
    return await over(swtpm);
  } finally {
    await swtpm.stop();
  }
}

async function over(swtpm: Swtpm): Promise<BenchRow[]> {
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const usual = { address: swtpm.address, timeoutMs: 20_000, random };
  const { name: storageRoot } = await new Tpm({ ...usual, storageRoot: 'unpinned' }).storageRoot();
  const tpm = new Tpm({ ...usual, storageRoot });
  const selection = { bank: 'sha256', pcrs: [0, 2, 4, 7, 11] } as const;
  const auth = random(32).fill(1, 31);
  const registers = { bank: 'sha256', values: await tpm.readPcrs('sha256', selection.pcrs) } as const;
  const input = { secret: random(32), auth, registers, lockout: false };
  const blob = await tpm.seal(input);
  const ek = readTpmPublic((await tpm.endorsementKey('ecc')).publicArea);
  const { name } = await tpm.attestationKey();
  const index = 0x01500010;
  await tpm.defineCounter(index);
  const nonce = random(32);
  const all = [
    await measure('tpm.swtpm.random.32', 200, () => tpm.getRandom(32)),
    await measure('tpm.swtpm.pcrs.24', 200, () =>
      tpm.readPcrs(
        'sha256',
        Array.from({ length: 24 }, (_, pcr) => pcr),
      ),
    ),
    await measure('tpm.swtpm.quote', 200, () => tpm.quote(nonce, selection)),
    await measure('tpm.swtpm.seal', 100, () => tpm.seal(input)),
    await measure('tpm.swtpm.unseal', 200, async () => {
      (await tpm.unseal({ blob, auth, selection })).fill(0);
    }),
    await measure('tpm.credential.make', 200, () => makeCredential({ ek, name, secret: nonce, random })),
    await measure('tpm.swtpm.credential.activate', 50, () =>
      tpm.activateCredential('ecc', makeCredential({ ek, name, secret: nonce, random })),
    ),
    await measure('tpm.swtpm.counter.increment', 50, () => tpm.incrementCounter(index)),
  ];
  await tpm.close();
  return all;
}
