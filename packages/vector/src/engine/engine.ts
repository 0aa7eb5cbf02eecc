/**
 * One instance of the engine over one shared memory, with the views that TypeScript reads it by.
 * A view made before the memory grew ends early; `fit` makes new ones, and every access that may
 * lie in grown memory goes through it. Addresses are bytes and may exceed 2^31.
 * The query and the answers lie at fixed addresses, so searching never refreshes a view.
 */
import { engineModule } from './modules.ts';
import type { EngineVariant } from './modules.ts';
import { HEADER_WORDS } from './layout.ts';

/** Functions of assembly/index.as.ts. Numbers are i32 unless said; negative answers are errors. */
export interface EngineCalls {
  create(
    dimension: number, metric: number, coldKind: number, walk: number, m: number, seed: number,
    bytesMax: number, isColdKept: number,
  ): number;
  attach(threads: number, owns: number): number;
  queryAt(): number;
  outAt(): number;
  append(): number;
  appendMany(from: number, count: number, bytes: number, to: number): number;
  adopt(level: number, isPending: number): number;
  restoreNode(level: number, place: number): number;
  settle(places: number): number;
  inherit(low: number, scale: number, isTrained: number, radius: number): void;
  setEntry(slot: number): void;
  recordAt(slot: number): number;
  coldVectorAt(slot: number): number;
  firstNotFinite(from: number, count: number, bytes: number): number;
  linkPending(count: number, ef: number): number;
  remove(slot: number): number;
  read(slot: number): void;
  train(low: number, scale: number): void;
  sweep(slots: number): number;
  reclaim(): number;
  share(size: number): number;
  unshare(ef: number): void;
  movePending(): void;
  linkNext(ef: number): number;
  markGone(slot: number): number;
  beginRemoval(): number;
  removeGone(most: number): void;
  endRemoval(): void;
  aloneCount(): number;
  raiseRadius(): void;
  refresh(): void;
  detach(): void;
  setLate(on: number): void;
  setBitmap(at: number, slots: number): void;
  exact(k: number): number;
  coded(k: number, ranked: number): number;
  walk(k: number, ef: number, ranked: number): number;
  twoHop(k: number, ef: number, ranked: number): number;
  collect(k: number, ef: number, breadth: number, ranked: number): number;
  within(radius: number, to: number, room: number): number;
  walkedCount(): number;
  walkedAllowedCount(): number;
  distances(): number;
  takeBlock(bytes: number): number;
  giveBlock(at: number, bytes: number): void;
  slotState(slot: number): number;
  slotLevel(slot: number): number;
  neighbours(slot: number, level: number): number;
  enter(reader: number): void;
  leave(reader: number): void;
  check(): number;
  hashBytes(from: number, bytes: number): void;
}

const PAGE_BYTES = 65_536;
const PAGES_MAX = 65_535;
/** Bytes behind the last block that the engine may read (assembly/layout.as.ts). */
export const TAIL_BYTES = 64;

/** An instance and its views. */
export class Engine {
  readonly memory: WebAssembly.Memory;
  readonly calls: EngineCalls;
  f32: Float32Array;
  i32: Int32Array;
  /** Word offsets of the query and of the answers; set by `joined`. */
  queryWord = 0;
  outWord = 0;
  private viewBytes: number;

  /** Instantiates over a memory, a fresh one of at least `bytes` unless given. */
  constructor(variant: EngineVariant, bytes = 2 * PAGE_BYTES, memory?: WebAssembly.Memory) {
    this.memory = memory ?? new WebAssembly.Memory({
      initial: Math.ceil(bytes / PAGE_BYTES), maximum: PAGES_MAX, shared: true,
    });
    const instance = new WebAssembly.Instance(engineModule(variant), {
      env: { memory: this.memory },
    });
    // The byte boundary: EngineCalls declares what the module exports; tests hold it to that.
    this.calls = instance.exports as unknown as EngineCalls;
    this.f32 = new Float32Array(this.memory.buffer);
    this.i32 = new Int32Array(this.memory.buffer);
    this.viewBytes = this.i32.byteLength;
  }

  /** After create or attach: where query and answers lie. */
  joined(): void {
    this.queryWord = (this.calls.queryAt() >>> 0) / 4;
    this.outWord = (this.calls.outAt() >>> 0) / 4;
    this.fit();
  }

  /**
   * Makes the views as long as the memory, when what is used has outgrown them. Compares words, as
   * asking a shared memory for its buffer takes longer than storing a vector.
   */
  fit(): void {
    if (this.bytesUsed + TAIL_BYTES <= this.viewBytes) return;
    this.f32 = new Float32Array(this.memory.buffer);
    this.i32 = new Int32Array(this.memory.buffer);
    this.viewBytes = this.i32.byteLength;
  }

  /** A header word. */
  header(name: keyof typeof HEADER_WORDS): number {
    return this.i32[HEADER_WORDS[name]] ?? 0;
  }

  /** A header word that is an f32. */
  headerFloat(name: 'low' | 'scale' | 'radius'): number {
    return this.f32[HEADER_WORDS[name]] ?? 0;
  }

  /** Bytes of the memory in use. */
  get bytesUsed(): number {
    return (this.i32[HEADER_WORDS.bump] ?? 0) >>> 0;
  }

  /** A block of at least `bytes`, 0 when there is no memory. Give it back with the same size. */
  takeBlock(bytes: number): number {
    const at = this.calls.takeBlock(bytes) >>> 0;
    this.fit();
    return at;
  }
}
