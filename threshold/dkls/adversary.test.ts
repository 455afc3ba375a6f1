/**
 * One of three parties cheats in one message of one protocol: any field, any way. The honest ones stop, and where they name
 * somebody it is never an honest party; or they end with what is right. Nothing else may happen.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesOf, type Known } from '../../test/threshold/adversary/changes.ts';
import { play, type Letter, type Played, type Tamper } from '../../test/threshold/adversary/play.ts';
import { Differing, protocols, type Protocol } from '../../test/threshold/adversary/protocols.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';

/** One thing that the adversary does. */
interface Case {
  readonly name: string;
  /** Round, kind and field, for the count. */
  readonly field: string;
  readonly tamper: Tamper;
}

/** A split view names who saw something else: it may well be honest, and was shown something else. */
const isWitness = (error: unknown): boolean => isSymbolonError(error, 'threshold/split-view');

/** Whom a refusal names. */
function namedBy(error: unknown): number[] {
  if (error instanceof Differing) {
    return [];
  }
  assert.ok(isSymbolonError(error) && error.code.startsWith('threshold/'), `not a refusal: ${String(error)}`);
  const { party, parties } = error.facts as { readonly party?: number; readonly parties?: readonly string[] };
  return [...(party === undefined ? [] : [party]), ...(parties ?? []).map(Number)];
}

/** What a play came to: `names` where an honest party named the cheater. */
function outcomeOf(
  protocol: Protocol,
  played: Played,
  honest: readonly number[],
): 'right' | 'stops' | 'names' {
  const errors = [...played.refusals.values()];
  if (errors.length === 0) {
    try {
      protocol.settle({ ...played, honest, cheater: protocol.cheater });
      return 'right';
    } catch (error) {
      if (error instanceof assert.AssertionError) {
        throw error;
      }
      errors.push(error);
    }
  }
  const named = errors.flatMap(namedBy);
  const accused = errors.filter((error) => !isWitness(error)).flatMap(namedBy);
  assert.ok(
    !accused.some((party) => honest.includes(party)),
    `an honest party is named: ${errors.map(String).join()}`,
  );
  return named.includes(protocol.cheater) ? 'names' : 'stops';
}

const same = (a: Letter, b: Letter): boolean =>
  a.round === b.round && a.kind === b.kind && a.from === b.from && a.to === b.to;

/** What the adversary knows when it changes a letter: other sessions, and everyone's letters of this one. */
const knownFor = (letter: Letter, letters: readonly Letter[], elsewhere: readonly Letter[]): Known => {
  const { round, kind, from, to } = letter;
  const alike = (one: Letter): boolean => one.round === round && one.kind === kind;
  return {
    elsewhere: elsewhere.find((one) => same(one, letter))?.raw ?? new Uint8Array(),
    // What the victim is given of others, and what they give the cheater.
    ofOthers: distinct(
      letters.filter((one) => alike(one) && one.from !== from && (one.to === to || one.to === from)),
    ),
    ofSame: distinct(
      letters.filter((one) => one.from === from && (one.to === to || alike(one)) && !same(one, letter)),
    ),
  };
};

const distinct = (letters: readonly Letter[]): Uint8Array[] =>
  letters
    .map(({ raw }) => raw)
    .filter((raw, i, all) => all.findIndex((other) => Buffer.compare(raw, other) === 0) === i);

/** Everything that the adversary does to a protocol, made from two honest plays of it. */
function casesOf(protocol: Protocol, letters: readonly Letter[], elsewhere: readonly Letter[]): Case[] {
  const mine = letters.filter(({ from }) => from === protocol.cheater);
  const alike = (one: Letter, other: Letter): boolean => one.round === other.round && one.kind === other.kind;
  // The first letter of each kind and round stands for those to other receivers.
  return mine
    .filter((letter, i) => mine.findIndex((one) => alike(one, letter)) === i)
    .flatMap((letter) => {
      const { round, kind, to: victim, raw } = letter;
      const at = `${round}.${kind}`;
      const cases: Case[] = [];
      const changes = changesOf(raw, knownFor(letter, letters, elsewhere), `${protocol.name}/${at}`);
      const dropped = { place: 'message', what: 'dropped', raw: undefined };
      for (const { place, what, raw: changed } of [...changes, dropped]) {
        const field = `${at} ${place}`;
        if (kind === 'broadcasts') {
          const tamper: Tamper = (one) => (alike(one, letter) ? changed : one.raw);
          cases.push({ name: `${field}: ${what}`, field, tamper });
        }
        // Of a broadcast the others get what was meant: different broadcasts to different peers.
        const tamper: Tamper = (one) => (alike(one, letter) && one.to === victim ? changed : one.raw);
        cases.push({ name: `${field}: ${what}, to one only`, field, tamper });
      }
      const other = mine.find((one) => alike(one, letter) && one.to !== victim);
      if (kind === 'pairwise' && other !== undefined) {
        const tamper: Tamper = (one) =>
          alike(one, letter) ? (one.to === victim ? other.raw : raw) : one.raw;
        cases.push({ name: `${at} message: each to the wrong peer`, field: `${at} message`, tamper });
      }
      return cases;
    });
}

/** The cases that are played: all of them, or the first ones of each field and one of so many others. */
function chosen(cases: readonly Case[], oneOf: number): Case[] {
  const seen = new Map<string, number>();
  return cases.filter(({ field }, i) => {
    const before = seen.get(field) ?? 0;
    seen.set(field, before + 1);
    return before < 2 || i % oneOf === 0;
  });
}

for (const make of protocols) {
  const protocol = make();
  const { name, cheater } = protocol;
  test(`T15: T16: T17: ${name}: whatever one party sends, the others stop or end with what is right`, (t) => {
    const started = protocol.begin('here');
    const honest = [...started.keys()].filter((index) => index !== cheater);
    const untouched: Tamper = ({ raw }) => raw;
    const here = play(started, cheater, untouched);
    const elsewhere = play(protocol.begin('elsewhere'), cheater, untouched);
    assert.equal(outcomeOf(protocol, here, honest), 'right');

    const all = casesOf(protocol, here.letters, elsewhere.letters);
    const cases = chosen(all, protocol.oneOf ?? 1);
    const count = { right: 0, stops: 0, names: 0 };
    for (const one of cases) {
      try {
        const outcome = outcomeOf(protocol, play(protocol.begin('here'), cheater, one.tamper), honest);
        assert.ok(outcome !== 'stops' || protocol.unnamed.test(one.name), 'the cheater is not named');
        assert.notEqual(outcome, 'right', 'it makes no difference');
        count[outcome] += 1;
      } catch (error) {
        throw new Error(`${name}: ${one.name}: ${String(error)}`, { cause: error });
      }
    }
    const fields = new Set(cases.map(({ field }) => field)).size;
    assert.equal(fields, new Set(all.map(({ field }) => field)).size);
    t.diagnostic(
      `${name}: ${fields} fields, ${cases.length} of ${all.length} cases: ` +
        `${count.names} name the cheater, ${count.stops} stop without a name, ${count.right} end right`,
    );
  });
}
