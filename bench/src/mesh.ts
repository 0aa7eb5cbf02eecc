/**
 * `pnpm bench:mesh`: what a command of another worker costs in code alone: two workers in one
 * thread, without sockets, system calls, sleeping or lines that travel between cores, beside one
 * worker alone. Pipelines of 16 GETs or SETs of 64 B on 100,000 keys, four of them a worker and
 * turn; every worker then takes a turn for what the other sent. What bench:server shows beyond this
 * is the kernel's and the cores'.
 * Every case is a process of its own, with the compiler's room of the program, and cases take
 * turns; counted is CPU of the lowest decile of slices, so that a busy machine shows less.
 * Options: --rounds 5 --seconds 2 --tests get,set   [--case NAME --test get: one case, ns]
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { slotOfKey, slotOwners } from '@kora/core';
import { encodeRequest, MeshRig, WorkerRig } from '@kora/server/testing';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    tests: { type: 'string', default: 'get,set' },
    case: { type: 'string' },
    test: { type: 'string', default: 'get' },
  },
});

/** Cases by name: how many workers, and whose keys a connection of a worker asks for. */
const CASES = {
  'one worker': { workers: 1, isFit: () => true },
  'two, own keys': { workers: 2, isFit: (owner: number, me: number) => owner === me },
  'two, random keys': { workers: 2, isFit: () => true },
  'two, keys of the other': { workers: 2, isFit: (owner: number, me: number) => owner !== me },
} as const;
/** As packages/cli/src/inlining-room.ts sets them for the program. */
const COMPILER_ROOM = [
  '--max-inlined-bytecode-size-cumulative=3680', '--max-inlined-bytecode-size=920',
];
const KEYS = 100_000;
const VALUE = 'x'.repeat(64);
const DEPTH = 16;
/** Pipelines of a worker in a turn, each of a connection of its own. */
const PIPELINES = 4;
/** Pipelines in low memory, sent again and again: more keys than a cache holds. */
const PIPELINE_COUNT = 2048;
const TURNS_PER_SLICE = 100;
const WARM_SLICES = 150;
const DECILE = 0.1;

class MeshBench {
  readonly #mesh: MeshRig | null;
  readonly #rigs: readonly WorkerRig[];
  readonly #owners: readonly number[];
  readonly #isFit: (owner: number, me: number) => boolean;
  readonly #slots: readonly (readonly number[])[];
  /** By worker: where its pipelines lie, and their bytes. */
  readonly #at: Int32Array[] = [];
  readonly #bytes: Int32Array[] = [];
  #random = 12_345;
  #next = 0;
  #turn = 0;

  constructor(name: keyof typeof CASES, test: string) {
    const { workers, isFit } = CASES[name];
    this.#isFit = isFit;
    this.#owners = Array.from(slotOwners(workers));
    this.#mesh = workers === 1 ? null : new MeshRig(workers);
    this.#rigs = this.#mesh?.rigs ?? [new WorkerRig()];
    for (const rig of this.#rigs) rig.engine.keepsReplies = false;
    // Two sets of connections: one has its replies under way while the other sends.
    this.#slots = this.#rigs.map((rig) =>
      Array.from({ length: PIPELINES * 2 }, () => rig.connect()));
    this.#fill();
    for (let worker = 0; worker < workers; worker++) this.#place(worker, test);
    for (let slice = 0; slice < WARM_SLICES; slice++) this.slice();
  }

  /** Commands of a slice. */
  get commands(): number {
    return TURNS_PER_SLICE * this.#rigs.length * PIPELINES * DEPTH;
  }

