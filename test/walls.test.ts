/**
 * Holds the walls of docs/architecture.md: which folder may import which, which may touch the outside world, and that
 * the pure folders bring neither clock nor randomness of their own.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from './repoRoot.ts';

/** For each room: the rooms that it may import. A room is the longest matching folder prefix. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  native: ['wire'],
  threshold: ['wire', 'native'],
  manifest: ['wire'],
  hsm: ['wire', 'native', 'enclave/address'],
  'enclave/x509': ['wire'],
  'enclave/tpm': ['wire'],
  'enclave/tpm/device': ['wire', 'enclave/tpm'],
  'enclave/evidence': ['wire', 'enclave/x509', 'enclave/tpm'],
  'enclave/attester': [
    'wire',
    'native',
    'enclave/x509',
    'enclave/tpm',
    'enclave/tpm/device',
    'enclave/evidence',
  ],
  'enclave/address': ['wire'],
  'enclave/channel': ['wire', 'enclave/x509', 'enclave/address'],
  'enclave/parent': ['wire', 'native', 'enclave/address'],
  daemon: [
    'wire',
    'native',
    'threshold',
    'manifest',
    'hsm',
    'enclave/evidence',
    'enclave/attester',
    'enclave/address',
    'enclave/channel',
  ],
  coordinator: [
    'wire',
    'native',
    'threshold',
    'manifest',
    'enclave/evidence',
    'enclave/address',
    'enclave/channel',
  ],
  cli: [
    'wire',
    'native',
    'threshold',
    'manifest',
    'hsm',
    'enclave/x509',
    'enclave/tpm',
    'enclave/evidence',
    'enclave/attester',
    'enclave/address',
    'enclave/channel',
    'daemon',
    'coordinator',
    'demo',
  ],
  demo: ['wire', 'coordinator'],
};
/** Rooms without I/O: of Node they import node:crypto and nothing else. */
const pure = ['wire', 'threshold', 'manifest', 'enclave/x509', 'enclave/tpm', 'enclave/evidence'];
/** npm packages that a room may import beside Node's own modules. */
const packages: Readonly<Record<string, readonly string[]>> = {
  threshold: ['@noble/curves', '@noble/hashes'],
  hsm: ['pkcs11js'],
  daemon: ['fastify'],
  coordinator: [
    'fastify',
    '@fastify/swagger',
    '@electric-sql/pglite',
    '@noble/hashes',
    '@scure/base',
    '@scure/btc-signer',
  ],
  demo: [
    '@ethereumjs/common',
    '@ethereumjs/tx',
    '@ethereumjs/util',
    '@ethereumjs/vm',
    '@noble/hashes',
    '@scure/base',
    '@scure/btc-signer',
    '@solana/kit',
    '@solana-program/system',
    'bitcoinjs-lib',
    'cosmjs-types',
    'litesvm',
    'micro-eth-signer',
    'protobufjs',
    'tiny-secp256k1',
  ],
};

interface Source {
  readonly file: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
}
const roomOf = (file: string): string | undefined =>
  Object.keys(mayImport)
    .filter((room) => file.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];
const importPattern =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;

