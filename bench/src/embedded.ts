/**
 * Times the typed methods of the embedded engine: 10,000 keys of 16 characters, values of 64 bytes,
 * in random order. Rounds of all methods are interleaved and the median of ROUNDS counts; a Map of
 * strings beside it shows what the machine does. Run by `pnpm bench:micro`, or alone: node
 * bench/dist/embedded.js
 */
import { openSync } from '@kora/embedded';
import { markdownTable, median } from './table.ts';

const KEYS = 10_000;
const CALLS = 400_000;
const ROUNDS = 7;
const VALUE_BYTES = 64;

interface Subject {
  readonly name: string;
  /** Nanoseconds that the project promises, as text. */
  readonly target: string;
  readonly call: (key: string) => number;
}

const db = openSync();
const map = new Map<string, string>();
const keys = Array.from({ length: KEYS }, (_, i) => `key:${String(i).padStart(12, '0')}`);
const text = 'v'.repeat(VALUE_BYTES);
const bytes = new Uint8Array(VALUE_BYTES).fill(0x76);
const target = new Uint8Array(VALUE_BYTES);
for (const key of keys) {
  db.set(key, text);
  map.set(key, text);
}

const subjects: readonly Subject[] = [
  { name: 'get', target: '400', call: (key) => db.get(key)?.length ?? 0 },
  { name: 'getBytes', target: '500', call: (key) => db.getBytes(key)?.length ?? 0 },
  { name: 'getInto', target: '350', call: (key) => db.getInto(key, target) },
  { name: 'with', target: '', call: (key) => db.with(key, (view) => view?.length ?? 0) },
  { name: 'set text', target: '600', call: (key) => Number(db.set(key, text)) },
  { name: 'set bytes', target: '600', call: (key) => Number(db.set(key, bytes)) },
  { name: "call('GET')", target: '', call: (key) => Number(db.call('GET', key) !== null) },
  { name: "call('SET')", target: '', call: (key) => Number(db.call('SET', key, text) === 'OK') },
  { name: 'Map.get', target: '', call: (key) => map.get(key)?.length ?? 0 },
];

/** Nanoseconds of one call, over CALLS calls in a scattered order. */
function nanoseconds(subject: Subject): number {
  let sum = 0;
  let place = 1;
  const startMs = performance.now();
  for (let i = 0; i < CALLS; i++) {
    place = (place * 1_103_515_245 + 12_345) & 0x7fffffff;
    sum += subject.call(keys[(place >>> 8) % KEYS] ?? '');
  }
  const elapsedMs = performance.now() - startMs;
  if (sum === 0) throw new Error(`${subject.name} gave nothing`);
  return (elapsedMs * 1e6) / CALLS;
}

const times = subjects.map((): number[] => []);
for (let round = 0; round <= ROUNDS; round++) {
  subjects.forEach((subject, i) => {
    const ns = nanoseconds(subject);
    if (round > 0) times[i]?.push(ns); // The first round warms up.
  });
}
const rows = subjects.map((subject, i) =>
  [subject.name, median(times[i] ?? []).toFixed(0), subject.target]);
console.log(`${KEYS} keys of 16 characters, ${VALUE_BYTES} B values, Node ${process.version}`);
console.log(markdownTable(['embedded', 'ns a call', 'at most'], rows));
db.close();
