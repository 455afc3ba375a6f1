/** What a test expects of a refusal: its code and, where given, its facts. */
import assert from 'node:assert/strict';
import type { ErrorCode } from '../../wire/errors/index.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';

/** For `assert.throws` and `assert.rejects`: the error is of this code and carries at least these facts. */
export const refusal =
  (code: ErrorCode, facts: Readonly<Record<string, unknown>> = {}) =>
  (error: unknown): true => {
    assert.ok(isSymbolonError(error), String(error));
    assert.equal(error.code, code);
    const carried: Readonly<Record<string, unknown>> = error.facts;
    for (const [name, value] of Object.entries(facts)) {
      assert.deepEqual(carried[name], value, `fact ${name}`);
    }
    return true;
  };
