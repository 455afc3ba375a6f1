/**
 * Test only: a Nitro Security Module as the driver shows it, in this process. Registers and locks behave as the hypervisor's
 * (and QEMU's virtio-nsm); its documents come from the test PKI. Responses are written as serde writes them: fields in the
 * order of the Rust structs, not sorted.
 */
import { createHash } from 'node:crypto';
import { encodeMap, makeDocument, moduleId, shownPcrs, type TestDocument } from '../../../test/pki/nitro.ts';
import { decodeCbor, encodeCbor, type CborInput, type CborKey, type CborValue } from '../../../wire/cbor.ts';
import type { NsmDevice } from '../nitro/device.ts';

interface Register {
  data: Uint8Array;
  lock: boolean;
}

/** What a test changes in the module. */
export interface NsmChanges {
  /** Registers that are locked from the start; 0 to 15 unless told, as in an enclave. */
  readonly locked?: readonly number[];
  /** Changes a response, by the name of the request; `undefined` never answers. */
  readonly response?: (name: string, response: Uint8Array) => Uint8Array | undefined;
  /** Changes the fields of a document before it is signed. */
  readonly document?: (fields: Map<CborKey, CborInput>) => void;
  /** Whether locking is said to be done and is not. */
  readonly locksNothing?: boolean;
  readonly moduleId?: string;
}

/** A module, and what it was asked. */
export interface TestNsm extends NsmDevice {
  readonly asked: string[];
  readonly registers: readonly Register[];
  /** The last document. */
  readonly last: () => TestDocument | undefined;
}

const isMap = (value: unknown): value is ReadonlyMap<CborKey, CborValue> => value instanceof Map;
const bytesOf = (value: CborValue | undefined): Uint8Array =>
  value instanceof Uint8Array ? value : new Uint8Array();
const answer = (name: string, fields: readonly (readonly [CborKey, CborInput])[]): Uint8Array =>
  new Uint8Array(Buffer.concat([Uint8Array.of(0xa1), encodeCbor(name), encodeMap(fields, false)]));
const failure = (code: string): Uint8Array => encodeCbor({ Error: code });

/** A module with a hook at everything that could be otherwise. */
export function testNsm(changes: NsmChanges = {}): TestNsm {
  const locked = changes.locked ?? Array.from({ length: 16 }, (_, index) => index);
  const registers: Register[] = Array.from({ length: 32 }, (_, index) => ({
    data: shownPcrs.get(index) ?? new Uint8Array(48),
    lock: locked.includes(index),
  }));
  const asked: string[] = [];
  let last: TestDocument | undefined;

  const serve = (name: string, fields: ReadonlyMap<CborKey, CborValue>): Uint8Array => {
    const register = registers[Number(fields.get('index') ?? 0)];
    if (register === undefined) {
      return failure('InvalidIndex');
    }
    switch (name) {
      case 'DescribeNSM':
        return answer(name, [
          ['version_major', 1],
          ['version_minor', 0],
          ['version_patch', 0],
          ['module_id', changes.moduleId ?? moduleId],
          ['max_pcrs', registers.length],
          ['locked_pcrs', registers.flatMap(({ lock }, index) => (lock ? [index] : []))],
          ['digest', 'SHA384'],
        ]);
      case 'DescribePCR':
        return answer(name, [
          ['lock', register.lock],
          ['data', register.data],
        ]);
      case 'ExtendPCR':
        if (register.lock) {
          return failure('ReadOnlyIndex');
        }
        register.data = new Uint8Array(
          createHash('sha384')
            .update(register.data)
            .update(bytesOf(fields.get('data')))
            .digest(),
        );
        return answer(name, [['data', register.data]]);
      case 'LockPCR':
        register.lock ||= changes.locksNothing !== true;
        return encodeCbor(name);
      case 'LockPCRs':
        for (const one of registers.slice(0, Number(fields.get('range') ?? 0))) {
          one.lock = true;
        }
        return encodeCbor(name);
      case 'Attestation':
        last = makeDocument({
          fields: (payload) => {
            payload.set(
              'pcrs',
              new Map(registers.flatMap(({ data, lock }, index) => (lock ? [[index, data]] : []))),
            );
            for (const field of ['public_key', 'user_data', 'nonce']) {
              payload.set(field, fields.get(field) ?? null);
            }
            changes.document?.(payload);
          },
        });
        return answer(name, [['document', last.document]]);
      case 'GetRandom':
        return answer(name, [['random', new Uint8Array(256).fill(7)]]);
      default:
        return failure('InvalidOperation');
    }
  };

  return {
    name: '/dev/nsm',
    asked,
    registers,
    last: () => last,
    request: (request) => {
      const value = decodeCbor(request, { maxBytes: 4_096 });
      const [[name, fields] = ['', null]] = isMap(value) ? value : [[value, null]];
      const called = typeof name === 'string' ? name : '';
      asked.push(called);
      const response = serve(called, isMap(fields) ? fields : new Map());
      const changed = changes.response === undefined ? response : changes.response(called, response);
      return changed === undefined ? new Promise(() => undefined) : Promise.resolve(changed);
    },
  };
}
