/** Findings as files: one JSON file each, the same form in the folder of findings and among the regressions. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { record, text, type TypeOf } from '../../../wire/shape.ts';
import { parseJsonValue } from '../../../wire/strictJson.ts';
import type { Finding } from './fuzz.ts';

const shape = record({
  target: text(128),
  /** What was wrong. */
  found: text(1_024),
  /** The input, base64; `-` for the empty one. */
  input: text(200_000),
});
/** A finding in a file. */
export type SavedFinding = TypeOf<typeof shape>;

/** Name of the file of an input: its target and the beginning of its SHA-256. */
export const fileNameOf = (target: string, input: Uint8Array): string =>
  `${target}-${createHash('sha256').update(input).digest('hex').slice(0, 12)}.json`;

/** An input as text; a shape has no empty one. */
export const toText = (input: Uint8Array): string => Buffer.from(input).toString('base64') || '-';
/** The input of a text. @throws TypeError where it is not base64 as {@link toText} writes it. */
export function fromText(text: string): Uint8Array {
  const input = new Uint8Array(Buffer.from(text, 'base64'));
  // Buffer passes over what it does not know, so a mistyped path would be some input too.
  if (toText(input) !== text) {
    throw new TypeError('the input is not base64');
  }
  return input;
}

/** Writes a finding and gives its path. */
export function saveFinding(folder: string, { target, verdict, input }: Finding): string {
  mkdirSync(folder, { recursive: true });
  const saved: SavedFinding = {
    target,
    found: `${verdict.fault}: ${verdict.said}`.slice(0, 1_000),
    input: toText(input),
  };
  const file = join(folder, fileNameOf(target, input));
  writeFileSync(file, `${JSON.stringify(saved, undefined, 2)}\n`);
  return file;
}

/** Reads a finding. @throws SymbolonError or TypeError where it is none. */
export function readFinding(file: string): SavedFinding {
  const parsed = parseJsonValue(readFileSync(file));
  if (!parsed.ok) {
    throw new TypeError(`${file}: ${parsed.reason}`);
  }
  return shape.check(parsed.value, file);
}

/** All findings of a folder, by file name; none where there is no folder. */
export const readFindings = (folder: string): (readonly [file: string, finding: SavedFinding])[] =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => [name, readFinding(join(folder, name))] as const);

/** Raw inputs of an earlier run: every file of a folder, in the order of their names. */
export const readCorpus = (folder: string): Uint8Array[] =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(folder, name))));

/** Adds inputs to a folder, each under its SHA-256. */
export function addToCorpus(folder: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(folder, { recursive: true });
  for (const input of inputs) {
    writeFileSync(join(folder, createHash('sha256').update(input).digest('hex')), input);
  }
}
