/**
 * Random set commands on a shard and on a naive model of JavaScript sets: after every step the
 * reply and every set's members, size and encoding are the same, the structures are sound, and what
 * chance chose is a member; a shard that replays the journal holds the same; after the keys are
 * gone the memory is back where it was. Thresholds are shrunk, so every encoding is met.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { randomSource } from '../../testing/random-source.ts';
import type { RandomSource } from '../../testing/random-source.ts';
import { contentsOf } from '../../testing/shard-contents.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { setLayout } from './set-layout.ts';
import { SetWalk } from './set-walk.hot.ts';

const usualLayout = { ...setLayout };
const KEYS = ['a', 'b', 'c', 'd', 'e'];

beforeEach(() => {
  verify.enabled = true;
});
afterEach(() => {
  verify.enabled = false;
  Object.assign(setLayout, usualLayout);
});

interface ModelSet {
  members: Set<string>;
  /** Redis would hold it as a hash table. */
  isWide: boolean;
}

const isInteger = (text: string): boolean => /^(0|-?[1-9]\d{0,17})$/.test(text);

class NaiveSets {
  readonly sets = new Map<string, ModelSet>();
  readonly intsetMax: number;

  constructor(intsetMax: number) {
    this.intsetMax = intsetMax;
  }

  of(key: string): Set<string> {
    return this.sets.get(key)?.members ?? new Set();
  }

  add(key: string, members: Iterable<string>): number {
    const set = this.sets.get(key) ?? { members: new Set<string>(), isWide: false };
    const before = set.members.size;
    for (const member of members) {
      if (set.members.has(member)) continue;
      set.members.add(member);
      set.isWide ||= !isInteger(member) || set.members.size > this.intsetMax;
    }
    if (set.members.size > 0) this.sets.set(key, set);
    return set.members.size - before;
  }

  remove(key: string, members: Iterable<string>): number {
    const set = this.of(key);
    let removed = 0;
    for (const member of members) if (set.delete(member)) removed++;
    if (set.size === 0) this.sets.delete(key);
    return removed;
  }

  store(key: string, members: Iterable<string>): number {
    this.sets.delete(key);
    return this.add(key, members);
  }

  combine(operation: string, keys: readonly string[]): string[] {
    const [first = new Set<string>(), ...others] = keys.map((key) => this.of(key));
    if (operation === 'SUNION') return [...new Set([first, ...others].flatMap((set) => [...set]))];
    const wanted = operation === 'SINTER';
    return [...first].filter((member) => others.every((set) => set.has(member) === wanted));
  }
}

function membersIn(notation: string): string[] {
  return [...notation.matchAll(/\$"([^"]*)"/g)].map((match) => match[1] ?? '');
}

/** Members of the set at a key, straight from its structure. */
function walked(driver: CommandDriver, walk: SetWalk, key: string): string[] {
  const { memory, shard } = driver;
  const at = shard.scratchAt;
  memory.low.set(Buffer.from(key, 'latin1'), at);
  const [db] = shard.keyspace.databases;
  const ref = db === undefined ? 0 : shard.keyspace.find(db, at, key.length);
  if (ref !== 0) shard.handlerOf(ref).check(shard, ref);
  const members: string[] = [];
  walk.start(ref);
  while (walk.next()) {
    memory.kernel.copy(at, walk.at(), walk.bytes());
    members.push(Buffer.from(memory.low.subarray(at, at + walk.bytes())).toString('latin1'));
  }
  return members.sort();
}

function randomMember(random: RandomSource, kind: number): string {
  const small = random.below(40) - 10;
  if (kind === 0 || random.below(8) !== 0) return String(small);
  const others = ['x', 'y'.repeat(30), 'z'.repeat(200), '', '007', '-0', '9007199254740993',
    '9223372036854775808', '123456789012'];
  return kind === 1 ? `m${small}` : (others[random.below(others.length)] ?? '');
}

