/**
 * A worker on the poison engine: memory that was handed to the engine is never reused early.
 * Several connections send random pipelines, with values below and far above 64 KiB, that overwrite
 * each other's keys while their replies are on the way. A naive model answers the same commands in
 * the order in which they ran; what each peer received is what the model said, byte for byte, or
 * the beginning of it when its connection broke. At the end nothing is pinned and all is free.
 */
import { composeShard, SeededChance, Settings, VirtualClock } from '@kora/core';
import type { ArgFrame, ComposedShard } from '@kora/core';
import { verify } from '@kora/core/testing';
import { encodeRequest } from '@kora/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serverCommands } from '../commands/server-commands.ts';
import { Limits } from '../limits.ts';
import { sessionOf } from '../session.ts';
import { PoisonEngine } from './poison-engine.ts';
import type { Dice, PoisonPeer } from './poison-engine.ts';
import { Worker } from '../worker.ts';

beforeAll(() => {
  verify.enabled = true; // Freed blocks are poisoned.
});
afterAll(() => {
  verify.enabled = false;
});

const MEBIBYTE = 1024 * 1024;
const SIZES = [0, 5, 3000, 65_535, 65_536, 70_000, 200_000, 400_000];

/** Strings by key, and the replies of Redis. */
class NaiveServer {
  readonly values = new Map<string, Buffer>();

  answer(words: readonly Buffer[]): Buffer {
    const [name, key, a, b] = words.map((word) => word.toString('latin1'));
    const old = this.values.get(key ?? '');
    switch (name) {
      case 'SET': return this.#set(key ?? '', words[2], Buffer.from('+OK\r\n'));
      case 'GETSET': return this.#set(key ?? '', words[2], bulk(old));
      case 'GET': return bulk(old);
      case 'GETDEL': this.values.delete(key ?? ''); return bulk(old);
      case 'DEL': return integer(this.values.delete(key ?? '') ? 1 : 0);
      case 'FLUSHALL': this.values.clear(); return Buffer.from('+OK\r\n');
      case 'MGET': {
        const found = words.slice(1).map((word) => bulk(this.values.get(word.toString('latin1'))));
        return Buffer.concat([Buffer.from(`*${found.length}\r\n`), ...found]);
      }
      case 'GETRANGE':
        return bulk((old ?? Buffer.alloc(0)).subarray(Number(a), Number(b) + 1));
      case 'APPEND': return this.#write(key ?? '', old?.length ?? 0, words[2]);
      case 'SETRANGE': return this.#write(key ?? '', Number(a), words[3]);
      default: throw new Error(`the model knows no ${name ?? 'nothing'}`);
    }
  }

  #set(key: string, value: Buffer | undefined, reply: Buffer): Buffer {
    this.values.set(key, value ?? Buffer.alloc(0));
    return reply;
  }

  #write(key: string, offset: number, patch: Buffer = Buffer.alloc(0)): Buffer {
    const old = this.values.get(key) ?? Buffer.alloc(0);
    const value = Buffer.alloc(Math.max(old.length, offset + patch.length));
    old.copy(value);
    patch.copy(value, offset);
    this.values.set(key, value);
    return integer(value.length);
  }
}

function bulk(value: Buffer | undefined): Buffer {
  if (value === undefined) return Buffer.from('$-1\r\n');
  return Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]);
}

function integer(value: number): Buffer {
  return Buffer.from(`:${value}\r\n`);
}

/** The bytes of argument i, wherever they lie. */
function argument(frame: ArgFrame, composed: ComposedShard, i: number): Buffer {
  const { memory, shard } = composed;
  const bytes = frame.bytes[i] ?? 0;
  const at = frame.at[i] ?? 0;
  if (at >= 0) return Buffer.from(new Uint8Array(memory.memory.buffer, at, bytes).slice());
  const root = frame.ropeOf(i);
  const pieces: Uint8Array[] = [];
  for (let piece = 0; piece < shard.ropes.pieceCount(root); piece++) {
    const pieceAt = shard.ropes.pieceAt(root, piece);
    const inPiece = shard.ropes.pieceBytes(root, piece);
    pieces.push(new Uint8Array(memory.memory.buffer, pieceAt, inPiece).slice());
  }
  return Buffer.concat(pieces);
}

function randomCommand(dice: Dice): string[] {
  const key = `k${dice(6)}`;
  const size = SIZES[dice(dice(2) === 0 ? SIZES.length : 3)] ?? 0;
  const value = `${dice(1000)}|`.repeat(Math.ceil(size / 2)).slice(0, size);
  const commands = [
    ['SET', key, value], ['SET', key, value], ['GET', key], ['GET', key], ['GETSET', key, value],
    ['APPEND', key, value.slice(0, 90_000)], ['SETRANGE', key, String(dice(100_000)), 'patch'],
    ['GETDEL', key], ['DEL', key], ['MGET', key, `k${dice(6)}`, key],
    ['GETRANGE', key, String(dice(1000)), '150000'], dice(6) === 0 ? ['FLUSHALL'] : ['GET', key],
  ];
  return commands[dice(commands.length)] ?? ['GET', key];
}

/** One client: its peer and what the model says it reads. */
interface Client {
  readonly peer: PoisonPeer;
  readonly wanted: Buffer[];
}

class World {
  readonly seed: number;
  readonly dice: Dice;
  readonly engine: PoisonEngine;
  readonly composed: ComposedShard;
  readonly worker: Worker;
  /** Chunks that the worker has for itself. */
  readonly chunksAtStart: number;
  readonly model = new NaiveServer();
  readonly clients: Client[] = [];
  readonly byId = new Map<number, Client>();
  readonly log: string[] = [];

