/**
 * The engine between two rings, with both ends in this thread: what a program sends arrives as
 * events of turns, replies leave in order whatever room there is, and a slot that is held holds
 * what comes behind it.
 */
import {
  createSharedMemory, formatRing, lowWordsOf, RingReader, ringBytes, RingWriter, SeededChance,
  WorkerMemory,
} from '@kora/core';
import { PIPE_RING_BYTES, PipeKind, PipeWords } from '@kora/embedded/workers';
import { describe, expect, it } from 'vitest';
import type { EngineHandler } from '../io/engine.ts';
import { PipeEngine } from './pipe-engine.ts';

const LOW_BYTES = 16 * 1024 * 1024;
const BYTES_MAX = 64 * 1024 * 1024;

/** A worker that notes what happens, and does what the test says on bytes. */
class Recorder implements EngineHandler {
  readonly events: string[] = [];
  onBytes: (slot: number, text: string) => void = () => undefined;
  readonly #memory: WorkerMemory;

  constructor(memory: WorkerMemory) {
    this.#memory = memory;
  }

  onTurnStart(): void {}
  onTurnEnd(): void {}
  onTick(): void {}
  onWake(): void {}

  onTurn(): void {
    this.events.push('turn');
  }

  onAccept(slot: number): boolean {
    this.events.push(`open ${slot}`);
    return true;
  }

  onReceive(slot: number, at: number, bytes: number): void {
    const text = Buffer.from(this.#memory.low.slice(at, at + bytes)).toString('latin1');
    this.events.push(`${slot}: ${text.length > 20 ? text.length : text}`);
    this.onBytes(slot, text);
  }

  onEnd(slot: number): void {
    this.events.push(`end ${slot}`);
  }

  onSent(slot: number): void {
    this.events.push(`sent ${slot}`);
  }

  onClosed(slot: number): void {
    this.events.push(`closed ${slot}`);
  }

  /** What has happened since the last call. */
  take(): string[] {
    return this.events.splice(0);
  }
}

/** A worker's engine and the program's ends of its rings. */
class Rig {
  readonly memory = WorkerMemory.create({
    memory: createSharedMemory(BYTES_MAX, 0), bytesMax: BYTES_MAX, lowBytes: LOW_BYTES,
  });
  readonly handler = new Recorder(this.memory);
  readonly words = new PipeWords(1);
  readonly engine: PipeEngine;
  readonly requests: RingWriter;
  readonly replies: RingReader;
  /** Times that the program was woken. */
  wakeCount = 0;
  /** Reply bytes of each slot so far, and `gone`. */
  readonly received = new Map<number, string>();

  constructor() {
    const replies = new SharedArrayBuffer(ringBytes(PIPE_RING_BYTES));
    formatRing(new Int32Array(replies), 0, PIPE_RING_BYTES);
    const shared = new SharedArrayBuffer(64);
    this.engine = new PipeEngine({
      version: 2, index: 0, workerCount: 1, settings: [], memoryBytesMax: BYTES_MAX,
      lowBytes: LOW_BYTES, memories: [this.memory.memory], control: shared, budget: shared, shared,
      words: this.words.buffer, replies,
    }, () => {
      this.wakeCount++;
    });
    this.engine.start(this.memory, this.handler);
    const low = lowWordsOf(this.memory.memory, LOW_BYTES);
    this.requests = new RingWriter(low, this.words.requestRing(0));
    this.replies = new RingReader(new Int32Array(replies), 0);
  }

  /** Sends a message to the worker; false when there is no room. */
  send(kind: number, slot: number, text = ''): boolean {
    const bytes = Buffer.from(text, 'latin1');
    const word = this.requests.begin(kind, bytes.length);
    if (word < 0) return false;
    this.requests.header(slot, 0, 0);
    new Uint8Array(this.requests.words.buffer, word * 4, bytes.length).set(bytes);
    this.requests.end(bytes.length);
    this.requests.publish();
    return true;
  }

