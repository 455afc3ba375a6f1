/** Protocols in worker threads, and what becomes of secrets on their way there. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { dealPairings } from '../../test/threshold/pairings.ts';
import { dealKey, indices, insecureSeeded, type Driven } from '../../test/threshold/run.ts';
import {
  aggregate,
  beginRun,
  combineEcdsa,
  type KeyShare,
  type RoundOutput,
  type RunPlan,
} from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Scheme } from '../../wire/ids.ts';
import { whereOf, type LogFacts } from '../log.ts';
import { refusal } from '../testing/refusal.ts';
import { inlineRunner } from './inline.ts';
import { packed } from './packed.ts';
import type { RunHandle, Runner } from './runner.ts';
import { RunTable } from './runTable.ts';
import { workerEntry } from './seat.ts';
import { shapeOf } from './shape.ts';
import { errorOf, thrownOf } from './thrown.ts';
import { wipeAnswer } from './wipe.ts';
import { workerRunner, workersFor } from './workers.ts';

const session = new Uint8Array(32).fill(9);
const digest = new Uint8Array(32).fill(3);
const message = Uint8Array.of(1, 2, 3);
const signers = [1, 2];
const entry = (name: string): URL => new URL(`../testing/${name}.js`, workerEntry);

/** The shares of a key of three. */
function shares(scheme: Scheme): readonly [KeyShare, KeyShare, KeyShare] {
  const dealt = dealKey({ scheme, threshold: 2, participants: indices(3), seed: scheme });
  const [one, two, three] = [...dealt.values()];
  assert.ok(one && two && three);
  return [one, two, three];
}

/** One plan of every kind, for party 1. */
function plans(): readonly RunPlan[] {
  const [frost] = shares('frost-ed25519');
  const [ecdsa] = shares('dkls23-secp256k1');
  const pairings = dealPairings('plans', 1, signers);
  const common = { share: ecdsa, session, signers, pairings };
  const part = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
  return [
    { kind: 'dkg', scheme: 'frost-ed25519', session, index: 1, participants: indices(3), threshold: 2 },
    { kind: 'refresh', share: frost, session },
    {
      kind: 'reshare',
      public: frost.public,
      index: 1,
      share: frost,
      dealers: signers,
      participants: [2, 3, 4],
      threshold: 2,
      session,
    },
    { kind: 'pair', session, index: 1, participants: indices(3) },
    { kind: 'frost-sign', share: frost, signers, message, tweak: 'none', path: [] },
    { kind: 'ecdsa-presign', ...common },
    { kind: 'ecdsa-sign', ...common, digest, path: [] },
    {
      kind: 'ecdsa-online',
      public: ecdsa.public,
      index: 1,
      signers,
      presignature: { nonce: ecdsa.public.groupPublicKey, phi: part(1), u: part(2), v: part(3) },
      digest,
      path: [],
      session,
    },
  ];
}

const workers = (
  t: TestContext,
  count: number,
  file = workerEntry,
): { runner: Runner; lines: LogFacts[] } => {
  const lines: LogFacts[] = [];
  const log = (_level: string, event: string, facts: LogFacts = {}): void => {
    lines.push({ ...facts, action: event });
  };
  const runner = workerRunner({ count }, { log, entry: file });
  t.after(() => runner.close());
  return { runner, lines };
};

/** Drives handles as a relay does: the broadcasts of all rounds. */
async function drive(handles: ReadonlyMap<number, RunHandle>, rounds: number): Promise<Driven['broadcasts']> {
  const said: Map<number, Uint8Array>[] = [];
  let before: ReadonlyMap<number, RoundOutput> = new Map();
  for (let round = 1; round <= rounds; round += 1) {
    const outputs = await Promise.all(
      [...handles].map(async ([index, handle]) => {
        const others = [...before].filter(([from]) => from !== index);
        const input = {
          broadcasts: new Map(others.map(([from, { broadcast }]) => [from, broadcast])),
          pairwise: new Map(
            others.flatMap(([from, { pairwise }]) => {
              const own = pairwise.get(index);
              return own === undefined ? [] : [[from, own] as const];
            }),
          ),
        };
        return [index, await handle.step(round, input)] as const;
      }),
    );
    before = new Map(outputs);
    said.push(new Map(outputs.map(([index, { broadcast }]) => [index, broadcast])));
  }
  return said;
}

test('given a plan of every kind, when its run begins, then the shape that the session counts on is the shape of the run', () => {
  for (const plan of plans()) {
    const run = beginRun(plan, insecureSeeded(plan.kind));
    const shape = shapeOf(plan);
    assert.equal(shape.rounds, run.rounds, plan.kind);
    const parties = indices(plan.kind === 'reshare' ? 4 : 3);
    for (let round = 1; round <= run.rounds; round += 1) {
      for (const from of parties) {
        for (const to of parties) {
          const where = `${plan.kind} round ${round} from ${from} to ${to}`;
          assert.equal(shape.sendsPairwise(round, from, to), run.sendsPairwise(round, from, to), where);
        }
      }
    }
    run.wipe();
  }
});

