/**
 * An index as bytes and back. The memories are written as they are, so loading is a copy and no
 * rebuild: 50 k vectors of 128 dimensions in some 30 ms, where linking them anew takes seconds.
 *   'KORAVEC1' and the manifest (manifest.ts)
 *   then, for each segment, in order: memory | ids, JSON | attributes, JSON, each padded to 64
 * Every section has a hash in the manifest, and the manifest one behind it. Little-endian, as
 * WebAssembly is; read by both engines. A changed or cut image is refused; before it is used the
 * whole graph is checked, so a wrong link is found here and not by a search.
 */
import { AttributeIndex, checkAttributes } from './attributes/attribute-index.ts';
import { Engine, TAIL_BYTES } from './engine/engine.ts';
import {
  HEADER_WORDS, READER_COUNT, READER_WORDS, READER_WORDS_FROM, METRIC_NUMBERS,
} from './engine/layout.ts';
import {
  checkedSection, checkEnd, factsOf, joinImage, jsonBytes, jsonOf, padded, readManifest,
  refuseImage, sectionOf,
} from './manifest.ts';
import type { SectionFacts } from './manifest.ts';
import { checkOptions } from './options.ts';
import type { VectorIndexOptions } from './options.ts';
import { Segment, walkFor } from './segment.ts';
import { VectorIndex } from './vector-index.ts';
import type { VectorId } from './vector-types.ts';

const MAGIC = 'KORAVEC1';
const MANIFEST_BYTES_MAX = 1 << 20;

interface Manifest {
  readonly options: VectorIndexOptions;
  readonly size: number;
  readonly segments: readonly {
    readonly memory: SectionFacts; readonly ids: SectionFacts; readonly attributes: SectionFacts;
  }[];
}

/** Hash of a memory's first bytes. Two words of its answers take part as zeros. */
function hashMemory(engine: Engine, bytes: number): string {
  const { i32, outWord } = engine;
  i32[outWord] = 0;
  i32[outWord + 1] = 0;
  engine.calls.hashBytes(0, bytes);
  const hash = `${((i32[outWord] ?? 0) >>> 0).toString(16)}-`
    + ((i32[outWord + 1] ?? 0) >>> 0).toString(16);
  i32[outWord] = 0;
  i32[outWord + 1] = 0;
  return hash;
}

/** The index as bytes; the caller's. Searches may go on, writes must not run meanwhile. */
export function dumpIndex(index: VectorIndex): Uint8Array<ArrayBuffer> {
  const sections: Uint8Array[] = [];
  const segments = index.parts().map(({ segment, ids, attributes }) => {
    const { engine } = segment;
    engine.fit();
    const memoryBytes = padded(engine.bytesUsed);
    const memory = { bytes: memoryBytes, hash: hashMemory(engine, memoryBytes) };
    const idBytes = jsonBytes(Array.from(ids, (id) => id ?? null));
    const attributeBytes = jsonBytes([...attributes.entries()]);
    sections.push(
      new Uint8Array(engine.memory.buffer, 0, memoryBytes), idBytes, attributeBytes,
    );
    return { memory, ids: factsOf(idBytes), attributes: factsOf(attributeBytes) };
  });
  const manifest: Manifest = { options: index.options, size: index.size, segments };
  return joinImage(MAGIC, manifest, sections);
}

function loadMemory(
  image: Uint8Array, at: number, facts: SectionFacts, options: VectorIndex['options'],
): Segment {
  const bytes = sectionOf(image, at, facts.bytes);
  const engine = new Engine(options.engine, bytes.length + TAIL_BYTES);
  new Uint8Array(engine.memory.buffer).set(bytes);
  const fits = engine.header('dimension') === options.dimension
    && engine.header('metric') === METRIC_NUMBERS[options.metric]
    && engine.header('walk') === walkFor(options)
    && engine.header('m') === (options.mode === 'exact' ? 0 : options.m)
    && padded(engine.bytesUsed) === bytes.length;
  if (!fits) throw refuseImage('has a memory of another index');
  const segment = Segment.over(options, engine);
  if (hashMemory(engine, bytes.length) !== facts.hash) throw refuseImage('has a changed memory');
  for (let i = 0; i < READER_COUNT; i++) engine.i32[READER_WORDS_FROM + i * READER_WORDS] = 0;
  engine.i32[HEADER_WORDS.bytesMax] = Math.min(options.bytesMax, options.segmentBytesMax) | 0;
  engine.calls.reclaim();
  if (engine.calls.check() < 0) throw refuseImage('has a graph that is not whole');
  return segment;
}

/** An index from the bytes of `dumpIndex`. @throws VectorError IMAGE */
export function loadIndex(image: Uint8Array): VectorIndex {
  const { manifest: given, end } = readManifest(image, MAGIC, MANIFEST_BYTES_MAX);
  // Its hash says it is what dumpIndex wrote.
  const manifest = given as Manifest;
  const options = checkOptions(manifest.options);
  let at = end;
  const parts = manifest.segments.map((facts) => {
    const segment = loadMemory(image, at, facts.memory, options);
    at += padded(facts.memory.bytes);
    // Written by dumpIndex: ids with null for free slots, then pairs of slot and attributes.
    const ids = jsonOf(checkedSection(image, at, facts.ids)) as (VectorId | null)[];
    at += padded(facts.ids.bytes);
    const carried = jsonOf(checkedSection(image, at, facts.attributes)) as
      [number, object][];
    at += padded(facts.attributes.bytes);
    const attributes = new AttributeIndex();
    for (const [slot, each] of carried) attributes.set(slot, checkAttributes(each));
    return { segment, ids: ids.map((id) => id ?? undefined), attributes };
  });
  checkEnd(image, at);
  return VectorIndex.fromParts(options, parts);
}
