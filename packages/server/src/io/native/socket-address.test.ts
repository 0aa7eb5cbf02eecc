/**
 * Socket addresses are read and written as the system has them: the text of an address is the one
 * that Node shows, compared over addresses with every shape of zero groups.
 */
import { SeededChance } from '@kora/core';
import { BlockList, SocketAddress } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  AF_INET, AF_INET6, AF_UNIX, readEndpoint, writePath, writePort,
} from './socket-address.ts';

const bytes = new Uint8Array(256);
const view = new DataView(bytes.buffer);

function ipv6(groups: readonly number[], scope = 0): string {
  bytes.fill(0);
  view.setUint16(8, AF_INET6, true);
  for (const [i, group] of groups.entries()) view.setUint16(16 + i * 2, group, false);
  view.setUint32(32, scope, true);
  return readEndpoint(view, 8).host;
}

describe('socket addresses', () => {
  it('reads IPv4', () => {
    bytes.fill(0);
    view.setUint16(0, AF_INET, true);
    bytes.set([255, 0, 9, 128], 4);
    writePort(view, 0, 65_535);
    expect(readEndpoint(view, 0)).toEqual({ host: '255.0.9.128', port: 65_535 });
    expect([bytes[2], bytes[3]]).toEqual([255, 255]);
    writePort(view, 0, 6379);
    expect(readEndpoint(view, 0).port).toBe(6379);
    expect([bytes[2], bytes[3]]).toEqual([24, 235]);
  });

  it.each([
    ['::', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['::1', [0, 0, 0, 0, 0, 0, 0, 1]],
    ['1::', [1, 0, 0, 0, 0, 0, 0, 0]],
    ['1:0:2::3', [1, 0, 2, 0, 0, 0, 0, 3]],
    ['1::2:0:0:3:4', [1, 0, 0, 2, 0, 0, 3, 4]],
    ['1:2:3:4:5:6:7:0', [1, 2, 3, 4, 5, 6, 7, 0]],
    ['2001:db8::ff00:42:8329', [0x2001, 0xdb8, 0, 0, 0, 0xff00, 0x42, 0x8329]],
    ['::ffff:10.0.0.255', [0, 0, 0, 0, 0, 0xffff, 0x0a00, 0x00ff]],
  ])('reads %s', (text, groups) => {
    expect(ipv6(groups)).toBe(text);
  });

  it('shows the scope of a link', () => {
    expect(ipv6([0xfe80, 0, 0, 0, 0, 0, 0, 1], 3)).toBe('fe80::1%3');
  });

  it('writes what is the same address to Node, as briefly as a URL does', () => {
    const chance = new SeededChance(41);
    for (let i = 0; i < 2000; i++) {
      const groups = Array.from({ length: 8 }, () => {
        const word = chance.next32();
        return (word & 3) === 0 ? word >>> 16 : 0;
      });
      groups[0] = 0x2001;
      const text = ipv6(groups);
      const full = groups.map((group) => group.toString(16)).join(':');
      const same = new BlockList();
      same.addAddress(new SocketAddress({ address: full, family: 'ipv6' }));
      expect(same.check(text, 'ipv6'), `seed 41, round ${i}: ${full}`).toBe(true);
      expect(`[${text}]`).toBe(new URL(`http://[${full}]`).hostname);
    }
  });

  it('writes paths', () => {
    expect(writePath(bytes, 0, '/tmp/ä')).toBe(2 + 7 + 1);
    expect(view.getUint16(0, true)).toBe(AF_UNIX);
    expect(Buffer.from(bytes.subarray(2, 9)).toString()).toBe('/tmp/ä');
    expect(bytes[9]).toBe(0);
    expect(readEndpoint(view, 0)).toEqual({ host: '?', port: 0 });
  });
});