class Game {
  readonly driver: CommandDriver;
  readonly model: NaiveSets;
  readonly random: RandomSource;
  readonly walk: SetWalk;
  kind = 0;

  constructor(seed: number, intsetMax: number, kernel: 'wasm' | 'twin') {
    const settings = { 'set-max-intset-entries': String(intsetMax) };
    this.driver = new CommandDriver({ seed, settings, memoryOptions: { kernel } });
    this.model = new NaiveSets(intsetMax);
    this.random = randomSource(seed);
    this.walk = new SetWalk(this.driver.memory);
  }

  key(): string {
    return KEYS[this.random.below(KEYS.length)] ?? '';
  }

  members(countMax: number): string[] {
    const count = 1 + this.random.below(countMax);
    return Array.from({ length: count }, () => randomMember(this.random, this.kind));
  }

  keys(): string[] {
    return Array.from({ length: 1 + this.random.below(7) }, () => this.key());
  }

  /** One command on both sides; the text of the command. */
  step(): string {
    const { random } = this;
    const pick = random.below(20);
    if (pick < 5) return this.add();
    if (pick < 7) return this.remove();
    if (pick < 9) return this.move();
    if (pick < 11) return this.pop();
    if (pick < 13) return this.randmember();
    if (pick < 16) return this.combine();
    if (pick < 18) return this.store();
    return this.ask();
  }

  expectReply(args: readonly (string | number)[], wanted: string): string {
    const got = this.driver.run(...args);
    expect(got, args.join(' ').slice(0, 200)).toBe(wanted);
    return args.join(' ');
  }

  add(): string {
    const key = this.key();
    const members = this.members(this.random.below(6) === 0 ? 200 : 4);
    return this.expectReply(['SADD', key, ...members], `:${this.model.add(key, members)}`);
  }

  remove(): string {
    const key = this.key();
    const members = this.members(8);
    return this.expectReply(['SREM', key, ...members], `:${this.model.remove(key, members)}`);
  }

  move(): string {
    const [from, to] = [this.key(), this.key()];
    const member = this.members(1)[0] ?? '';
    const has = this.model.of(from).has(member);
    if (has && from !== to) {
      this.model.remove(from, [member]);
      this.model.add(to, [member]);
    }
    return this.expectReply(['SMOVE', from, to, member], has ? ':1' : ':0');
  }

  pop(): string {
    const key = this.key();
    const set = this.model.of(key);
    const isOne = this.random.below(2) === 0;
    const count = isOne ? 1 : this.random.below(set.size + 2);
    const got = isOne ? this.driver.run('SPOP', key) : this.driver.run('SPOP', key, count);
    const popped = membersIn(got);
    const text = `SPOP ${key} ${count}: ${got.slice(0, 100)}`;
    expect(popped.length, text).toBe(Math.min(count, set.size));
    const wanted = this.model.sets.get(key);
    expect(this.model.remove(key, popped), text).toBe(popped.length);
    const isRebuilt = !isOne && count > 0 && set.size * 5 <= count;
    if (wanted !== undefined && isRebuilt) {
      wanted.isWide = set.size > this.model.intsetMax || ![...set].every(isInteger);
    }
    return text;
  }

  randmember(): string {
    const key = this.key();
    const set = this.model.of(key);
    const count = this.random.below(set.size * 2 + 3) - set.size;
    const got = membersIn(this.driver.run('SRANDMEMBER', key, count));
    const text = `SRANDMEMBER ${key} ${count}`;
    const wanted = set.size === 0 ? 0 : Math.min(Math.abs(count), count > 0 ? set.size : 1e9);
    expect(got.length, text).toBe(wanted);
    if (count > 0) expect(new Set(got).size, text).toBe(wanted);
    expect(got.every((member) => set.has(member)), text).toBe(true);
    return text;
  }

