/**
 * The queue gives back what went in: random commands with empty, long and big arguments against a
 * plain list. Whatever is refused at whatever allocation leaves queue, frame and memory as they
 * were, and `free` gives back every byte, also of ropes that were not handed on.
 */
import { describe, expect, it } from 'vitest';
import { BIG_ARGUMENT_BYTES_MIN, QUEUED_LOW_SHARE } from '../limits.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { bindArgumentTexts } from '../command/argument-text.ts';
import { randomSource } from '../testing/random-source.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { CommandQueue, QueueMemory } from './command-queue.ts';

const BLOCK_BYTES = 256 * 1024;

class Rig {
  readonly driver = new CommandDriver();
  readonly shared = new QueueMemory(this.driver.memory, this.driver.shard.ropes);
  readonly queue = new CommandQueue(this.shared);
  readonly block = this.driver.memory.lowAllocator.alloc(BLOCK_BYTES);
  readonly usedBytes = this.driver.memory.usedBytes();

  /** Binds flat texts, and ropes where the text is big. */
  bind(texts: readonly string[]): void {
    const { frame, shard, memory } = this.driver;
    const flat = texts.map((text) => (text.length < BIG_ARGUMENT_BYTES_MIN ? text : ''));
    bindArgumentTexts(frame, this.block * 8, flat);
    texts.forEach((text, i) => {
      if (text.length < BIG_ARGUMENT_BYTES_MIN) return;
      const root = shard.ropes.create(text.length);
      const mark = memory.lowAllocator.alloc(1);
      memory.low[mark * 8] = text.charCodeAt(0);
      for (let at = 0; at < text.length; at++) shard.ropes.write(root, at, mark * 8, 1);
      memory.lowAllocator.free(mark);
      frame.giveRope(i, root, text.length);
    });
  }

  add(texts: readonly string[]): boolean {
    this.bind(texts);
    const command = this.driver.registry.byName(texts[0] ?? '');
    return this.queue.add(command!, this.driver.frame) === null;
  }

  /** What is queued, as texts; a rope is shown by its length. Takes ropes when told to. */
  contents(takes = false): string[][] {
    const { queue } = this;
    const { low } = this.driver.memory;
    const commands: string[][] = [];
    for (queue.rewind(); queue.next();) {
      const texts: string[] = [];
      for (let i = 0; i < queue.argc; i++) {
        const at = queue.argumentAt(i);
        const bytes = queue.argumentBytes(i);
        if (at < 0) texts.push(`rope of ${bytes}`);
        else texts.push(String.fromCharCode(...low.subarray(at, at + bytes)));
      }
      expect(this.driver.registry.commands[queue.commandIndex]!.name).toBe(texts[0]!.toLowerCase());
      if (takes) this.take(queue.argc);
      commands.push(texts);
    }
    return commands;
  }

  /** Takes the command at which the queue stands and frees its ropes, as a command would. */
  take(argc: number): void {
    const at = new Int32Array(argc);
    const bytes = new Int32Array(argc);
    this.queue.take(at, bytes);
    for (const root of at) if (root < 0) this.driver.shard.ropes.free(-root - 1);
  }
}

const shown = (texts: readonly string[]): string[] => texts.map((text) =>
  (text.length < BIG_ARGUMENT_BYTES_MIN ? text : `rope of ${text.length}`));

function randomCommand(random: RandomSource): string[] {
  const name = ['GET', 'set', 'MSET', 'LPUSH', 'PING'][random.below(5)]!;
  const count = random.chance(0.05) ? 300 : random.below(6);
  return [name, ...Array.from({ length: count }, () => {
    const bytes = random.chance(0.02) ? 3_000 : random.below(12);
    return String.fromCharCode(random.below(256)).repeat(bytes);
  })];
}

