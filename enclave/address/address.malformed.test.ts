import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { parseAddress } from './index.ts';

const cases: readonly [string, string][] = [
  ['nothing', ''],
  ['no scheme', '/run/node.sock'],
  ['another scheme', 'http:127.0.0.1:80'],
  ['a scheme in capitals', 'TCP:127.0.0.1:80'],
  ['space before', ' tcp:127.0.0.1:80'],
  ['no path', 'unix:'],
  ['NUL in the path', 'unix:/run/a\0b'],
  ['abstract name', 'unix:@symbolon'],
  ['path of 108 bytes', `unix:${'a'.repeat(108)}`],
  ['path of 107 characters and more bytes', `unix:${'a'.repeat(106)}é`],
  ['no port', 'tcp:127.0.0.1'],
  ['empty port', 'tcp:127.0.0.1:'],
  ['no host', 'tcp::7001'],
  ['port with sign', 'tcp:127.0.0.1:+1'],
  ['port with leading zero', 'tcp:127.0.0.1:07001'],
  ['port in hexadecimal', 'tcp:127.0.0.1:0x10'],
  ['port above 65535', 'tcp:127.0.0.1:65536'],
  ['port with fraction', 'tcp:127.0.0.1:1.5'],
  ['space behind', 'tcp:127.0.0.1:80 '],
  ['IPv6 without brackets', 'tcp:::1:80'],
  ['IPv4 in brackets', 'tcp:[127.0.0.1]:80'],
  ['short IPv4', 'tcp:127.1:80'],
  ['IPv4 as one number', 'tcp:2130706433:80'],
  ['IPv4 in hexadecimal', 'tcp:0x7f000001:80'],
  ['IPv4 with leading zeros', 'tcp:127.0.0.01:80'],
  ['loopback in a longer name', 'tcp:127.0.0.1.example:80'],
  ['host with a slash', 'tcp:a/b:80'],
  ['host with a line end', 'tcp:a\nb:80'],
  ['host above 253 characters', `tcp:${'a.'.repeat(127)}a:80`],
  ['text above the cap', `unix:${'a'.repeat(10_000)}`],
  ['vsock without port', 'vsock:3'],
  ['vsock with three numbers', 'vsock:3:1:2'],
  ['vsock above 32 bits', 'vsock:3:4294967296'],
  ['vsock with a sign', 'vsock:-1:7001'],
];

for (const [what, text] of cases) {
  test(`T34: given an address with ${what}, then it is refused, also where remote hosts are allowed`, () => {
    const remote = what !== 'loopback in a longer name';
    assert.throws(
      () => parseAddress(text, { remote }),
      (error) =>
        isSymbolonError(error, 'channel/bad-address') && /^[\x20-\x7e]{0,120}$/.test(error.facts.address),
    );
  });
}