  operation(): string {
    return ['SINTER', 'SUNION', 'SDIFF'][this.random.below(3)] ?? '';
  }

  combine(): string {
    const operation = this.operation();
    const keys = this.keys();
    const text = `${operation} ${keys.join(' ')}`;
    const got = membersIn(this.driver.run(operation, ...keys)).sort();
    expect(got, text).toEqual(this.model.combine(operation, keys).sort());
    return text;
  }

  store(): string {
    const operation = this.operation();
    const [key, keys] = [this.key(), this.keys()];
    const count = this.model.store(key, this.model.combine(operation, keys));
    return this.expectReply([`${operation}STORE`, key, ...keys], `:${count}`);
  }

  ask(): string {
    const key = this.key();
    const members = this.members(3);
    const has = members.map((member) => (this.model.of(key).has(member) ? ':1' : ':0'));
    this.expectReply(['SMISMEMBER', key, ...members], `*[${has.join(' ')}]`);
    this.expectReply(['SISMEMBER', key, members[0] ?? ''], has[0] ?? '');
    const keys = this.keys();
    const limit = this.random.below(4);
    const inter = this.model.combine('SINTER', keys).length;
    const counted = limit === 0 ? inter : Math.min(limit, inter);
    return this.expectReply(
      ['SINTERCARD', keys.length, ...keys, 'LIMIT', limit], `:${counted}`,
    );
  }

  compare(where: string): void {
    for (const key of KEYS) {
      const set = this.model.sets.get(key);
      const wanted = [...(set?.members ?? [])].sort();
      expect(walked(this.driver, this.walk, key), `${where}: ${key}`).toEqual(wanted);
      expect(this.driver.run('SCARD', key), where).toBe(`:${wanted.length}`);
      if (set === undefined) continue;
      const encoding = set.isWide ? 'hashtable' : 'intset';
      expect(this.driver.run('OBJECT', 'ENCODING', key), where).toBe(`$"${encoding}"`);
    }
  }
}

function play(seed: number, steps: number, kernel: 'wasm' | 'twin'): void {
  Object.assign(setLayout, {
    intsetEntriesMax: [4, 16, 512][seed % 3], packMembersMax: [0, 8, 128][(seed >> 1) % 3],
    packMemberBytesMax: [64, 8][seed % 2],
  });
  const game = new Game(seed, [512, 6, 20][seed % 3] ?? 512, kernel);
  const { driver } = game;
  const recorder = new JournalRecorder(driver.shard);
  const used = driver.memory.arenaAllocator.usedBytes();
  for (let step = 0; step < steps; step++) {
    if (game.random.below(30) === 0) game.kind = game.random.below(3);
    const text = game.step();
    game.compare(`seed ${seed}, step ${step}, after ${text.slice(0, 200)}`);
  }
  expect(driver.errors).toEqual([]);
  const settings = { 'set-max-intset-entries': String(game.model.intsetMax) };
  const twin = new CommandDriver({ seed: seed + 1, settings, memoryOptions: { kernel } });
  for (const record of recorder.records) replayEffect(twin.shard, record);
  expect(contentsOf(twin.shard), `seed ${seed}: replay`).toEqual(contentsOf(driver.shard));
  recorder.close();
  for (const key of KEYS) driver.run('DEL', key);
  driver.settle();
  for (const db of driver.shard.keyspace.databases) driver.shard.lazyFree.take(db);
  expect(driver.memory.arenaAllocator.usedBytes(), `seed ${seed}: leak`).toBe(used);
}

describe('set commands against a naive model', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('agree in every observable, seed %i', (seed) => {
    play(seed, 500, 'wasm');
  });

  it('agree on the twin kernel', () => {
    play(98, 250, 'twin');
  });

  it('agree while every allocation makes older views stale', () => {
    verify.growsOnAlloc = true;
    try {
      play(78, 80, 'wasm');
    } finally {
      verify.growsOnAlloc = false;
    }
  });
});
