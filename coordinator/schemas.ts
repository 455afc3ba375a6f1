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
/** An answer; `properties` are described where a caller has to know them before it asks. */
const answer = (description: string, properties: Readonly<Record<string, object>> = {}): object => ({
  type: 'object',
  description,
  additionalProperties: true,
  properties,
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
/** `?after=ID&limit=N` of a list of keys: those after an id, 1 to 256 of them. */
export const pageQuery = closed(
  {
    after: hexId,
    limit: { type: 'string', pattern: '^(?:[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-6])$' },
  },
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

const refusals = { '4xx': problemBody, '5xx': problemBody } as const;

/** Answers of a route for the OpenAPI document. */
export const answers = (description: string, ...statuses: readonly number[]): object => ({
  ...Object.fromEntries(statuses.map((status) => [status, answer(description)])),
  ...refusals,
});
const objects = { type: 'array', items: { type: 'object', additionalProperties: true } };
const canSign = { type: 'string', enum: ['yes', 'degraded', 'no'] };
const until = { type: ['number', 'null'], description: 'Unix milliseconds; null where that is not known.' };
/** Answers of `GET /v1/health`. */
export const healthAnswers = { 200: answer('Health', { canSign, until }), ...refusals };
/** Answers of `GET /v1/status`. */
export const statusAnswers = {
  200: answer('Status', {
    canSign,
    until,
    keys: answer('The keys as a whole', {
      total: { type: 'integer' },
      active: { type: 'integer' },
      pending: { type: 'integer', description: 'Made, and not active on all nodes yet.' },
      canSign: { type: 'integer', description: 'Active keys that can sign now.' },
      renewing: { type: 'integer', description: 'Active keys with new shares on the way.' },
      first: {
        ...objects,
        description: 'At most 100 keys, those first that can not sign; /v1/keys has all.',
      },
    }),
  }),
  ...refusals,
};
/** Answers of `GET /v1/keys`. */
export const pageAnswers = {
  200: answer('Keys, sorted by id', {
    keys: objects,
    next: { type: ['string', 'null'], description: 'The `after` of the next page; null at the end.' },
  }),
  ...refusals,
};
