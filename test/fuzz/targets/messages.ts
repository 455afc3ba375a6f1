/** Targets of `message(...)` formats: strict decoding, and the same bytes again. */
import { encodeCbor, type CborInput } from '../../../wire/cbor.ts';
import type { Message } from '../../../wire/shape.ts';
import { holdSame, type Target } from '../engine/target.ts';
import { learnSamples } from './sample.ts';
import { optionalFields } from './sources.ts';

/** Longest input that is tried for a large format: what is above is tried by its cap. */
const longest = 80_000;

const isMessage = (value: unknown): value is Message<unknown> =>
  typeof value === 'object' &&
  value !== null &&
  'maxBytes' in value &&
  'decode' in value &&
  typeof value.decode === 'function' &&
  'encode' in value &&
  'name' in value;

/** Encodings of samples that a format takes. */
export const samplesOf = (format: Pick<Message<unknown>, 'decode'>): Uint8Array[] =>
  learnSamples((value: CborInput) => {
    format.decode(encodeCbor(value));
  }, optionalFields).map((value) => encodeCbor(value));

/** The target of one format. */
export function messageTarget(format: Message<unknown>): Target {
  return {
    name: `message-${format.name}`,
    what: `the byte format ${format.name}`,
    form: 'cbor',
    maxBytes: Math.min(format.maxBytes + 64, longest),
    refuses: ['wire'],
    covers: [format.name],
    words: optionalFields,
    seeds: () => samplesOf(format),
    run: (input) => {
      holdSame(format.encode(format.decode(input)), input);
    },
  };
}

/** What tells formats of one name apart, by the name of their export. */
const versionsOf: Readonly<Record<string, string>> = {
  anyClaimsBytes: ', versions 1 and 2',
  claimsBytes: ', version 2 alone',
};

/** The targets of all formats that modules export; of two with one name the second has its export's name. */
export function messagesOf(...modules: readonly object[]): Target[] {
  const found = new Map<string, Target>();
  for (const [exported, format] of modules.flatMap((module): [string, unknown][] => Object.entries(module))) {
    if (isMessage(format)) {
      const target = messageTarget(format);
      const name = found.has(target.name) ? `message-${exported}` : target.name;
      found.set(name, { ...target, name, what: `${target.what}${versionsOf[exported] ?? ''}` });
    }
  }
  return [...found.values()];
}
