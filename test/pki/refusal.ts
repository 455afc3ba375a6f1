/** Test only: what a refusal must be. */
import assert from 'node:assert/strict';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';

/** Asserts that `error` is a catalogue error of this code, with these facts among its facts. */
export function assertRefusal(
  error: unknown,
  code: ErrorCode,
  facts: Readonly<Record<string, unknown>> = {},
): void {
  assert.ok(isSymbolonError(error), String(error));
  assert.equal(error.code, code, error.message);
  const got: Readonly<Record<string, unknown>> = error.facts;
  for (const [name, value] of Object.entries(facts)) {
    assert.deepEqual(got[name], value, `${name}: ${error.message}`);
  }
}

/** Asserts that `run` throws that refusal. */
export function assertRefuses(
  run: () => unknown,
  code: ErrorCode,
  facts: Readonly<Record<string, unknown>> = {},
): void {
  assert.throws(run, (error: unknown) => {
    assertRefusal(error, code, facts);
    return true;
  });
}