  constructor(seed: number, settings: readonly (readonly [string, string])[]) {
    this.seed = seed;
    const chance = new SeededChance(seed);
    this.dice = (below) => (chance.next32() >>> 0) % below;
    this.engine = new PoisonEngine(this.dice);
    const all = new Settings();
    expect(all.load(settings)).toBe(null);
    this.composed = composeShard({
      platform: { clock: new VirtualClock(), chance, scheduler: this.engine },
      memoryOptions: { lowBytes: 64 * MEBIBYTE, bytesMax: 512 * MEBIBYTE },
      settings: all,
      extraCommands: serverCommands,
    });
    const limits = new Limits(all, this.composed.memory);
    this.worker = new Worker(this.composed, this.engine, limits, {
      log: (level, message) => void this.log.push(`${level} ${message}`),
      onFailure: (error) => { throw error; },
      onShutdown: () => undefined,
    });
    this.chunksAtStart = this.worker.chunks.alive;
    this.#follow();
  }

  /** The model answers every command when it runs. */
  #follow(): void {
    const { executor } = this.composed;
    const run = executor.run.bind(executor);
    executor.run = (command, frame, out) => {
      const client = this.byId.get(sessionOf(frame).slot);
      const words: Buffer[] = [];
      for (let i = 0; i < frame.count; i++) words.push(argument(frame, this.composed, i));
      client?.wanted.push(this.model.answer(words));
      return run(command, frame, out);
    };
  }

  connect(): Client {
    const client: Client = { peer: this.engine.connect(), wanted: [] };
    this.clients.push(client);
    this.byId.set(client.peer.slot, client);
    return client;
  }

  feed(client: Client, count: number): void {
    const commands = Array.from({ length: count }, () => encodeRequest(randomCommand(this.dice)));
    const { peer } = client;
    peer.unread = Buffer.concat([peer.unread, ...commands]);
  }

  /** What the peer read is what the model said, or its beginning when the connection broke. */
  check({ peer, wanted }: Client): void {
    const got = Buffer.concat(peer.received);
    const all = Buffer.concat(wanted);
    const where = `seed ${this.seed}, slot ${peer.slot}, ${got.length} of ${all.length} bytes`;
    const isSame = got.equals(all.subarray(0, got.length));
    expect(isSame, where).toBe(true);
    if (peer.isOpen) expect(got.length, where).toBe(all.length);
  }

  settle(): void {
    for (let i = 0; i < 20_000 && !this.engine.isQuiet; i++) this.engine.step();
    expect(this.engine.isQuiet, `seed ${this.seed}: everything comes to an end`).toBe(true);
    for (const session of this.worker.sessions.open()) {
      expect(session.landingRef, `seed ${this.seed}: no request is under way`).toBe(0);
    }
  }

  /** All connections end, all keys go: what is left is what an empty worker has. */
  checkEmpty(): void {
    for (const { peer } of this.clients) this.engine.reset(peer);
    const { memory, shard } = this.composed;
    for (const db of shard.keyspace.databases) shard.lazyFree.take(db);
    while (shard.lazyFree.step());
    for (let i = 0; i < 3; i++) this.worker.chunks.trim();
    const where = `seed ${this.seed}`;
    expect(this.worker.chunks.alive, where).toBe(this.chunksAtStart);
    expect(shard.ropes.pinCount, where).toBe(0);
    expect(shard.ropes.droppedBytes, where).toBe(0);
    expect(memory.arenaAllocator.usedBytes(), where).toBe(0);
    expect(this.engine.violations, where).toEqual([]);
  }
}

function play(
  seed: number, settings: readonly (readonly [string, string])[], resetsOneIn: number,
): World {
  const world = new World(seed, settings);
  const { dice, engine } = world;
  for (let i = 0; i < 4; i++) world.feed(world.connect(), 10);
  for (let step = 0; step < 1000; step++) {
    engine.step();
    const client = world.clients[dice(world.clients.length)];
    if (client === undefined) continue;
    if (client.peer.isOpen && client.peer.unread.length < 500_000 && dice(20) === 0) {
      world.feed(client, 1 + dice(6));
    }
    if (resetsOneIn > 0 && dice(resetsOneIn) === 0) {
      if (dice(2) === 0) engine.reset(client.peer);
      else engine.end(client.peer);
      world.feed(world.connect(), 10);
    }
  }
  world.settle();
  for (const client of world.clients) world.check(client);
  world.checkEmpty();
  return world;
}

it.each([1, 2, 3, 4])('memory on its way is never reused (seed %i)', (seed) => {
  const { engine } = play(seed, [], 0);
  expect(engine.heldCount).toBeGreaterThan(50);
  expect(engine.landedCount).toBeGreaterThan(20);
});

it.each([11, 12, 13, 14])('nor when connections break at any moment (seed %i)', (seed) => {
  const { clients, engine } = play(seed, [], 60);
  expect(clients.length).toBeGreaterThan(10);
  expect(engine.landedCount).toBeGreaterThan(10);
});

it.each([22, 23])('nor when clients are cut by their limits (seed %i)', (seed) => {
  const { log } = play(seed, [
    ['client-output-buffer-limit', 'normal 400000 0 0'],
    ['client-query-buffer-limit', '1048576'],
  ], 200);
  expect(log.some((line) => line.includes('client-output-buffer-limit'))).toBe(true);
});