describe('a queue of commands', () => {
  it.each([1, 2, 3, 4])('gives back what went in (seed %i)', (seed) => {
    const random = randomSource(seed);
    const rig = new Rig();
    for (let round = 0; round < 4; round++) {
      const wanted: string[][] = [];
      const count = random.below(400);
      for (let i = 0; i < count; i++) {
        const texts = randomCommand(random);
        if (random.chance(0.01)) texts.push('b'.repeat(BIG_ARGUMENT_BYTES_MIN + random.below(9)));
        expect(rig.add(texts), `seed ${seed}`).toBe(true);
        wanted.push(shown(texts));
      }
      expect(rig.queue.count).toBe(count);
      expect(rig.contents(), `seed ${seed}`).toEqual(wanted);
      expect(rig.contents(random.chance(0.5)), `seed ${seed}`).toEqual(wanted);
      expect(rig.shared.bytes).toBeLessThanOrEqual(rig.queue.bytes);
      rig.queue.free();
      expect(rig.driver.memory.usedBytes(), `seed ${seed}`).toBe(rig.usedBytes);
      expect([rig.queue.count, rig.queue.bytes, rig.shared.bytes]).toEqual([0, 0, 0]);
      expect(rig.contents()).toEqual([]);
    }
  });

  it('takes ropes with a command and frees only those that nobody took', () => {
    const rig = new Rig();
    const big = 'b'.repeat(100_000);
    expect(rig.add(['SET', 'k', big])).toBe(true);
    expect(rig.driver.frame.isBig(2)).toBe(false);
    expect(rig.add(['SET', 'l', big])).toBe(true);
    rig.queue.rewind();
    rig.queue.next();
    rig.take(3);
    expect(rig.queue.argumentAt(2)).toBe(0);
    rig.queue.free();
    expect(rig.driver.memory.usedBytes()).toBe(rig.usedBytes);
  });

  it('knows what all its commands together may do', () => {
    const rig = new Rig();
    rig.add(['GET', 'k']);
    const { flags } = rig.driver.registry.byName('get')!;
    expect(rig.queue.flags).toBe(flags);
    rig.add(['SET', 'k', 'v']);
    expect(rig.queue.flags).toBe(flags | rig.driver.registry.byName('set')!.flags);
  });

  it('refuses what no block can be had for, and changes nothing', () => {
    const rig = new Rig();
    const { lowAllocator } = rig.driver.memory;
    rig.add(['SET', 'k', 'v']);
    const usedBytes = rig.driver.memory.usedBytes();
    const big = 'b'.repeat(BIG_ARGUMENT_BYTES_MIN);
    rig.bind(['SET', 'k', 'v'.repeat(2_000), big]);
    lowAllocator.alloc = () => 0;
    const refusal = rig.queue.add(rig.driver.registry.byName('set')!, rig.driver.frame);
    Reflect.deleteProperty(lowAllocator, 'alloc');
    expect(refusal?.prefix).toBe('OOM');
    expect(rig.driver.frame.isBig(3)).toBe(true);
    rig.driver.shard.ropes.free(rig.driver.frame.takeRope(3));
    expect(rig.driver.memory.usedBytes()).toBe(usedBytes);
    expect(rig.contents()).toEqual([['SET', 'k', 'v']]);
  });

  it('leaves low memory to others: all queues together have a bound', () => {
    const rig = new Rig();
    const other = new CommandQueue(rig.shared);
    const value = 'v'.repeat(60_000);
    let count = 0;
    while (rig.add(['SET', 'k', value])) count++;
    expect(count).toBeGreaterThan(100);
    const { lowBytes } = rig.driver.memory;
    expect(rig.shared.bytes).toBeLessThanOrEqual(lowBytes / QUEUED_LOW_SHARE);
    rig.bind(['SET', 'k', value]);
    const command = rig.driver.registry.byName('set')!;
    expect(other.add(command, rig.driver.frame)?.prefix).toBe('OOM');
    rig.queue.free();
    expect(other.add(command, rig.driver.frame)).toBeNull();
    other.free();
    expect(rig.driver.memory.usedBytes()).toBe(rig.usedBytes);
  });

  it('holds a hundred thousand commands in little more than their bytes', () => {
    const rig = new Rig();
    for (let i = 0; i < 100_000; i++) expect(rig.add(['INCR', 'k'])).toBe(true);
    expect(rig.queue.bytes).toBeLessThan(100_000 * 34);
    expect(rig.contents().length).toBe(100_000);
    rig.queue.free();
    expect(rig.driver.memory.usedBytes()).toBe(rig.usedBytes);
  });
});
