// Stamps: the hash of what a step was made from, kept beside what it made, so that a second run does nothing.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether the stamp in `file` says `value`. */
export const stamped = (file, value) => existsSync(file) && readFileSync(file, 'utf8') === value;

/** Writes a stamp. */
export const stamp = (file, value) => {
  writeFileSync(file, value);
};

/** SHA-256 of texts and buffers, each with its length in front. */
export function digest(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(`${part.length}:`).update(part);
  }
  return hash.digest('hex');
}

/** Files below `folder` that `wanted(name)` accepts, sorted; `skip` names folders that are not entered. */
export function filesBelow(folder, wanted, skip = []) {
  const found = [];
  const walk = (at) => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      if (entry.isDirectory()) {
        if (!skip.includes(entry.name)) {
          walk(join(at, entry.name));
        }
      } else if (entry.isFile() && wanted(entry.name)) {
        found.push(join(at, entry.name));
      }
    }
  };
  if (existsSync(folder)) {
    walk(folder);
  }
  return found.sort();
}

/** Hash of the contents of files, and of their names. */
export const contents = (files) => digest(...files.flatMap((file) => [file, readFileSync(file)]));

/** Hash of the names, sizes and times of files: quick, and a wrong "changed" only costs a rebuild. */
export const times = (files) =>
  digest(
    ...files.map((file) => {
      const { size, mtimeMs } = lstatSync(file);
      return `${file} ${size} ${mtimeMs}`;
    }),
  );
