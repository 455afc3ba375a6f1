/** Targets of wire/: the codecs that all else stands on. */
import { decodeCbor, encodeCbor } from '../../../wire/cbor.ts';
import * as manifestMessages from '../../../wire/messages/manifest.ts';
import * as nodeMessages from '../../../wire/messages/node.ts';
import * as requestMessages from '../../../wire/messages/request.ts';
import * as sessionMessages from '../../../wire/messages/session.ts';
import { parseJsonValue, parseStrictJson } from '../../../wire/strictJson.ts';
import { hold, holdSame, type Target } from '../engine/target.ts';
import { fixture, utf8 } from './fixtures.ts';
import { messagesOf } from './messages.ts';

const cborSeeds = (): Uint8Array[] => [
  ...[0, -1, 'text', true, null, new Uint8Array(30), [], {}, 2n ** 60n, -(2n ** 60n)].map((one) =>
    encodeCbor(one),
  ),
  encodeCbor({ a: [1, [2, { b: new Uint8Array(4) }]], bb: 'é', c: -70_000 }),
  encodeCbor(
    new Map([
      [1, 'one'],
      [-35, 'minus'],
    ]),
  ),
];
const jsonTexts = [
  '{"a":[1,-2,3.5e2,{"b":"c\\u0041\\n"}],"d":null,"e":true,"f":""}',
  '[]',
  '"text"',
  '{"a":{"a":1},"b":{"a":[[[]]]}}',
  ' { "listen" : "tcp:127.0.0.1:7000" , "n" : 0 } ',
];
const jsonSeeds = (): Uint8Array[] => jsonTexts.map(utf8);

const parsers: readonly Target[] = [
  {
    name: 'cbor',
    what: 'strict deterministic CBOR',
    form: 'cbor',
    maxBytes: 66_000,
    refuses: ['wire'],
    seeds: cborSeeds,
    run: (input) => {
      holdSame(encodeCbor(decodeCbor(input, { maxBytes: 65_536 })), input);
    },
  },
  {
    name: 'cbor-nitro',
    what: 'CBOR with the two liberties that Nitro payloads take',
    form: 'cbor',
    maxBytes: 17_000,
    refuses: ['wire'],
    seeds: () => [...cborSeeds(), Uint8Array.of(0xbf, 0x61, 0x62, 1, 0x61, 0x61, 2, 0xff)],
    run: (input) => {
      const options = { maxBytes: 16_384, indefiniteTopMap: true, unsortedKeys: true } as const;
      const strict = encodeCbor(decodeCbor(input, options));
      holdSame(encodeCbor(decodeCbor(strict, { maxBytes: strict.length })), strict);
    },
  },
  {
    name: 'strict-json',
    what: 'strict JSON: refused, or just what JSON.parse reads',
    form: 'json',
    maxBytes: 8_192,
    refuses: [],
    seeds: jsonSeeds,
    run: (input) => {
      const parsed = parseStrictJson(input);
      if (parsed.ok) {
        const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(input);
        const same = JSON.stringify(JSON.parse(text)) === JSON.stringify(parsed.value);
        hold(same, 'another value than that of JSON.parse');
        hold(parseStrictJson(text).ok, 'refused as text, accepted as bytes');
      }
    },
  },
  {
    name: 'json-value',
    what: 'strict JSON for shapes: refused, or a value that the strict codec can write and read',
    form: 'json',
    maxBytes: 8_192,
    refuses: [],
    seeds: jsonSeeds,
    run: (input) => {
      const parsed = parseJsonValue(input);
      if (parsed.ok) {
        const encoded = encodeCbor(parsed.value);
        holdSame(encodeCbor(decodeCbor(encoded, { maxBytes: encoded.length })), encoded);
      }
    },
  },
];

/** A decoder that takes its own messages only from the outermost frame still decodes what lies in it. */
const nested: readonly Target[] = [
  {
    name: 'signed-request',
    what: 'a signed request and the request in it',
    form: 'cbor',
    maxBytes: 68_000,
    refuses: ['wire'],
    seeds: () => ['sign', 'create'].map((name) => fixture(`v1/manifest/request-${name}.cbor`)),
    run: (input) => {
      const { signedRequest, requestBytes, signedMessage } = requestMessages;
      const signed = signedRequest.decode(input);
      const request = requestBytes.decode(signed.request);
      if (request.action === 'sign') {
        hold(signedMessage(request.payload).message.length > 0, 'a request to sign nothing');
      }
      holdSame(signedRequest.encode({ ...signed, request: requestBytes.encode(request) }), input);
    },
  },
];

/** All targets of this room. */
export const wireTargets: readonly Target[] = [
  ...parsers,
  ...messagesOf(manifestMessages, nodeMessages, requestMessages, sessionMessages),
  ...nested,
];
