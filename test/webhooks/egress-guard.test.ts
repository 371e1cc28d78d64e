import { describe, expect, it } from 'vitest';
import { checkLiteralHost, forbiddenRange, guardedLookup } from '../../src/webhooks/egress-guard.js';

describe('addresses', () => {
  it.each([
    ['93.184.216.34', null, null],
    ['2606:2800:220:1:248:1893:25c8:1946', null, null],
    ['10.1.2.3', 'private', null],
    ['172.16.0.1', 'private', null],
    ['172.32.0.1', null, null],
    ['192.168.1.1', 'private', null],
    ['127.0.0.1', 'loopback', null],
    ['127.255.255.254', 'loopback', null],
    ['::1', 'loopback', null],
    ['100.64.0.1', 'carrierGradeNat', null],
    ['fd00::1', 'uniqueLocal', null],
    ['::ffff:127.0.0.1', 'loopback', null],
    ['::ffff:7f00:1', 'loopback', null],
    ['::ffff:10.0.0.1', 'private', null],
    ['::ffff:93.184.216.34', null, null],
    ['64:ff9b::7f00:1', 'loopback', null],
    ['64:ff9b::5db8:d822', null, null],
    ['64:ff9b:1:a00:0:500:808:808', 'rfc6052', 'rfc6052'], // 10.0.0.5 by RFC 6052's rule for a /48
    ['64:ff9b:1::808:808', 'rfc6052', 'rfc6052'],
    ['::a00:1', 'reserved', 'reserved'],
    ['4000::1', 'reserved', 'reserved'],
    ['169.254.169.254', 'linkLocal', 'linkLocal'],
    ['::ffff:169.254.169.254', 'linkLocal', 'linkLocal'],
    ['fe80::1', 'linkLocal', 'linkLocal'],
    ['0.0.0.0', 'unspecified', 'unspecified'],
    ['0.1.2.3', 'unspecified', 'unspecified'],
    ['::', 'unspecified', 'unspecified'],
    ['224.0.0.1', 'multicast', 'multicast'],
    ['ff02::1', 'multicast', 'multicast'],
    ['255.255.255.255', 'broadcast', 'broadcast'],
    ['240.0.0.1', 'reserved', 'reserved'],
    ['192.0.2.1', 'reserved', 'reserved'],
    ['198.18.0.1', 'reserved', 'reserved'],
    ['203.0.113.1', 'reserved', 'reserved'],
    ['2001:db8::1', 'reserved', 'reserved'],
    ['2002:7f00:1::', '6to4', '6to4'],
    ['2001::1', 'teredo', 'teredo'],
    ['::127.0.0.1', 'loopback', null],
    ['fec0::1', 'deprecatedSiteLocal', 'deprecatedSiteLocal'],
    ['not an address', 'not an address', 'not an address'],
  ])('%s: %s, with allowPrivate: %s', (address, strict, relaxed) => {
    expect(forbiddenRange(address, false)).toBe(strict);
    expect(forbiddenRange(address, true)).toBe(relaxed);
  });
});

describe('hosts written as addresses', () => {
  it.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://0x7f.0.0.1/',
    'http://2130706433/',
    'http://0177.0.0.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://１２７.0.0.1/',
  ])('%s is refused', (url) => {
    expect(() => checkLiteralHost(new URL(url), false)).toThrow('allowPrivate');
  });

  it('leaves names to the look-up', () => {
    checkLiteralHost(new URL('http://localhost/'), false);
    checkLiteralHost(new URL('http://127.0.0.1/'), true);
  });
});

describe('the look-up', () => {
  const resolvesTo = (...addresses: string[]) =>
    guardedLookup(false, (_name, _options, callback) => {
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    });
  const look = (lookup: ReturnType<typeof guardedLookup>, all: boolean) =>
    new Promise((resolve, reject) => {
      lookup('crm.example', { all }, (error, address) => (error ? reject(error) : resolve(address)));
    });

  it('leaves out what is forbidden', async () => {
    const lookup = resolvesTo('127.0.0.1', '93.184.216.34');
    expect(await look(lookup, false)).toBe('93.184.216.34');
    expect(await look(lookup, true)).toEqual([{ address: '93.184.216.34', family: 4 }]);
  });

  it('fails where nothing else is left, or nothing was found', async () => {
    await expect(look(resolvesTo('10.0.0.1', '::1'), true)).rejects.toThrow('private');
    await expect(look(resolvesTo(), true)).rejects.toThrow('allowPrivate');
  });

  it('hands the resolver’s own error on', async () => {
    const lookup = guardedLookup(false, (_name, _options, callback) =>
      callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []),
    );
    await expect(look(lookup, true)).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