  slice(): void {
    for (let turn = 0; turn < TURNS_PER_SLICE; turn++) {
      const first = (this.#turn++ & 1) * PIPELINES;
      for (let worker = 0; worker < this.#rigs.length; worker++) this.#send(worker, first);
      for (const rig of this.#rigs) rig.idle();
    }
  }

  #send(worker: number, first: number): void {
    const rig = this.#rigs[worker];
    if (rig === undefined) return;
    rig.handler.onTurnStart();
    for (let i = 0; i < PIPELINES; i++) {
      const which = this.#next++ % PIPELINE_COUNT;
      const slot = this.#slots[worker]?.[first + i] ?? 0;
      const at = this.#at[worker]?.[which] ?? 0;
      rig.handler.onReceive(slot, at, this.#bytes[worker]?.[which] ?? 0);
    }
    rig.handler.onTurnEnd();
    rig.turn();
  }

  /** Gives every key its value. */
  #fill(): void {
    for (let key = 0; key < KEYS; key += DEPTH) {
      const keys = Array.from({ length: DEPTH }, (_, i) => nameOf(key + i));
      this.#rigs[0]?.receive(this.#slots[0]?.[0] ?? 0, pipelineOf('set', keys));
      this.#mesh?.settle();
    }
  }

  #place(worker: number, test: string): void {
    const memory = this.#rigs[worker]?.composed.memory;
    if (memory === undefined) return;
    const [at, bytes] = [new Int32Array(PIPELINE_COUNT), new Int32Array(PIPELINE_COUNT)];
    for (let i = 0; i < PIPELINE_COUNT; i++) {
      const pipeline = pipelineOf(test, Array.from({ length: DEPTH }, () => this.#keyFor(worker)));
      at[i] = memory.lowAllocator.alloc(pipeline.length) * 8;
      bytes[i] = pipeline.length;
      memory.low.set(pipeline, at[i] ?? 0);
    }
    this.#at.push(at);
    this.#bytes.push(bytes);
  }

  #keyFor(worker: number): string {
    for (;;) {
      this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) >>> 0;
      const key = nameOf(Math.floor((this.#random / 2 ** 32) * KEYS));
      const bytes = Buffer.from(key);
      if (this.#isFit(this.#owners[slotOfKey(bytes, 0, bytes.length)] ?? 0, worker)) return key;
    }
  }
}

const nameOf = (key: number): string => `key:${String(key).padStart(12, '0')}`;

function pipelineOf(test: string, keys: readonly string[]): Buffer {
  return Buffer.concat(keys.map((key) =>
    encodeRequest(test === 'set' ? ['SET', key, VALUE] : ['GET', key])));
}

/** ns of CPU a command, of the slices at the lowest decile. */
function measure(name: keyof typeof CASES, test: string): number {
  const bench = new MeshBench(name, test);
  const costs: number[] = [];
  const endMs = Date.now() + Number(values.seconds) * 1000;
  while (Date.now() < endMs || costs.length === 0) {
    const before = process.cpuUsage();
    bench.slice();
    const { user, system } = process.cpuUsage(before);
    costs.push(((user + system) * 1000) / bench.commands);
  }
  return costs.sort((a, b) => a - b)[Math.floor(costs.length * DECILE)] ?? NaN;
}

function isCase(name: string): name is keyof typeof CASES {
  return Object.hasOwn(CASES, name);
}

/** The case in a process of its own. */
function measureApart(name: string, test: string): number {
  const own = ['--case', name, '--test', test, '--seconds', values.seconds];
  const program = fileURLToPath(import.meta.url);
  return Number(execFileSync(process.execPath, [...COMPILER_ROOM, program, ...own]));
}

function main(): void {
  const tests = values.tests.split(',');
  const wrong = tests.find((test) => test !== 'get' && test !== 'set');
  if (wrong !== undefined) throw new Error(`no test "${wrong}"; there is get, set`);
  const results = new Map<string, number[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const name of Object.keys(CASES)) {
      for (const test of tests) {
        const key = `${name} ${test}`;
        results.set(key, [...(results.get(key) ?? []), measureApart(name, test)]);
      }
    }
  }
  const rows = Object.keys(CASES).map((name) =>
    [name, ...tests.map((test) => median(results.get(`${name} ${test}`) ?? []).toFixed(0))]);
  const heads = ['ns a command, 16 together', ...tests.map((test) => test.toUpperCase())];
  process.stdout.write(`${markdownTable(heads, rows)}\n`);
}

if (values.case === undefined) main();
else if (isCase(values.case)) process.stdout.write(`${measure(values.case, values.test)}\n`);
else throw new Error(`no case "${values.case}"; there is ${Object.keys(CASES).join(', ')}`);
