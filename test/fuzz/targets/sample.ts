/**
 * Samples of a byte format, learnt from its refusals: a decoder says at which path it wanted what, so a value that it takes
 * is found step by step. A format that is new gets its seeds without anybody writing them.
 */
import { encodeCbor, type CborInput } from '../../../wire/cbor.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';

/** Checks one value. Throws `wire/unexpected-shape` with path and wish. */
export type Check = (value: CborInput) => void;

/** A value that can be changed while it is learnt. */
type Draft = number | string | boolean | null | Uint8Array | Draft[] | Map<string | number, Draft>;
type Step = string | number;

/** Texts of which one fits each pattern of the product. */
const texts = [
  'node-1',
  '0123456789abcdef'.repeat(2),
  '0123456789abcdef'.repeat(4),
  'i-0123456789abcdef0',
  '/usr/lib/module.so',
  'wire/oversize',
  'shim',
  'ab',
] as const;
const steps = 4_000;

/**
 * Values that `check` takes: for the `n`-th, every choice is made as its `n`-th alternative, and of two every second has all
 * fields of `optional` that the format knows.
 * @throws TypeError where a wish can not be met: the learner does not know that kind of shape yet.
 */
export function learnSamples(check: Check, optional: readonly string[]): CborInput[] {
  const found = new Map<string, CborInput>();
  let choices = 1;
  for (let variant = 0; variant < choices; variant += 1) {
    const draft = learn(check, variant, (count) => {
      choices = Math.max(choices, Math.min(count, 16));
    });
    add(found, draft);
    add(found, withOptional(draft, check, variant, optional));
  }
  return [...found.values()];
}

function add(found: Map<string, CborInput>, draft: Draft): void {
  found.set(Buffer.from(encodeCbor(draft)).toString('base64'), structuredClone(draft));
}

function learn(check: Check, variant: number, onChoices: (count: number) => void, from?: Draft): Draft {
  let draft: Draft = from ?? new Map<string, Draft>();
  for (let step = 0; step < steps; step += 1) {
    const wish = wishOf(check, draft);
    if (wish === undefined) {
      return draft;
    }
    draft = put(draft, wish.path, answer(wish.wanted, variant, onChoices));
  }
  throw new TypeError('no sample after many steps');
}

