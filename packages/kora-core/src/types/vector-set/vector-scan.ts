/**
 * Scans of vector sets by WebAssembly (kernel/vector-scan.as.ts, bytes in vector-scan-bytes.ts): a
 * call walks lines of the set's dict and measures some hundred elements; those that are not too far
 * away come back. Where a platform lacks SIMD, or low memory is short, `scanElements` says so, and
 * whoever searches asks the window for every element (vector-window.ts, the twin).
 *
 *   block in low memory   | query | line to go on at | hits | hits x (member, distance f32) ... |
 *
 * Invariants: a distance has the bits that the twin gives it; nothing is held when it returns.
 * Cost at 128 dimensions: 40 ns an element from f32 or q8, 10 ns from bits.
 */
import { assert } from '../../assert.ts';
import type { Shard } from '../../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import { KernelTwin } from '../../structs/kernel-twin.hot.ts';
import type { WorkerMemory } from '../../structs/worker-memory.ts';
import { VECTOR_SCAN_BASE64 } from './vector-scan-bytes.ts';
import type { VectorShape } from './vector-set-layout.ts';
import { vectorDict } from './vector-set.ts';

/** Hits that a call has room for. Few: after each the furthest that still counts is nearer. */
const ROOM = 256;
/** Pairs behind them that the kernel may write. */
const SPARE_PAIRS = 4;
const HEAD_BYTES = 8;
const PAIR_BYTES = 8;

/** The kernel's exports. */
interface VectorScanKernel {
  /** See kernel/vector-scan.as.ts. Addresses are byte offsets. */
  scanLines(
    dict: number, line: number, lines: number, query: number, dimension: number, form: number,
    metric: number, norm: number, worst: number, out: number, room: number,
  ): void;
}

let compiled: WebAssembly.Module | null | undefined;
const kernels = new WeakMap<WorkerMemory, VectorScanKernel>();

function kernelOf(memory: WorkerMemory): VectorScanKernel | null {
  const known = kernels.get(memory);
  if (known !== undefined) return known;
  if (compiled === undefined) {
    const bytes = Uint8Array.from(atob(VECTOR_SCAN_BASE64), (letter) => letter.charCodeAt(0));
    compiled = WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
  }
  if (compiled === null || memory.kernel instanceof KernelTwin) return null;
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory: memory.memory } });
  // Byte boundary: the exports' types are fixed by the test that rebuilds the kernel.
  const kernel = exports as unknown as VectorScanKernel;
  kernels.set(memory, kernel);
  return kernel;
}

/** What meets the elements of a scan. Nothing may change meanwhile. */
export interface ScanVisitor {
  /** Elements further away need not be met; read again after some hundred of them. */
  furthest(): number;
  /** Called with the others, perhaps with some that are further away, in no order. */
  meet(member: number, distance: number): void;
}

/**
 * Measures every element of the set of entry `ref` from the vector at hand, which is prepared.
 * @returns false, and nothing was met, when the twin has to do it
 */
export function scanElements(
  shard: Shard, ref: number, shape: VectorShape, visitor: ScanVisitor,
): boolean {
  const { memory, collections } = shard;
  const kernel = kernelOf(memory);
  if (kernel === null) return false;
  const { vectors, dict } = collections;
  const queryBytes = vectors.queryBytes(shape);
  const { lowAllocator } = memory;
  const block = lowAllocator.alloc(
    queryBytes + HEAD_BYTES + (ROOM + SPARE_PAIRS) * PAIR_BYTES + PAIR_BYTES,
  );
  if (block === 0) return false;
  assert(ROOM >= CHAIN_SLOTS_MAX, 'a call has room for any chain');
  const query = block * 8;
  const out = (query + queryBytes + 7) & ~7;
  vectors.writeQuery(query, shape);
  const header = vectorDict(shard, ref);
  dict.bind(header);
  const lines = dict.lines();
  const head = out / 4;
  for (let line = 0; line < lines;) {
    kernel.scanLines(
      header * 8, line, lines, query, shape.dimension, shape.form, shape.metric, vectors.norm,
      visitor.furthest(), out, ROOM,
    );
    line = memory.i32[head] ?? 0;
    const end = head + 2 + (memory.i32[head + 1] ?? 0) * 2;
    for (let at = head + 2; at < end; at += 2) {
      visitor.meet(memory.i32[at] ?? 0, vectors.f32[at + 1] ?? 0);
    }
  }
  lowAllocator.free(block);
  return true;
}
