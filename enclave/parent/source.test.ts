import { test } from 'node:test';
import assert from 'node:assert/strict';
import { sourceOf } from './source.ts';

test('T43: given many addresses of one IPv6 network, then they are one source; others are others', () => {
  const cases: readonly (readonly [string | undefined, string])[] = [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:0:1:aaaa::1', '2001:db8:0:1::/64'],
    ['2001:0DB8::1:aaaa:bbbb:cccc:dddd', '2001:db8:0:1::/64'],
    ['2001:db8:0:1:1:2:3:4', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['64:ff9b::1.2.3.4', '64:ff9b:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    [undefined, 'local'],
  ];
  for (const [address, source] of cases) {
    assert.equal(sourceOf(address), source, address);
  }
});