function sources(): Source[] {
  const tops = new Set(Object.keys(mayImport).map((room) => room.split('/')[0] ?? room));
  const found: Source[] = [];
  for (const top of tops) {
    let files: string[];
    try {
      files = readdirSync(join(repoRoot, top), { recursive: true, encoding: 'utf8' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        continue;
      }
      throw error;
    }
    for (const name of files) {
      const file = `${top}/${name}`;
      // Tests and what only tests use may look anywhere.
      if (!file.endsWith('.ts') || file.endsWith('.test.ts') || /\/(testing|testPki)/i.test(file)) {
        continue;
      }
      const room = roomOf(file);
      assert.ok(room !== undefined, `${file} lies in no room of the walls test: give it one`);
      const text = readFileSync(join(repoRoot, file), 'utf8');
      const imports = [...text.matchAll(importPattern)].map(
        (match) => match[1] ?? match[2] ?? match[3] ?? '',
      );
      found.push({ file, room, text, imports });
    }
  }
  return found;
}

const all = sources();

test('the walls test sees the house', () => {
  const rooms = new Set(all.map((source) => source.room));
  for (const room of Object.keys(mayImport)) {
    assert.ok(rooms.has(room), `no source in ${room}: the list of rooms is out of date`);
  }
  assert.ok(all.length > 80, `only ${all.length} sources seen`);
});

test('no import runs through a wall', () => {
  for (const { file, room, imports } of all) {
    for (const specifier of imports.filter((name) => name.startsWith('.'))) {
      const target = relative(repoRoot, join(repoRoot, dirname(file), specifier));
      const targetRoom = roomOf(target);
      assert.ok(
        targetRoom === room || (targetRoom !== undefined && (mayImport[room] ?? []).includes(targetRoom)),
        `${file} imports ${target}: ${room} may not look into ${targetRoom ?? 'there'}`,
      );
    }
  }
});

test('no file imports itself by way of others', () => {
  const graph = new Map(
    all.map(({ file, imports }) => [
      file,
      imports
        .filter((name) => name.startsWith('.'))
        .map((name) => relative(repoRoot, join(repoRoot, dirname(file), name))),
    ]),
  );
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `circle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
    if (done.has(file)) {
      return;
    }
    for (const next of graph.get(file) ?? []) {
      visit(next, [...path, file]);
    }
    done.add(file);
  };
  for (const file of graph.keys()) {
    visit(file, []);
  }
});

test('only the listed packages are imported, in the rooms that they are listed for', () => {
  for (const { file, room, imports } of all) {
    for (const specifier of imports.filter((name) => !name.startsWith('.'))) {
      if (specifier.startsWith('node:')) {
        assert.ok(builtinModules.includes(specifier.slice(5)), `${file} imports ${specifier}`);
        continue;
      }
      const packageName = specifier.startsWith('@')
        ? specifier.split('/').slice(0, 2).join('/')
        : specifier.split('/')[0];
      assert.ok((packages[room] ?? []).includes(packageName ?? ''), `${file} imports ${specifier}`);
    }
  }
});

test('pure rooms touch no file, socket, process, clock or random source', () => {
  for (const { file, room, text, imports } of all) {
    if (!pure.includes(room)) {
      continue;
    }
    for (const specifier of imports.filter((name) => name.startsWith('node:'))) {
      assert.equal(specifier, 'node:crypto', `${file} imports ${specifier}`);
    }
    for (const forbidden of [
      /\bDate\.now\b/,
      /\bnew Date\(\)/,
      /\brandomBytes\b/,
      /\bMath\.random\b/,
      /\bgetRandomValues\b/,
      /\bprocess\./,
      /\bfetch\(/,
    ]) {
      assert.doesNotMatch(text, forbidden, file);
    }
  }
});

/** The reference backends, whose time depends on secrets: noble.ts, reference.ts, referenceKernel.ts and their like. */
const isReference = (file: string): boolean => /^threshold\/([^/]+\/)*(noble|reference\w*)\.ts$/.test(file);

test('T39: the reference backends, and the curves of noble, are imported by tests only', () => {
  assert.ok(all.filter(({ file }) => isReference(file)).length >= 3, 'the rule sees no reference backend');
  for (const { file, imports } of all.filter((source) => !isReference(source.file))) {
    for (const specifier of imports) {
      assert.ok(!specifier.startsWith('@noble/curves'), `${file} imports ${specifier}`);
      const target = specifier.startsWith('.')
        ? relative(repoRoot, join(repoRoot, dirname(file), specifier))
        : '';
      assert.ok(!isReference(target), `${file} imports ${target}`);
    }
  }
});

test('the parent proxy can hold no secret: it imports nothing of daemon, hsm, threshold, channel or evidence', () => {
  const parent = all.filter((source) => source.room === 'enclave/parent');
  const reached = new Set<string>();
  const walk = (file: string): void => {
    const source = all.find((one) => one.file === file);
    if (source === undefined || reached.has(file)) {
      return;
    }
    reached.add(file);
    for (const specifier of source.imports.filter((name) => name.startsWith('.'))) {
      walk(relative(repoRoot, join(repoRoot, dirname(file), specifier)));
    }
  };
  for (const { file } of parent) {
    walk(file);
  }
  for (const file of reached) {
    assert.doesNotMatch(
      file,
      /^(daemon|hsm|threshold|coordinator|enclave\/(channel|evidence|attester))\//,
      file,
    );
  }
});

test('one module seals envelopes: the gate', () => {
  for (const { file, text } of all) {
    if (file.startsWith('enclave/channel/') || file === 'daemon/gate.ts') {
      continue;
    }
    assert.doesNotMatch(text, /\bsealEnvelope\b/, `${file} goes around the gate`);
  }
});