  turn(): boolean {
    return this.engine.turn(false);
  }

  /** Takes `messagesMax` messages of the worker. */
  read(messagesMax = Infinity): void {
    this.replies.refresh();
    for (let i = 0; i < messagesMax && this.replies.next(); i++) {
      const { kind, a, bodyAt, bodyBytes, words } = this.replies;
      const bytes = Buffer.from(words.buffer, bodyAt, bodyBytes).toString('latin1');
      const word = kind === PipeKind.Doubt ? ` doubt ${this.replies.b} ` : ' gone';
      const text = kind === PipeKind.Bytes ? bytes : word;
      this.received.set(a, (this.received.get(a) ?? '') + text);
      this.replies.consume();
    }
    this.replies.flush();
  }

  /** Text in low memory, for the engine to send. */
  place(text: string): number {
    const at = this.memory.lowAllocator.alloc(text.length) * 8;
    this.memory.low.set(Buffer.from(text, 'latin1'), at);
    return at;
  }
}

describe('an engine between rings', () => {
  it('delivers what a program sends, in order', () => {
    const rig = new Rig();
    rig.send(PipeKind.Open, 0);
    rig.send(PipeKind.Bytes, 0, 'PING\r\n');
    rig.send(PipeKind.Open, 3);
    rig.send(PipeKind.Bytes, 3, 'GET k\r\n');
    rig.send(PipeKind.End, 0);
    expect(rig.turn()).toBe(true);
    expect(rig.handler.take()).toEqual([
      'open 0', '0: PING\r\n', 'open 3', '3: GET k\r\n', 'end 0',
    ]);
    rig.engine.requestTurn();
    rig.turn();
    expect(rig.handler.take()).toEqual(['turn']);
  });

  it('takes a bounded number of bytes a turn, and comes back for the rest', () => {
    const rig = new Rig();
    rig.send(PipeKind.Open, 0);
    for (let i = 0; i < 10; i++) rig.send(PipeKind.Bytes, 0, 'x'.repeat(2_000));
    rig.turn();
    expect(rig.handler.take()).toHaveLength(6);
    rig.turn();
    expect(rig.handler.take()).toHaveLength(5);
  });

  it('copies replies out at once, and frees ranges that waited when there was room', () => {
    const seed = 17;
    const chance = new SeededChance(seed);
    const random = (below: number): number => (chance.next32() >>> 0) % below;
    const rig = new Rig();
    const sent = ['', '', ''];
    const held = [0, 0, 0];
    let heldMost = 0;
    for (let round = 0; round < 1_500; round++) {
      const slot = random(3);
      const length = [5, 300, 20_000, 90_000][random(round % 100 < 50 ? 4 : 2)] ?? 5;
      const text = String.fromCharCode(97 + random(26)).repeat(1 + random(length));
      const at = rig.place(text);
      if (!rig.engine.send(slot, at, text.length)) held[slot] = (held[slot] ?? 0) + 1;
      else rig.memory.lowAllocator.free(at / 8);
      sent[slot] += text;
      heldMost = Math.max(heldMost, ...held);
      if (random(3) === 0) rig.read(random(12));
      rig.turn();
      for (const event of rig.handler.take()) {
        const freed = Number(/^sent (\d)$/.exec(event)?.[1] ?? NaN);
        held[freed] = (held[freed] ?? 0) - 1;
      }
    }
    for (let i = 0; i < 2_000 && held.some((count) => count > 0); i++) {
      rig.read();
      rig.turn();
      for (const event of rig.handler.take()) {
        const freed = Number(/^sent (\d)$/.exec(event)?.[1] ?? NaN);
        held[freed] = (held[freed] ?? 0) - 1;
      }
    }
    rig.read();
    expect(heldMost, `seed ${seed}`).toBeGreaterThan(3);
    expect(held, `seed ${seed}`).toEqual([0, 0, 0]);
    for (let slot = 0; slot < 3; slot++) {
      const isSame = rig.received.get(slot) === sent[slot];
      expect(isSame, `seed ${seed}, slot ${slot}`).toBe(true);
    }
  });

  it('keeps what comes for a held slot in the ring, with all behind it', () => {
    const rig = new Rig();
    rig.send(PipeKind.Open, 0);
    rig.send(PipeKind.Open, 1);
    rig.handler.onBytes = (slot, text) => {
      if (text === 'hold') rig.engine.pauseReceive(slot);
    };
    rig.send(PipeKind.Bytes, 0, 'hold');
    rig.send(PipeKind.Bytes, 0, 'later');
    rig.send(PipeKind.Bytes, 1, 'behind');
    rig.turn();
    rig.turn();
    expect(rig.handler.take()).toEqual(['open 0', 'open 1', '0: hold']);
    rig.engine.resumeReceive(0);
    rig.turn();
    expect(rig.handler.take()).toEqual(['0: later', '1: behind']);
  });

  it('says that a slot is gone behind its last bytes', () => {
    const rig = new Rig();
    const text = 'y'.repeat(200_000);
    rig.send(PipeKind.Open, 2);
    rig.turn();
    expect(rig.engine.send(2, rig.place(text), text.length)).toBe(true);
    expect(rig.engine.send(2, rig.place(text), text.length)).toBe(false);
    rig.engine.close(2);
    rig.engine.close(2);
    rig.turn();
    expect(rig.handler.take()).toEqual(['open 2']);
    for (let i = 0; i < 5; i++) {
      rig.read();
      rig.turn();
    }
    rig.read();
    expect(rig.handler.take()).toEqual(['sent 2', 'closed 2']);
    expect(rig.received.get(2)).toBe(`${text}${text} gone`);
    rig.send(PipeKind.Open, 2);
    rig.turn();
    rig.engine.close(2);
    rig.turn();
    expect(rig.handler.take()).toEqual(['open 2', 'closed 2']);
  });

  it('says in its place that what follows is in doubt', () => {
    const rig = new Rig();
    rig.send(PipeKind.Open, 2);
    rig.turn();
    const send = (text: string): void => {
      rig.engine.send(2, rig.place(text), text.length);
    };
    rig.engine.setDoubt(2, 28);
    send('+a');
    rig.engine.setDoubt(2, 0);
    rig.turn();
    rig.read();
    expect(rig.received.get(2)).toBe(' doubt 28 +a doubt 0 ');
    rig.received.clear();
    const text = 'y'.repeat(300_000);
    send(text);
    rig.engine.setDoubt(2, 5);
    send('+b');
    rig.engine.setDoubt(2, 0);
    send('+c');
    for (let i = 0; i < 5; i++) {
      rig.turn();
      rig.read();
    }
    expect(rig.received.get(2)).toBe(`${text} doubt 5 +b doubt 0 +c`);
  });

  it('wakes a program that sleeps, once', () => {
    const rig = new Rig();
    rig.send(PipeKind.Open, 0);
    rig.turn();
    const at = rig.place('+OK\r\n');
    rig.engine.send(0, at, 5);
    rig.turn();
    expect(rig.wakeCount).toBe(0);
    rig.words.sleep();
    rig.engine.send(0, at, 5);
    rig.turn();
    rig.engine.send(0, at, 5);
    rig.turn();
    expect(rig.wakeCount).toBe(1);
  });

  it('ends when the program asks for it, or the worker does', () => {
    const asked = new Rig();
    asked.words.askToEnd(0);
    expect(asked.turn()).toBe(false);
    const stopped = new Rig();
    stopped.engine.stop();
    expect(stopped.turn()).toBe(false);
  });

  it('does not wait while its bell has rung or there are requests', () => {
    const rig = new Rig();
    rig.turn();
    rig.words.ring(0);
    expect(rig.engine.turn(true)).toBe(true);
    rig.send(PipeKind.Open, 0);
    expect(rig.engine.turn(true)).toBe(true);
    expect(rig.handler.take()).toEqual(['open 0']);
  });
});