test('given FROST and ECDSA in two workers, when all rounds are carried, then the shares make signatures', async (t) => {
  const { runner } = workers(t, 2);
  const [one, two] = shares('frost-ed25519');
  const frost = new Map(
    [one, two].map((share) => [
      share.index,
      runner.begin({ kind: 'frost-sign', share, signers, message, tweak: 'none', path: [] }),
    ]),
  );
  const [commitments, signatureShares] = await drive(frost, 2);
  assert.ok(commitments && signatureShares);
  const common = { public: one.public, message, tweak: 'none', path: [] } as const;
  assert.equal(aggregate({ ...common, commitments, shares: signatureShares }).length, 64);
  // What a plan lends stays its owner's.
  assert.ok(one.secret.some((byte) => byte !== 0));

  const [first, second] = shares('dkls23-secp256k1');
  const ecdsa = new Map(
    [first, second].map((share) => [
      share.index,
      runner.begin({
        kind: 'ecdsa-sign',
        share,
        session,
        signers,
        pairings: dealPairings('workers', share.index, signers),
        digest,
        path: [1],
      }),
    ]),
  );
  const said = await drive(ecdsa, 3);
  const last = said[2];
  assert.ok(last);
  assert.equal(combineEcdsa({ public: first.public, path: [1], digest, shares: last }).signature.length, 64);
});

test('given an error of a protocol in a worker, when it comes out, then it is the same by name, and the run is over', async (t) => {
  const { runner } = workers(t, 1);
  const [share] = shares('frost-ed25519');
  const plan: RunPlan = { kind: 'frost-sign', share, signers, message, tweak: 'none', path: [] };
  for (const one of [runner, inlineRunner(insecureSeeded('inline'))]) {
    const nobody = { broadcasts: new Map(), pairwise: new Map() };
    const handle = one.begin(plan);
    await handle.step(1, nobody);
    await assert.rejects(handle.step(2, nobody), refusal('threshold/message-missing', { party: 2 }));
    await assert.rejects(handle.step(2, nobody), refusal('threshold/state-used'));
    handle.end();
    await assert.rejects(handle.step(2, nobody), refusal('threshold/state-used'));
    const refused = one.begin({ ...plan, signers: [1] });
    await assert.rejects(refused.step(1, nobody), refusal('threshold/bad-parameters'));
  }
});

test('given a worker that dies, when it does, then its runs fail by name, those of another go on, and it is replaced', async (t) => {
  const { runner, lines } = workers(t, 2, entry('mortalWorker'));
  const [share] = shares('frost-ed25519');
  const plan: RunPlan = { kind: 'frost-sign', share, signers, message, tweak: 'none', path: [] };
  const nobody = { broadcasts: new Map(), pairwise: new Map() };
  const handles = [plan, plan, plan].map((one) => runner.begin(one));
  const [dying, other, neighbour] = handles;
  assert.ok(dying && other && neighbour);
  for (const handle of handles) {
    await handle.step(1, nobody);
  }
  await assert.rejects(dying.step(2, nobody), refusal('node/worker-ended'));
  await assert.rejects(neighbour.step(3, nobody), refusal('node/worker-ended'));
  await assert.rejects(other.step(3, nobody), refusal('threshold/state-used'));
  dying.end();
  const events = lines.map(({ action }) => action);
  assert.deepEqual(events, ['worker-ended']);
});

test('given the only worker dead, when its seat is taken again, then new runs are carried out there', async (t) => {
  const { runner } = workers(t, 1, entry('mortalWorker'));
  const [share] = shares('frost-ed25519');
  const plan: RunPlan = { kind: 'frost-sign', share, signers, message, tweak: 'none', path: [] };
  const nobody = { broadcasts: new Map(), pairwise: new Map() };
  const dying = runner.begin(plan);
  await assert.rejects(dying.step(2, nobody), refusal('node/worker-ended'));
  for (;;) {
    const handle = runner.begin(plan);
    const output = await handle
      .step(1, nobody)
      .catch((error: unknown) => refusal('node/worker-ended')(error));
    if (output !== true) {
      assert.equal(output.pairwise.size, 0);
      break;
    }
    await sleep(5);
  }
  // A handle of the worker that died does not reach the new one.
  await assert.rejects(dying.step(1, nobody), refusal('node/worker-ended'));
});

