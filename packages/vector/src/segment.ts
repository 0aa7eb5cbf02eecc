/**
 * One memory of an index: vectors in slots, a graph over most of them, a list of those that wait to
 * be linked. Knows slots and distances, nothing of ids, attributes or how a path is chosen.
 * Codes need a range, taken from the first vectors (quantiles .2 % and 99.8 % of a sample); until
 * then vectors wait and searches scan. When more than 1 % of components clip, it is taken again.
 * Ownership: answers are read out of the engine's words before the next call.
 */
import { Engine } from './engine/engine.ts';
import {
  COLD_BF16, COLD_F32, COLD_NONE, E_MEMORY, HEADER_WORDS, METRIC_NUMBERS, WALK_BF16, WALK_BITS,
  WALK_CODES, WALK_F32,
} from './engine/layout.ts';
import { RERANK_MIN, SWEEP_SLOTS } from './limits.ts';
import type { CheckedOptions } from './options.ts';
import { valueAt } from './quantile.ts';
import { assert, VectorError } from './vector-error.ts';

/** Below this many dimensions codes would tie too often: the graph compares the vectors. */
const CODED_DIMENSION_MIN = 64;
const CLIPPED_SHARE_MAX = 0.01;
/** Components to look at before clipping is believed. */
const CLIPPED_SAMPLE_MIN = 16_384;
const QUANTILE = 0.002;
/** Components the quantiles are taken from, about; fewer when there are fewer. */
const SAMPLE_COMPONENTS = 32_768;
/** Dead but still named slots, as a share of the live ones, at which a sweep begins. */
const SWEEP_SHARE = 0.25;
const SWEEP_DEAD_MIN = 32;

/** Which form the graph walks by, for these options. */
export function walkFor(options: CheckedOptions): number {
  if (options.storage === 'bits') return WALK_BITS;
  if (options.storage === 'codes') return WALK_CODES;
  const isPlain = options.mode === 'exact' || options.dimension < CODED_DIMENSION_MIN;
  if (!isPlain) return WALK_CODES;
  return options.storage === 'f32' ? WALK_F32 : WALK_BF16;
}

function coldFor(options: CheckedOptions): number {
  if (options.storage === 'bits') return COLD_NONE;
  return options.storage === 'bf16' ? COLD_BF16 : COLD_F32;
}

/** One memory of an index. */
export class Segment {
  readonly engine: Engine;
  readonly options: CheckedOptions;

  private constructor(engine: Engine, options: CheckedOptions) {
    this.engine = engine;
    this.options = options;
  }

  /** An empty one, in a zeroed memory if one is given. @throws VectorError MEMORY_LIMIT */
  static create(
    options: CheckedOptions, bytesMax: number, memory?: WebAssembly.Memory,
  ): Segment {
    const engine = new Engine(options.engine, undefined, memory);
    const result = engine.calls.create(
      options.dimension, METRIC_NUMBERS[options.metric], coldFor(options), walkFor(options),
      options.mode === 'exact' ? 0 : options.m, options.seed,
      Math.min(bytesMax, options.segmentBytesMax), options.storage === 'codes' ? 0 : 1,
    );
    if (result === E_MEMORY) throw new VectorError('MEMORY_LIMIT', 'no memory for a new segment');
    engine.joined();
    return new Segment(engine, options);
  }

  /** One over memory that holds an image of these options. */
  static over(options: CheckedOptions, engine: Engine): Segment {
    engine.calls.attach(0, 1);
    engine.joined();
    return new Segment(engine, options);
  }

  /** One beside its owner, for another thread over the same memory. @throws VectorError */
  static beside(options: CheckedOptions, memory: WebAssembly.Memory): Segment {
    const engine = new Engine(options.engine, undefined, memory);
    if (engine.calls.attach(1, 0) === E_MEMORY) {
      throw new VectorError('MEMORY_LIMIT', 'no memory for what one more thread works with');
    }
    engine.joined();
    return new Segment(engine, options);
  }

  // Read for every stored vector: by constant place, not by name.
  get liveCount(): number { return this.engine.i32[HEADER_WORDS.live] ?? 0; }
  get slotCount(): number { return this.engine.i32[HEADER_WORDS.slots] ?? 0; }
  get deadCount(): number { return this.engine.i32[HEADER_WORDS.dead] ?? 0; }
  get freeCount(): number { return this.engine.i32[HEADER_WORDS.freeCount] ?? 0; }
  get pendingCount(): number {
    return (this.engine.i32[HEADER_WORDS.pending] ?? 0) + this.tailCount;
  }
  /** Places of the tail that are not linked, in an index that threads share. */
  get tailCount(): number {
    const { i32 } = this.engine;
    const head = Atomics.load(i32, HEADER_WORDS.tailHead);
    return (Atomics.load(i32, HEADER_WORDS.tailEnd) - head) >>> 0;
  }
  /** Deleted slots that threads have still to take out. */
  get goneCount(): number {
    const { i32 } = this.engine;
    const head = Atomics.load(i32, HEADER_WORDS.goneHead);
    return (Atomics.load(i32, HEADER_WORDS.goneEnd) - head) >>> 0;
  }
  get isTrained(): boolean { return this.engine.i32[HEADER_WORDS.trained] === 1; }
  get isSweeping(): boolean { return this.engine.i32[HEADER_WORDS.sweepPhase] !== 0; }
  get hasCodes(): boolean {
    const walk = this.engine.i32[HEADER_WORDS.walk];
    return walk === WALK_CODES || walk === WALK_BITS;
  }

