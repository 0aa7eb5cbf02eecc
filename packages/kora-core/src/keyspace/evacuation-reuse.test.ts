/**
 * A value that evacuation has left half moved, deleted between two slices, whose entry and root
 * blocks serve a value of another type at once: the cursor of the first says nothing about the
 * second. Blocks are used again last in, first out, so that a DEL, a few commands and a write of
 * the same key can do this.
 */
import { expect, it } from 'vitest';
import { checkShard } from '../admin/shard-check.ts';
import { verify } from '../assert.ts';
import { entryRoot } from '../structs/entry.hot.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { Evacuation } from './evacuation.ts';
import { ValueType } from './type-handler.ts';

const KEY = 0x6b; // k
const FIELDS = 600;
const SLICES_MAX = 10_000;

function fields(): string[] {
  return Array.from({ length: FIELDS }, (_, i) => `field:${i}`);
}

/** A hash whose fields all have deadlines: its tree is moved last, under cursors below zero. */
function timedHash(driver: CommandDriver): void {
  driver.reply('HSET', 'k', ...fields().flatMap((field) => [field, 'value']));
  driver.reply('HPEXPIRE', 'k', '100000', 'FIELDS', String(FIELDS), ...fields());
}

function refOf(driver: CommandDriver): number {
  const { memory, shard } = driver;
  memory.low[shard.scratchAt] = KEY;
  const [db] = shard.keyspace.databases;
  if (db === undefined) throw new Error('there is a database 0');
  return shard.keyspace.find(db, shard.scratchAt, 1);
}

/** Makes a free block the next that its class gives, as a few commands in between would. */
function makeNext(driver: CommandDriver, block: number, bytes: number): void {
  const { arenaAllocator } = driver.memory;
  const taken: number[] = [];
  for (;;) {
    const ref = arenaAllocator.alloc(bytes);
    if (ref === block) break;
    taken.push(ref);
  }
  for (const ref of taken) arenaAllocator.free(ref);
  arenaAllocator.free(block);
}

it('a cursor is not used for a value of another type in the same blocks', () => {
  const driver = new CommandDriver();
  const { memory, shard } = driver;
  const { arenaAllocator } = memory;
  timedHash(driver);
  const handler = shard.typeHandlers[ValueType.Hash];
  if (handler === undefined) throw new Error('hashes are registered');
  let cursor = 0;
  shard.typeHandlers[ValueType.Hash] = {
    ...handler,
    evacuate: (...args) => (cursor = handler.evacuate(...args)),
  };
  arenaAllocator.isSparse = () => true;
  arenaAllocator.markSparse = () => 1;
  arenaAllocator.heldBytes = () => 2 ** 31;
  verify.enabled = true;
  try {
    const evacuation = new Evacuation(shard);
    for (let slices = 0; cursor >= 0; slices++) {
      evacuation.step();
      expect(slices).toBeLessThan(SLICES_MAX);
    }
    const ref = refOf(driver);
    const root = entryRoot(memory.i32, ref);
    const blocks = [ref, root].map((block) => [block, arenaAllocator.sizeOf(block)] as const);
    driver.run('DEL', 'k');
    while (shard.lazyFree.step());
    for (const [block, bytes] of blocks) makeNext(driver, block, bytes);
    driver.reply('ZADD', 'k', ...fields().flatMap((member, i) => [String(i), member]));
    expect(refOf(driver), 'the entry is in the same block').toBe(ref);
    expect(entryRoot(memory.i32, ref), 'and so is the root').toBe(root);
    for (let slices = 0; slices < 10; slices++) evacuation.step();
    checkShard(shard);
    expect(driver.run('ZCARD', 'k')).toBe(`:${FIELDS}`);
  } finally {
    verify.enabled = false;
  }
});
