/**
 * Stream commands side by side with a real redis-server 7.0: the same random commands to both must
 * give the same replies but for times, with blocks of a few entries and of many. Payloads of DUMP
 * travel both ways, groups and pending entries included, and give the same streams.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../reference/redis-server.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';
import { RandomStreamCommands, STREAM_KEYS } from '../../testing/random-stream-commands.ts';
import type { RecordedReply } from '../../testing/recorded-reply.ts';
import { notationOf } from '../../testing/recorded-reply.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

async function ask(args: readonly (string | Uint8Array)[]): Promise<RecordedReply> {
  const [reply] = await redis.ask([args]);
  if (reply === undefined) throw new Error('a reply is missing');
  return reply;
}

/** A reply without what depends on the clock and on how blocks are indexed. */
function timeless(reply: RecordedReply): string {
  return notationOf(reply)
    .replace(/\$"radix-tree-keys" :\d+ \$"radix-tree-nodes" :\d+/, '')
    .replace(/\$"seen-time" :\d+/g, '$"seen-time"')
    .replace(/(\*\[\$"\d+-\d+"(?: \$"[^"]*")?) :\d+ (:\d+\])/g, '$1 $2');
}

function bytesOf(reply: RecordedReply): Uint8Array | undefined {
  if (!('text' in reply) || reply.kind !== 'bulk') return undefined;
  return Uint8Array.from(reply.text, (character) => character.charCodeAt(0));
}

const full = (key: string): string[] => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'];

async function expectSamePayloads(driver: CommandDriver, key: string): Promise<void> {
  const ours = bytesOf(driver.reply('DUMP', key));
  const theirs = bytesOf(await ask(['DUMP', key]));
  expect(ours === undefined, key).toBe(theirs === undefined);
  if (ours === undefined || theirs === undefined) return;
  expect(notationOf(await ask(['RESTORE', 'copy', '0', ours, 'REPLACE']))).toBe('+"OK"');
  expect(driver.run('RESTORE', 'copy', '0', theirs, 'REPLACE')).toBe('+"OK"');
  const wanted = timeless(await ask(full(key)));
  expect(timeless(await ask(full('copy')))).toBe(wanted);
  expect(timeless(driver.reply(...full('copy')))).toBe(wanted);
  expect(timeless(driver.reply(...full(key)))).toBe(wanted);
}

describe('stream commands and redis-server', () => {
  it.each([1, 2, 3, 4])('answer the same, seed %i', async (seed) => {
    const entriesMax = seed % 2 === 0 ? '3' : '100';
    const driver = new CommandDriver({ seed, settings: { 'stream-node-max-entries': entriesMax } });
    const random = new RandomStreamCommands(randomSource(seed));
    await redis.ask([['FLUSHALL'], ['CONFIG', 'SET', 'stream-node-max-entries', entriesMax]]);
    for (let batch = 0; batch < 5; batch++) {
      const commands: string[][] = [];
      while (commands.length < 300) {
        const args = random.next();
        const isTimed = args[2] === '*' || args[4] === '50';
        if (!isTimed) commands.push(args, ['XINFO', 'GROUPS', args[1] ?? '']);
      }
      for (const key of STREAM_KEYS) {
        commands.push(full(key), ['XPENDING', key, 'g', '-', '+', '99']);
      }
      const wanted = await redis.ask(commands);
      commands.forEach((args, i) => {
        const got = timeless(driver.reply(...args));
        const reply = wanted[i];
        const other = reply === undefined ? '' : timeless(reply);
        if (got === other) return;
        const shown = args.map((each) => JSON.stringify(each.slice(0, 30))).join(' ');
        expect.fail(`seed ${seed}: ${shown}: ${got.slice(0, 300)}, not ${other.slice(0, 300)}`);
      });
      for (const key of STREAM_KEYS) await expectSamePayloads(driver, key);
    }
    expect(driver.errors).toEqual([]);
  });

  it('refuse the same arguments in the same words', async () => {
    const driver = new CommandDriver();
    const lines = [
      'XADD s', 'XADD s 1-1 a', 'XADD s 1-1 a 1', 'XADD s MAXLEN', 'XADD s MAXLEN x 2-1 a 1',
      'XADD s MAXLEN -1 2-1 a 1', 'XADD s MINID x 2-1 a 1', 'XADD s MAXLEN 1 MINID 1 2-1 a 1',
      'XADD s MAXLEN ~ 5 LIMIT -1 2-1 a 1', 'XADD s LIMIT 5 2-1 a 1', 'XADD s LIMIT 0 3-1 a 1',
      'XADD s MAXLEN ~ 5 LIMIT x 2-1 a 1', 'XADD s NOMKSTREAM MAXLEN 5', 'XADD s 1-* a 1',
      'XTRIM s', 'XTRIM s MAXLEN', 'XTRIM s FOO 1', 'XTRIM s MAXLEN 5 FOO', 'XTRIM s MAXLEN ~ 5 6',
      'XTRIM s LIMIT 5', 'XTRIM s MINID', 'XTRIM s MAXLEN = ~ 5', 'XTRIM s MAXLEN 5 MAXLEN 6',
      'XRANGE s', 'XRANGE s x y', 'XRANGE s - + FOO', 'XRANGE s - + COUNT', 'XRANGE s (- +',
      'XRANGE s - + COUNT x', 'XREVRANGE s x +', 'XRANGE s - + COUNT 1 COUNT 2',
      'XREAD s', 'XREAD STREAMS', 'XREAD COUNT STREAMS s 0', 'XREAD COUNT 1', 'XREAD STREAMS s t 0',
      'XREAD BLOCK 9223372036854775807 STREAMS nokey', 'XREAD FOO 1 STREAMS s 0',
      'XREAD STREAMS s -',
      'XREADGROUP GROUP g c STREAMS s', 'XREADGROUP COUNT 1 COUNT 2 STREAMS s >',
      'XREADGROUP GROUP g c STREAMS s $', 'XREADGROUP GROUP g c NOACK STREAMS s t >',
      'XGROUP', 'XGROUP CREATE s', 'XGROUP CREATE s g', 'XGROUP CREATE s g x', 'XGROUP FOO s g',
      'XGROUP CREATE s g 0 FOO', 'XGROUP CREATE s g 0 ENTRIESREAD', 'XGROUP CREATE s g 0',
      'XGROUP create s g 0 ENTRIESREAD x', 'XGROUP CREATE s h 0 ENTRIESREAD -2',
      'XGROUP SETID s g 0 MKSTREAM', 'XGROUP SETID s g - ENTRIESREAD 1 ENTRIESREAD 2',
      'XGROUP SETID s g +', 'XGROUP SETID s g (1', 'XGROUP SETID s nog x', 'XGROUP DESTROY nokey g',
      'XGROUP CREATE nokey g 0 ENTRIESREAD 1', 'XGROUP CREATECONSUMER s nog c',
      'XGROUP DELCONSUMER s g nobody', 'XGROUP DELCONSUMER nokey g c',
      'XACK s g', 'XACK s g x', 'XACK s nog x', 'XACK nokey g x', 'XSETID s', 'XSETID s x',
      'XSETID s 9-9 FOO', 'XSETID s 9-9 ENTRIESADDED', 'XSETID s 9-9 ENTRIESADDED -1',
      'XSETID s 9-9 MAXDELETEDID 10-1', 'XSETID nokey 1-1', 'XSETID s 0-1', 'XSETID nokey x',
      'XPENDING s', 'XPENDING s nog', 'XPENDING s g -', 'XPENDING s g - +', 'XPENDING s g - + x',
      'XPENDING s g x + 1', 'XPENDING s g (- + 1', 'XPENDING s g IDLE 1 - +', 'XPENDING s g - + -5',
      'XPENDING s g IDLE x - + 1', 'XPENDING s g IDLE 0 - + 1 c d', 'XPENDING nokey g x + 1',
      'XCLAIM s g c', 'XCLAIM s g c x 1-1', 'XCLAIM s nog c x 1-1', 'XCLAIM s g c 0 1-1 FOO',
      'XCLAIM s g c 0 1-1 IDLE', 'XCLAIM s g c 0 1-1 IDLE x', 'XCLAIM s g c 0 1-1 TIME x',
      'XCLAIM s g c 0 1-1 RETRYCOUNT x', 'XCLAIM s g c 0 1-1 LASTID x', 'XCLAIM s g c 0 x JUSTID',
      'XCLAIM s g c 0 JUSTID', 'XCLAIM s g c 0 1-1 JUSTID 2-1', 'XAUTOCLAIM s g c',
      'XAUTOCLAIM s g c x 0', 'XAUTOCLAIM s g c 0 x', 'XAUTOCLAIM s g c 0 (-',
      'XAUTOCLAIM s x c 0 0',
      'XAUTOCLAIM s g c 0 0 COUNT 0', 'XAUTOCLAIM s g c 0 0 COUNT x', 'XAUTOCLAIM s g c 0 0 FOO',
      'XAUTOCLAIM s g c 0 0 COUNT 576460752303423488', 'XAUTOCLAIM s g c 0 0 COUNT',
      'XAUTOCLAIM s g c 0 (18446744073709551615-18446744073709551615', 'XINFO', 'XINFO STREAM',
      'XINFO STREAM s FOO', 'XINFO STREAM s FULL COUNT', 'XINFO STREAM s FULL COUNT x',
      'XINFO FOO s',
      'XINFO GROUPS', 'XINFO CONSUMERS s', 'XINFO CONSUMERS s nog', 'XINFO GROUPS nokey',
      'SET str x', 'XADD str 1-1 a 1', 'XADD str x a 1', 'XLEN str', 'XRANGE str - + COUNT 0',
      'XREAD STREAMS s str 0 0', 'XGROUP CREATE str g 0 MKSTREAM', 'XGROUP DESTROY str g',
      'XREADGROUP GROUP g c STREAMS str >', 'XPENDING str g', 'XCLAIM str g c x 1-1',
      'XAUTOCLAIM str g c 0 0', 'XINFO STREAM str', 'XSETID str 1-1', 'XTRIM str MAXLEN 0',
      'XDEL str x', 'XACK str g x', 'XDEL s x', 'XDEL nokey x',
    ];
    await redis.ask([['FLUSHALL']]);
    for (const line of lines) {
      const args = line.split(' ');
      expect(driver.run(...args), line).toBe(notationOf(await ask(args)));
    }
  });
});