  /** Puts a vector where the engine reads its argument. Its length has been checked. */
  setQuery(vector: Float32Array | readonly number[]): void {
    this.engine.f32.set(vector, this.engine.queryWord);
  }

  /** Stores the vector set by setQuery; its slot, or a negative refusal of the engine. */
  append(): number {
    return this.engine.calls.append();
  }

  /** Takes the range of the codes when there are enough vectors, or takes it anew when it clips. */
  train(): void {
    if (this.isRangeDue) this.takeRange();
  }

  /** Whether `train` has something to do. */
  get isRangeDue(): boolean {
    const { engine } = this;
    if (!this.isTrained) return this.liveCount >= this.options.trainingCount;
    const encoded = engine.i32[HEADER_WORDS.encoded] ?? 0;
    // Coding everything again must be paid for by what was coded since.
    const enough = Math.max(CLIPPED_SAMPLE_MIN, this.slotCount * this.options.dimension / 8);
    return encoded > enough && engine.header('clipped') > encoded * CLIPPED_SHARE_MAX;
  }

  private takeRange(): void {
    const { engine, options } = this;
    const sample = this.sampleComponents();
    const last = sample.length - 1;
    let low = valueAt(sample, Math.floor(last * QUANTILE));
    let high = valueAt(sample, Math.ceil(last * (1 - QUANTILE)));
    // From clipped codes the true range cannot be seen: it is made wider by a quarter.
    const margin = this.isTrained && options.storage === 'codes' ? (high - low) / 8 : 0;
    const widest = Math.max(Math.abs(low), Math.abs(high), 1e-30) * 1e-6;
    low -= margin + widest;
    high += margin + widest;
    engine.calls.train(low, 127 / (high - low));
    engine.fit();
  }

  /** Components of vectors spread over the slots; of unit vectors for cosine. */
  private sampleComponents(): Float32Array {
    const { engine, options } = this;
    const { dimension } = options;
    const wanted = Math.min(this.liveCount, options.trainingCount);
    const step = Math.max(1, Math.floor(this.liveCount / wanted));
    // An odd step meets every component of some vector, also where it divides the dimension.
    const stride = Math.floor(wanted * dimension / SAMPLE_COMPONENTS) | 1;
    const sample = new Float32Array(Math.ceil(wanted * dimension / stride));
    let next = 0;
    let taken = 0;
    let seen = 0;
    for (let slot = 0; slot < this.slotCount && taken < wanted; slot++) {
      if (!this.isPresent(slot) || seen++ % step !== 0) continue;
      engine.calls.read(slot);
      const vector = engine.f32.subarray(engine.queryWord, engine.queryWord + dimension);
      let scale = 1;
      if (options.metric === 'cosine') {
        let square = 0;
        for (const x of vector) square += x * x;
        scale = square > 0 ? 1 / Math.sqrt(square) : 0;
      }
      for (; next * stride < (taken + 1) * dimension; next++) {
        sample[next] = (vector[next * stride - taken * dimension] ?? 0) * scale;
      }
      taken++;
    }
    return sample.subarray(0, next);
  }

  /** Whether a slot holds a vector that is not deleted. */
  isPresent(slot: number): boolean {
    const state = this.engine.calls.slotState(slot);
    return state === 0 || state === 4;
  }

  /** Links up to `count` waiting vectors; how many wait still. */
  link(count: number): number {
    if (!this.isTrained || this.options.mode === 'exact') return this.pendingCount;
    const left = this.engine.calls.linkPending(count, this.options.efConstruction);
    assert(left >= 0, 'every slot has its mark');
    return left;
  }

  /** Removes a slot, and does a slice of a sweep when too many dead ones are still named. */
  remove(slot: number): void {
    const result = this.engine.calls.remove(slot);
    assert(result === 0, `slot ${slot} is there when it is removed`);
    this.sweepSlice();
  }

  /** A slice of a sweep, if one runs or is due. */
  sweepSlice(): void {
    if (this.isSweepDue) this.engine.calls.sweep(SWEEP_SLOTS);
  }

  get isSweepDue(): boolean {
    return this.isSweeping
      || this.deadCount > Math.max(SWEEP_DEAD_MIN, this.liveCount * SWEEP_SHARE);
  }

  /** A sweep from begin to end. */
  sweepAll(): void {
    while (this.isSweeping) this.engine.calls.sweep(SWEEP_SLOTS);
    if (this.deadCount > 0) while (this.engine.calls.sweep(SWEEP_SLOTS) === 1);
  }

  /** Copies the vector of a slot: as it was given when storage is f32, else the nearest kept. */
  readInto(slot: number, into: Float32Array): void {
    const { engine } = this;
    engine.calls.read(slot);
    const at = engine.queryWord;
    into.set(engine.f32.subarray(at, at + this.options.dimension));
  }

  /** How many candidates are ranked by their vectors for k answers of a beam of ef. */
  ranked(k: number, ef: number): number {
    // Products of long vectors lie closer together, for their codes, than distances do.
    const most = Math.max(2 * k, RERANK_MIN) * (this.options.metric === 'ip' ? 2 : 1);
    return Math.min(most, Math.max(ef, k));
  }

  /** Slot of answer i. */
  slotOf(i: number): number {
    return this.engine.i32[this.engine.outWord + 2 * i + 1] ?? 0;
  }

  /** Distance of answer i as users see it: Euclidean for l2. */
  distanceOf(i: number): number {
    const d = this.engine.f32[this.engine.outWord + 2 * i] ?? 0;
    return this.options.metric === 'l2' ? Math.sqrt(d) : d;
  }
}
