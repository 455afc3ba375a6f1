/** What the product's sources say about its formats: read from the text, so that nothing new is forgotten. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../../repoRoot.ts';

/** Folders of the product, and those inside of them that only tests use. */
const folders = [
  'wire',
  'threshold',
  'manifest',
  'hsm',
  'enclave',
  'daemon',
  'coordinator',
  'cli',
  'native',
] as const;

/** Every TypeScript file of the product by its path, tests included. */
export const productFiles: readonly string[] = folders.flatMap((folder) =>
  readdirSync(join(repoRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`),
);

const sources = productFiles.filter((file) => !/\.test\.ts$|\/testing/.test(file));
const matches = (pattern: RegExp): { readonly file: string; readonly word: string }[] =>
  sources.flatMap((file) =>
    [...readFileSync(join(repoRoot, file), 'utf8').matchAll(pattern)].map((match) => ({
      file,
      word: match[1] ?? '',
    })),
  );

/** Names of all `message(...)` formats, with their files. */
export const messageNames = (): { readonly file: string; readonly word: string }[] =>
  matches(/\bmessage\(\s*'([^']+)'/g);

/** Names of all fields that may be absent. */
export const optionalFields: readonly string[] = [
  ...new Set(matches(/\b(\w+): optional\(/g).map(({ word }) => word)),
];

/** Files called `...malformed.test.ts`. */
export const malformedTests: readonly string[] = productFiles.filter((file) =>
  file.endsWith('.malformed.test.ts'),
);
