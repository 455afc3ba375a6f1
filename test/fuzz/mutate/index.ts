/** One new input from an old one: one to four changes, most of them of the format. */
import type { Random } from '../engine/random.ts';
import { mutateBytes, type Material, type Mutator } from './bytes.ts';
import { mutateCbor } from './cbor.ts';
import { mutateDer } from './der.ts';
import { mutateJson } from './json.ts';
import { mutateTpm } from './tpm.ts';

/** What an input looks like, for the choice of its changes. */
export type Form = 'bytes' | 'cbor' | 'der' | 'tpm' | 'json';

const ofForm: Readonly<Record<Form, Mutator>> = {
  bytes: mutateBytes,
  cbor: mutateCbor,
  der: mutateDer,
  tpm: mutateTpm,
  json: mutateJson,
};

/** A changed copy of at most `maxBytes`. */
export function mutate(
  input: Uint8Array,
  form: Form,
  maxBytes: number,
  random: Random,
  material: Material,
): Uint8Array {
  let out = input;
  for (let left = random.small(4); left > 0; left -= 1) {
    const change = random.oneIn(3) ? mutateBytes : ofForm[form];
    out = change(out, random, material).subarray(0, maxBytes);
  }
  return out;
}

export type { Material } from './bytes.ts';
