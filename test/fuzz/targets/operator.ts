/** Targets of what operators write: coordinator/ and cli/. */
import { parse } from '../../../cli/command.ts';
import { parsePath, pathText } from '../../../coordinator/chains/path.ts';
import { parseConfig } from '../../../coordinator/config.ts';
import { parseStrictJson } from '../../../coordinator/json.ts';
import { hold, type Target } from '../engine/target.ts';
import { utf8 } from './fixtures.ts';

const config = {
  listen: 'tcp:127.0.0.1:7000',
  manifest: { file: 'manifest.cbor', anchor: 'ab'.repeat(32) },
  nodes: [
    { name: 'node-1', address: 'tcp:127.0.0.1:7001' },
    { name: 'node-2', address: 'tcp:signer.example:7001' },
  ],
  clientKeyFile: 'clients/coordinator.key',
  database: 'coordinator/database',
  apiKeys: [{ name: 'operator', sha256: '00'.repeat(32) }],
};
const command = {
  words: ['key', 'create'],
  summary: '',
  options: {
    label: { type: 'string', value: 'TEXT', help: '' },
    nodes: { type: 'string', value: 'NAME', help: '', multiple: true },
    threshold: { type: 'string', value: 'N', help: '' },
    force: { type: 'boolean', help: '' },
  },
  operands: [{ name: 'FILE', help: '' }],
  examples: [],
  run: () => Promise.reject(new TypeError('never run')),
} as const;

/** All targets of these rooms. */
export const operatorTargets: readonly Target[] = [
  {
    name: 'coordinator-config',
    what: 'configuration of the coordinator',
    form: 'json',
    maxBytes: 8_192,
    refuses: ['coordinator/config'],
    seeds: () => [
      utf8(JSON.stringify(config)),
      utf8(JSON.stringify({ ...config, presign: { perKey: 3, total: 9, keys: ['0'.repeat(32)] } })),
    ],
    words: ['presign', 'perKey', 'total', 'keys'],
    run: (input) => {
      const { manifest, apiKeys, nodes } = parseConfig(new TextDecoder().decode(input), 'config.json');
      hold(manifest.anchor.length === 32, 'an anchor of another size');
      hold(
        apiKeys.every(({ hash }) => hash.length === 32),
        'a hash of another size',
      );
      hold(new Set(nodes.map(({ name }) => name)).size === nodes.length, 'a node twice');
    },
  },
  {
    name: 'coordinator-json',
    what: 'a JSON body of the API',
    form: 'json',
    maxBytes: 8_192,
    refuses: ['coordinator/bad-request'],
    seeds: () => [utf8('{"scheme":"frost-ed25519","threshold":2,"nodes":["node-1","node-2"]}'), utf8('[]')],
    run: (input) => {
      const text = new TextDecoder().decode(input);
      const same = JSON.stringify(parseStrictJson(text, 'body')) === JSON.stringify(JSON.parse(text));
      hold(same, 'another value than that of JSON.parse');
    },
  },
  {
    name: 'derivation-path',
    what: 'a derivation path: what is accepted is written again as it was',
    form: 'bytes',
    maxBytes: 300,
    refuses: ['coordinator/bad-path'],
    seeds: () => ['m', 'm/0/5', 'm/2147483647', `m${'/1'.repeat(16)}`].map(utf8),
    words: ["'", 'h', '2147483648', '/'],
    run: (input) => {
      const text = new TextDecoder().decode(input);
      hold(pathText(parsePath(text)) === text, 'a path that is written differently');
    },
  },
  {
    name: 'command-line',
    what: 'words of the command line, one after another with NUL between them',
    form: 'bytes',
    maxBytes: 512,
    refuses: ['cli/usage'],
    seeds: () =>
      ['file', 'file\0--label\0text\0--force', '--nodes\0a\0--nodes=b\0file\0--threshold=2', '--help'].map(
        utf8,
      ),
    words: [
      '--label',
      '--nodes=',
      '--',
      '-',
      '--no-force',
      '--json',
      '--dir',
      '\0',
      '--__proto__',
      '--force=1',
    ],
    run: (input) => {
      const args = parse(command, new TextDecoder().decode(input).split('\0'));
      const threshold = args.integer('threshold', 2, 32) ?? 2;
      hold(threshold >= 2 && threshold <= 32, 'a number out of its range');
      hold(args.flag('help') || args.operand(0) !== undefined, 'a missing operand');
    },
  },
];
