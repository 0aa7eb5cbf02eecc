/**
 * Values that are being sent, against an engine that copies every reply: the same random commands
 * on both, one with a sink that pins ropes and lets go of them later, in any order. Replies, data
 * and journal are the same after every step, a pinned value reads as it was when it was answered,
 * and with the last pin all memory is back.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../../admin/shard-check.ts';
import { verify } from '../../assert.ts';
import { SeededChance } from '../../platform/platform.ts';
import type { Ropes } from '../../structs/rope.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { RandomStringCommands } from '../../testing/random-string-commands.ts';
import { isSameReply } from '../../testing/recorded-reply.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

verify.enabled = true; // Freed blocks are poisoned.

const START_MS = 1_700_000_000_000;

/** Pins the ropes that a driver's sink is given, and knows what they held. */
class Pins {
  readonly #driver: CommandDriver;
  readonly #held: { readonly root: number; readonly at: number; readonly bytes: Buffer }[] = [];

  constructor(driver: CommandDriver) {
    this.#driver = driver;
    const { sink } = driver;
    const copy = sink.bulkRope.bind(sink);
    sink.bulkRope = (ropes: Ropes, root: number, from: number, bytes: number): void => {
      copy(ropes, root, from, bytes);
      const piece = ropes.pieceCount(root) - 1;
      const at = ropes.pieceAt(root, piece);
      ropes.pin(root);
      this.#held.push({ root, at, bytes: this.#read(at, ropes.pieceBytes(root, piece)) });
    };
  }

  get count(): number {
    return this.#held.length;
  }

  #read(at: number, bytes: number): Buffer {
    return Buffer.from(new Uint8Array(this.#driver.memory.memory.buffer, at, bytes));
  }

  check(where: string): void {
    for (const { at, bytes } of this.#held) {
      expect(this.#read(at, bytes.length).equals(bytes), where).toBe(true);
    }
    expect(this.#driver.shard.ropes.pinCount, where).toBe(this.#held.length);
  }

  release(index: number): void {
    const [pin] = this.#held.splice(index, 1);
    if (pin !== undefined) this.#driver.shard.ropes.unpin(pin.root);
  }
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** A string command, often on long values, or one that moves or ends keys. */
function nextCommand(random: RandomStringCommands): string[] {
  const long = 'v'.repeat(random.pick([65_536, 80_000, 131_073]));
  const [key, other] = [random.pick(['a', 'b', 'c']), random.pick(['a', 'b', 'c'])];
  const makers: readonly (() => string[])[] = [
    () => random.next(),
    () => ['SET', key, long],
    () => ['GET', key],
    () => ['MGET', key, other],
    () => ['SETRANGE', key, String(random.below(140_000)), 'patch'],
    () => ['APPEND', key, random.below(2) === 0 ? long : 'tail'],
    () => ['GETRANGE', key, String(random.below(70_000)), '-1'],
    () => ['RENAME', key, other],
    () => ['COPY', key, other, 'REPLACE'],
    () => ['DEL', key],
    () => [random.below(8) === 0 ? 'FLUSHALL' : 'DUMP', key].slice(0, 2),
  ];
  const command = random.pick(makers)();
  return command[0] === 'FLUSHALL' ? ['FLUSHALL'] : command;
}

describe('string commands on values that are being sent', () => {
  it.each([1, 2, 3, 4])('agree with those on values that are not (seed %i)', (seed) => {
    const [plain, pinning] = [0, 1].map(() => new CommandDriver({ seed, startMs: START_MS }));
    if (plain === undefined || pinning === undefined) throw new Error('two drivers');
    const recorders = [plain, pinning].map((driver) => new JournalRecorder(driver.shard));
    const usedAtStart = pinning.memory.arenaAllocator.usedBytes();
    const random = new RandomStringCommands(new SeededChance(seed), START_MS);
    const pins = new Pins(pinning);
    let pinsMost = 0;
    for (let step = 0; step < 150; step++) {
      const args = nextCommand(random);
      const where = `seed ${seed} step ${step}: ${args[0] ?? ''}`;
      const isSame = isSameReply(pinning.reply(...args), plain.reply(...args));
      expect(isSame, where).toBe(true);
      if (pins.count > 0 && random.below(5) === 0) pins.release(random.below(pins.count));
      pins.check(where);
      pinsMost = Math.max(pinsMost, pins.count);
      if (random.below(20) === 0) {
        pinning.memory.arenaAllocator.markSparse();
        for (const driver of [plain, pinning]) driver.advance(500);
        pins.check(`${where}, in the background`);
      }
    }
    const [wanted, got] = [plain, pinning].map(({ shard }) => contentsOf(shard, latin1Of));
    expect(got, `seed ${seed}`).toEqual(wanted);
    const [wantedRecords, gotRecords] = recorders.map(({ records }) => Buffer.concat(records));
    expect(gotRecords?.equals(wantedRecords ?? Buffer.alloc(0)), `seed ${seed}`).toBe(true);
    checkShard(pinning.shard);
    expect(pinning.errors).toEqual([]);
    expect(pinsMost, `seed ${seed}`).toBeGreaterThan(2);
    for (const { shard } of [plain, pinning]) while (shard.lazyFree.step());
    pinning.run('FLUSHALL');
    while (pins.count > 0) pins.release(0);
    while (pinning.shard.lazyFree.step());
    expect(pinning.shard.ropes.droppedBytes, `seed ${seed}`).toBe(0);
    expect(pinning.memory.arenaAllocator.usedBytes(), `seed ${seed}`).toBe(usedAtStart);
  });

  it('answer OOM and change nothing when the copy finds no memory', () => {
    const driver = new CommandDriver({
      startMs: START_MS,
      memoryOptions: { lowBytes: 8 * 1024 * 1024, bytesMax: 16 * 1024 * 1024 },
    });
    const pins = new Pins(driver);
    const value = 'x'.repeat(4_500_000);
    driver.run('SET', 'big', value);
    driver.run('GET', 'big');
    const usedBytes = driver.memory.usedBytes();
    for (const command of [['SETRANGE', 'big', '5', 'y'], ['APPEND', 'big', 'y']]) {
      expect(driver.run(...command)).toContain('OOM');
      expect(driver.memory.usedBytes()).toBe(usedBytes);
    }
    pins.release(0);
    expect(driver.run('SETRANGE', 'big', '5', 'y')).toBe(`:${value.length}`);
    expect(driver.run('GETRANGE', 'big', '4', '6')).toBe('$"xyx"');
    expect(driver.errors).toEqual([]);
  });

  it('count deleted values as used until the last pin', () => {
    const driver = new CommandDriver({ startMs: START_MS });
    const usedAtStart = driver.memory.usedBytes();
    const pins = new Pins(driver);
    driver.run('SET', 'big', 'x'.repeat(1_000_000));
    driver.run('GETDEL', 'big');
    expect(driver.memory.usedBytes() - usedAtStart).toBeGreaterThan(1_000_000);
    driver.run('SET', 'big', 'short');
    pins.release(0);
    driver.run('DEL', 'big');
    driver.run('FLUSHALL');
    expect(driver.memory.usedBytes()).toBe(usedAtStart);
  });
});
