/**
 * One file of the simulated disk: its bytes as a reader sees them, its bytes as they lie on the
 * disk, and the changes in between. The rules of what survives are in simulated-files.ts.
 */
import type { Chance } from '@kora/core';
import type { CrashKind } from './simulated-files.ts';

interface Change {
  /** Bytes written at `position`; undefined cuts the file there. */
  readonly bytes: Uint8Array | undefined;
  readonly position: number;
  /** Stranded: a sync has failed since, and no sync will write it. */
  state: 'pending' | 'durable' | 'stranded';
}

/** `content` after a change; bytes between its end and the change are zeros. */
function changed(content: Uint8Array, position: number, bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) {
    const cut = new Uint8Array(position);
    cut.set(content.subarray(0, position));
    return cut;
  }
  if (bytes.length === 0) return content;
  const next = new Uint8Array(Math.max(content.length, position + bytes.length));
  next.set(content);
  next.set(bytes, position);
  return next;
}

/** A file with a cache before it. */
export class SimulatedFile {
  /** What a reader sees. Its first `length` bytes count: room grows by doubling. */
  #room: Uint8Array;
  length: number;
  #durable: Uint8Array;
  #changes: Change[] = [];

  /** @param content durable from the start */
  constructor(content: Uint8Array) {
    this.#room = content.slice();
    this.length = content.length;
    this.#durable = content.slice();
  }

  get content(): Uint8Array {
    return this.#room.subarray(0, this.length);
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    if (end > this.#room.length) {
      const room = new Uint8Array(end * 2);
      room.set(this.content);
      this.#room = room;
    }
    this.#room.set(bytes, position);
    this.length = Math.max(this.length, end);
    this.#changes.push({ bytes, position, state: 'pending' });
  }
  truncate(length: number): void {
    const next = new Uint8Array(length);
    next.set(this.content.subarray(0, length));
    this.#room = next;
    this.length = length;
    this.#changes.push({ bytes: undefined, position: length, state: 'pending' });
  }
  sync(): void {
    for (const change of this.#changes) {
      if (change.state === 'pending') change.state = 'durable';
    }
    this.#settle();
  }
  /** Makes the last write durable, and the length it needs. */
  syncLast(): void {
    const last = this.#changes.at(-1);
    for (const change of this.#changes) {
      if (change.bytes === undefined || change === last) change.state = 'durable';
    }
    this.#settle();
  }
  /** A sync has failed: written pages count as clean. A new length is the file system's affair. */
  strand(): void {
    for (const change of this.#changes) {
      if (change.state === 'pending' && change.bytes !== undefined) change.state = 'stranded';
    }
  }
  /** Changes are applied in their order: a durable one waits for those before it. */
  #settle(): void {
    let count = 0;
    for (const { state, position, bytes } of this.#changes) {
      if (state !== 'durable') break;
      this.#durable = changed(this.#durable, position, bytes);
      count++;
    }
    this.#changes = this.#changes.slice(count);
  }
  flip(byte: number, bit: number): void {
    this.sync();
    for (const bytes of [this.#room, this.#durable]) {
      const old = bytes[byte];
      if (old !== undefined) bytes[byte] = old ^ (1 << bit);
    }
  }

  crash(kind: CrashKind, chance: Chance): void {
    for (const { position, bytes, state } of this.#changes) {
      // Of five: lost, kept, kept, torn, torn into sectors.
      const fate = state === 'durable' ? 1 : kind === 'drop' ? 0 : (chance.next32() >>> 0) % 5;
      if (fate === 0) continue;
      if (bytes === undefined || fate < 3) {
        this.#durable = changed(this.#durable, position, bytes);
      } else if (fate === 3) {
        const count = (chance.next32() >>> 0) % (bytes.length + 1);
        this.#durable = changed(this.#durable, position, bytes.slice(0, count));
      } else {
        this.#keepSectors(position, bytes, chance);
      }
    }
    this.#changes = [];
    this.#room = this.#durable.slice();
    this.length = this.#durable.length;
  }

  /** Any of a write's sectors has reached the disk, and perhaps the new length without the rest. */
  #keepSectors(position: number, bytes: Uint8Array, chance: Chance): void {
    const end = position + bytes.length;
    if ((chance.next32() & 1) === 0 && end > this.#durable.length) {
      const grown = new Uint8Array(end);
      grown.set(this.#durable);
      this.#durable = grown;
    }
    for (let at = position; at < end;) {
      const next = Math.min(end, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
      if ((chance.next32() & 1) === 0) {
        this.#durable = changed(this.#durable, at, bytes.slice(at - position, next - position));
      }
      at = next;
    }
  }
}

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
