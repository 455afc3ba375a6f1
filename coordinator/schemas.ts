/** JSON schemas of the HTTP API. All are closed: what they do not name is refused. */
import { maxManifest, maxRequest } from '../wire/limits.ts';
import { bitcoinNetworks } from './chains/bitcoin.ts';
import { chains } from './chains/address.ts';
import { hrpPattern } from './chains/cosmos.ts';

/** Length of the base64 of `bytes` bytes. */
const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4;

/** Longest base64 of a signed request and of a signed manifest, in characters. */
export const maxBase64 = {
  request: base64Length(maxRequest + 256),
  manifest: base64Length(maxManifest + 4_096),
} as const;

/** Largest bodies in bytes: the base64 and its frame. Checked before parsing. */
export const bodyLimits = {
  request: maxBase64.request + 64,
  manifest: maxBase64.manifest + 64,
} as const;

const closed = (properties: Readonly<Record<string, object>>, required: readonly string[]): object => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});
const base64 = (maxLength: number): object => ({
  type: 'string',
  minLength: 4,
  maxLength,
  pattern: '^[A-Za-z0-9+/]+={0,2}$',
});
const hexId = { type: 'string', pattern: '^[0-9a-f]{32}$' };
const answer = (description: string): object => ({
  type: 'object',
  description,
  additionalProperties: true,
});

/** `{"request": base64}` of every route that takes a signed request. */
export const requestBody = closed({ request: base64(maxBase64.request) }, ['request']);
/** `{"manifest": base64}` of `PUT /v1/manifest`. */
export const manifestBody = closed({ manifest: base64(maxBase64.manifest) }, ['manifest']);
/** `?wait=MS`: longest wait for the result, 0 to 60000. */
export const waitQuery = closed(
  { wait: { type: 'string', pattern: '^(?:0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|60000)$' } },
  [],
);
/** No query at all. */
export const noQuery = closed({}, []);
/** `:id` of a key or of a signing job. */
export const idParams = closed({ id: hexId }, ['id']);
/** `:node`. */
export const nodeParams = closed(
  { node: { type: 'string', pattern: '^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$' } },
  ['node'],
);
/** `?chain=&network=&path=&hrp=` of an address. The path is parsed by `parsePath`, which says what is wrong with it. */
export const addressQuery = closed(
  {
    chain: { type: 'string', enum: chains },
    network: { type: 'string', enum: bitcoinNetworks },
    path: { type: 'string', maxLength: 256 },
    hrp: { type: 'string', pattern: hrpPattern },
  },
  [],
);
/** Body of every refusal. */
export const problemBody = {
  type: 'object',
  description: 'A refusal (RFC 9457) with a code of the error catalogue.',
  additionalProperties: true,
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    detail: { type: 'string' },
    todo: { type: 'string' },
  },
} as const;

/** Answers of a route for the OpenAPI document. */
export const answers = (description: string, ...statuses: readonly number[]): object => ({
  ...Object.fromEntries(statuses.map((status) => [status, answer(description)])),
  '4xx': problemBody,
  '5xx': problemBody,
});