test('given workers that can not start, when they die again and again, then the pauses grow and no message is told', async (t) => {
  const { runner, lines } = workers(t, 1, entry('stillbornWorker'));
  const [share] = shares('frost-ed25519');
  const nobody = { broadcasts: new Map(), pairwise: new Map() };
  const ended = (): LogFacts[] => lines.filter(({ action }) => action === 'worker-ended');
  while (ended().length < 3) {
    await sleep(10);
  }
  assert.deepEqual(
    ended().map(({ ms }) => ms),
    [50, 100, 200],
  );
  const handle = runner.begin({ kind: 'frost-sign', share, signers, message, tweak: 'none', path: [] });
  await assert.rejects(handle.step(1, nobody), refusal('node/worker-ended'));
  await assert.rejects(handle.result(), refusal('node/worker-ended'));
  handle.end();
  assert.doesNotMatch(JSON.stringify(lines), /a secret of the worker/);
});

test('T12: given secrets in a larger block, when a plan is packed, then each travels alone and one owner is left', () => {
  const block = new Uint8Array(4_096).fill(0x55);
  const [share] = shares('frost-ed25519');
  const secret = block.subarray(64, 96);
  secret.set(share.secret);
  const { value, buffers } = packed<RunPlan>({
    kind: 'frost-sign',
    share: { ...share, secret },
    signers,
    message,
    tweak: 'none',
    path: [],
  });
  assert.ok(value.kind === 'frost-sign');
  assert.equal(value.share.secret.buffer.byteLength, 32);
  assert.deepEqual(value.share.secret, share.secret);
  assert.deepEqual(value.share.public.verifyingShares, share.public.verifyingShares);
  assert.equal(Math.max(...buffers.map((one) => one.byteLength)), 32);
  const arrived = structuredClone(value, { transfer: [...buffers] });
  assert.deepEqual(arrived.share.secret, share.secret);
  assert.equal(value.share.secret.length, 0, 'the copy that was sent is no longer here');
  assert.deepEqual(secret, share.secret, 'what was lent is still there');
  for (const odd of [new SymbolonError('gate/not-burned', {}), () => 0, 1n, Symbol()]) {
    assert.throws(() => packed({ odd }), TypeError);
  }
});

test('T12: given secrets in a worker, when they were taken, used or dropped, then they are zeros', () => {
  const table = new RunTable({ random: insecureSeeded('table') });
  const zeros = (raw: Uint8Array): boolean => raw.every((byte) => byte === 0);
  for (const plan of plans()) {
    const { value } = packed(plan);
    table.take({ kind: 'begin', run: 1, plan: value });
    const secrets = [
      ...('share' in value && value.share !== undefined ? [value.share.secret] : []),
      ...('pairings' in value ? [...value.pairings.values()].map(({ secret }) => secret) : []),
      ...(value.kind === 'ecdsa-online'
        ? [value.presignature.phi, value.presignature.u, value.presignature.v]
        : []),
    ];
    assert.ok(secrets.every(zeros), plan.kind);
    table.take({ kind: 'end', run: 1 });
    assert.equal(table.size, 0);
  }
  const [, , , pair] = plans();
  assert.ok(pair);
  table.take({ kind: 'begin', run: 2, plan: pair });
  const input = { broadcasts: new Map(), pairwise: new Map<number, Uint8Array>() };
  const answer = table.take({ kind: 'step', run: 2, call: 1, round: 1, input });
  assert.ok(answer?.kind === 'output' && answer.output.pairwise.size === 2);
  wipeAnswer(answer);
  assert.ok([...answer.output.pairwise.values()].every(zeros));
  const dealt = new Uint8Array(32).fill(7);
  table.take({
    kind: 'step',
    run: 2,
    call: 2,
    round: 2,
    input: { broadcasts: new Map(), pairwise: new Map([[2, dealt]]) },
  });
  assert.ok(zeros(dealt), 'what came in for a step that was refused');
  assert.equal(table.size, 0, 'a run that threw is over');
  table.take({ kind: 'begin', run: 3, plan: pair });
  table.wipe();
  assert.equal(table.size, 0);
});

test('T33: given an error that quotes what it held, when it crosses, then its class and place arrive and its message does not', () => {
  const back = errorOf(structuredClone(thrownOf(new RangeError('the secret 0011'))));
  assert.equal(back.name, 'RangeError');
  assert.doesNotMatch(`${back.message} ${back.stack ?? ''}`, /0011/);
  assert.match(whereOf(back), /work\.test/);
  const refused = errorOf(structuredClone(thrownOf(new SymbolonError('threshold/bad-proof', { party: 2 }))));
  refusal('threshold/bad-proof', { party: 2 })(refused);
});

test('given processors, when workers are counted, then one processor is left to the main thread, and four are enough', () => {
  assert.deepEqual(
    [1, 2, 3, 5, 64].map((processors) => workersFor(processors)),
    [1, 1, 2, 4, 4],
  );
});
