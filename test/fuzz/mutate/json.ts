/** Changes of JSON texts: of their values where they are JSON, with everything that a careless reader takes. */
import type { Random } from '../engine/random.ts';
import { mutateBytes, type Material, type Mutator } from './bytes.ts';

const utf8 = new TextDecoder();
const encoder = new TextEncoder();

/** Texts in the place of a value. */
const odd: readonly string[] = [
  ...[
    '0',
    '-0',
    '-0.0',
    '1.0',
    '1e3',
    '1E+2',
    '1e-1',
    '1e400',
    '-1',
    '00',
    '01',
    '+1',
    '.5',
    '5.',
    '1_0',
    '0x10',
  ],
  ...['255', '256', '32', '33', '65535', '65536', '4294967295', '4294967296', '2147483648'],
  ...['9007199254740991', '9007199254740992', '9007199254740993', '18446744073709551616', '1'.repeat(80)],
  ...['null', 'true', 'false', 'NaN', 'Infinity', 'undefined', '[]', '{}', '[[]]', '{"":{}}', '""', '" "'],
  ...[
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\u0000"',
    '"\\u202e"',
    '"\\u2028"',
    '"\\x41"',
    '"\\"',
    '"\u0007"',
    '"é"',
  ],
  ...[
    '"__proto__"',
    '{"__proto__":1}',
    '{"__proto__":1,"__proto__":2}',
    '{"a":1,"\\u0061":2}',
    '"constructor"',
  ],
  ...[
    '['.repeat(9),
    '['.repeat(9) + ']'.repeat(9),
    '{"a":'.repeat(9),
    '"' + 'a'.repeat(300) + '"',
    '"-"',
    '"m/0"',
  ],
];

interface Token {
  readonly start: number;
  readonly end: number;
}
/** Strings, numbers and words of a text, by a pattern that never fails. */
function tokens(text: string): Token[] {
  return [...text.matchAll(/"(?:[^"\\]|\\.)*"|[-+.\w]+/gs)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
}

const put = (text: string, { start, end }: Token, by: string): string =>
  text.slice(0, start) + by + text.slice(end);

type Change = (text: string, token: Token, random: Random, material: Material) => string;
const changes: readonly Change[] = [
  (text, token, random) => put(text, token, random.pick(odd)),
  (text, token, random) => put(text, token, random.pick(odd)),
  // A digit or a character more or less.
  (text, { start, end }, random) => {
    const at = start + random.below(end - start + 1);
    return put(
      text,
      { start: at, end: at },
      random.pick(['0', '9', 'a', 'F', '-', '.', ' ', ':', '/', '\\', '"', '\u0000']),
    );
  },
  (text, { start, end }, random) => {
    const at = start + random.below(end - start);
    return put(text, { start: at, end: at + random.small(end - at) }, '');
  },
  // A word of the format, or a token of the same text.
  (text, token, random, { words }) =>
    put(text, token, words.length === 0 ? '"a"' : JSON.stringify(utf8.decode(random.pick(words)))),
  (text, token, random) => {
    const other = random.pick(tokens(text));
    return put(text, token, text.slice(other.start, other.end));
  },
  // A member or an item twice, or gone.
  (text, { start, end }) => {
    const after = /^[^,\]}]*/.exec(text.slice(end))?.[0] ?? '';
    const piece = text.slice(start, end) + after;
    return put(text, { start, end: start }, `${piece},`);
  },
  (text, { start, end }) => {
    const after = /^[^,\]}]*,?/.exec(text.slice(end))?.[0] ?? '';
    return put(text, { start, end: end + after.length }, '');
  },
  // Written another way.
  (text, { start, end }) =>
    put(
      text,
      { start, end },
      text.slice(start, end).replace(/[a-z]/, (one) => `\\u00${one.charCodeAt(0).toString(16)}`),
    ),
  (text, { start }, random) =>
    put(
      text,
      { start, end: start },
      random.pick([' ', '\t', '\n', '\u00a0', '\ufeff', ',', '{', '}', '[', ']', ':', '//']),
    ),
];

/** One change of a JSON text; of its bytes now and then. */
export const mutateJson: Mutator = (input, random, material) => {
  const text = utf8.decode(input);
  const found = tokens(text);
  if (found.length === 0 || random.oneIn(8)) {
    return mutateBytes(input, random, material);
  }
  return encoder.encode(random.pick(changes)(text, random.pick(found), random, material));
};