interface Wish {
  readonly path: readonly Step[];
  readonly wanted: string;
}
/** What the check wants next; `undefined` where it is content. */
function wishOf(check: Check, draft: Draft): Wish | undefined {
  try {
    check(draft);
    return undefined;
  } catch (error) {
    if (isSymbolonError(error, 'wire/oversize')) {
      return { path: [], wanted: 'fewer bytes' };
    }
    if (!isSymbolonError(error, 'wire/unexpected-shape')) {
      throw error;
    }
    const [, ...names] = error.facts.path.replaceAll('[', '.#').replaceAll(']', '').split('.');
    return {
      path: names.map((name) => (/^#?\d+$/.test(name) ? Number(name.replace('#', '')) : name)),
      wanted: error.facts.wanted,
    };
  }
}

/** A value that meets a wish, in the words of wire/shape.ts. */
function answer(wanted: string, variant: number, onChoices: (count: number) => void): Draft {
  const [, from, , to] = /^(?:list of |integer )?(-?\d+)( to (-?\d+))?(?: bytes)?$/.exec(wanted) ?? [];
  if (wanted.endsWith('bytes')) {
    const long = variant % 2 === 1 && to !== undefined ? Math.min(Number(to), 300) : Number(from);
    return new Uint8Array(Math.max(Number(from), long)).fill(0x40 + variant);
  }
  if (wanted.startsWith('integer ')) {
    return variant % 2 === 1 && to !== undefined ? Number(to) : Number(from);
  }
  if (wanted.startsWith('list of ')) {
    const length = Math.min(Number(to), Math.max(Number(from), 1 + (variant % 2)));
    return Array.from({ length }, () => null);
  }
  if (wanted.startsWith('one of ')) {
    const all = wanted.slice('one of '.length).split(', ');
    onChoices(all.length);
    const choice = all[variant % all.length] ?? '';
    return /^\d+$/.test(choice) ? Number(choice) : choice;
  }
  if (wanted.startsWith('text like ')) {
    const pattern = wanted.slice('text like '.length);
    const fits = texts.find((text) => new RegExp(pattern, pattern.includes('\\p') ? 'u' : '').test(text));
    if (fits !== undefined) {
      return fits;
    }
  }
  switch (wanted) {
    case 'map':
      return new Map();
    case 'map with integer keys':
      return new Map([[0, null]]);
    case 'a value':
      return null;
    case 'true or false':
      return variant % 2 === 0;
    default:
      if (wanted.startsWith('text of ')) {
        return 'text';
      }
      throw new TypeError(`no sample for "${wanted}"`);
  }
}

/** Sets the value at a path; the containers on the way are there, because the check went through them. */
function put(draft: Draft, path: readonly Step[], value: Draft): Draft {
  const [step, ...rest] = path;
  if (step === undefined) {
    return value;
  }
  if (Array.isArray(draft) && typeof step === 'number') {
    draft[step] = put(draft[step] ?? null, rest, value);
  } else if (draft instanceof Map) {
    draft.set(step, put(draft.get(step) ?? null, rest, value));
  } else {
    return put(new Map(), path, value);
  }
  return draft;
}

/** Gives every map of a value that is taken the optional fields that the format knows in it. */
function withOptional(draft: Draft, check: Check, variant: number, names: readonly string[]): Draft {
  let best = structuredClone(draft);
  for (const path of mapsIn(best)) {
    const map = at(best, path);
    if (map instanceof Map) {
      const absent = names.filter((name) => !map.has(name));
      for (const name of knownOf(best, path, check, absent)) {
        map.set(name, null);
      }
      best = learn(check, variant, () => undefined, best);
    }
  }
  return best;
}

/**
 * Which of the names the format knows in this map. All are put in at once: a record looks at the fields that it knows
 * before it minds those that it does not, and none of them may be null.
 */
function knownOf(draft: Draft, path: readonly Step[], check: Check, names: readonly string[]): string[] {
  const map = at(draft, path);
  if (!(map instanceof Map)) {
    return [];
  }
  const left = new Set(names);
  const known: string[] = [];
  let wanted = '';
  for (const name of left) {
    map.set(name, null);
  }
  for (let asked = true; asked;) {
    const wish = wishOf(check, draft);
    const name = String(wish?.path.at(-1));
    wanted = wish?.wanted ?? '';
    asked = wish?.path.length === path.length + 1 && left.delete(name);
    if (asked) {
      known.push(name);
      map.delete(name);
    }
  }
  for (const name of left) {
    map.delete(name);
  }
  const half = left.size >> 1;
  return wanted === 'fewer bytes' && half > 0
    ? [
        ...known,
        ...knownOf(draft, path, check, [...left].slice(0, half)),
        ...knownOf(draft, path, check, [...left].slice(half)),
      ]
    : known;
}

function mapsIn(draft: Draft, path: readonly Step[] = []): (readonly Step[])[] {
  if (Array.isArray(draft)) {
    return draft.flatMap((one, i) => mapsIn(one, [...path, i]));
  }
  if (draft instanceof Map) {
    return [path, ...[...draft].flatMap(([key, one]) => mapsIn(one, [...path, key]))];
  }
  return [];
}

const at = (draft: Draft, path: readonly Step[]): Draft | undefined =>
  path.reduce<Draft | undefined>(
    (inner, step) =>
      Array.isArray(inner) && typeof step === 'number'
        ? inner[step]
        : inner instanceof Map
          ? inner.get(step)
          : undefined,
    draft,
  );
