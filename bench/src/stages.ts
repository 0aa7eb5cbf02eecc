/**
 * `pnpm bench:stages`: where the time of a command goes, from received bytes to reply bytes, in one
 * process without a socket: nanoseconds a command for each stage, GET, SET, INCR and MGET of ten
 * keys, alone and pipelined by 16, at 100,000 and 1,000,000 keys of 16 bytes with values of 64.
 * A stage is measured by running it alone over the same turns, or as the difference of two that
 * differ in it only; `data` is what is left of the whole. Loops take turns slice by slice; counted
 * is the lower quartile of the slices, so that other programs on the machine show less, without the
 * copy of the bytes into place. MGET looks its keys up by itself: that is part of its data.
 * Budget at P=16 (ns): parse + command 200, gate 150.
 * Usage: node bench/dist/stages.js [keys, default 100000,1000000] [rounds, default 10]
 */
import type { Command } from '@kora/core';
import { arg, ArgFrame, ClientState, defineCommand, Flag, keysAt, reply } from '@kora/core';
import { encodeRequest, PARSE_REQUEST, RequestParser, requestLimits } from '@kora/protocol';
import { Pipeline, WorkerRig } from '@kora/server/testing';
import { markdownTable } from './table.ts';

const KEY_BYTES = 16;
const VALUE_BYTES = 64;
const MGET_KEYS = 10;
/** Commands in all turns of a round: enough not to fit a cache. */
const COMMANDS = 32_768;
const FILL_BATCH = 256;
const WARM_ROUNDS = 3;
/** A round in parts that last a millisecond or so. */
const SLICES = 16;
const QUARTILE = 0.25;
const DEPTHS = [1, 16];

const probe = {
  group: 'connection', since: '1.0.0', summary: 'Measures.', complexity: 'O(1)', arity: -2,
  flags: Flag.ReadOnly | Flag.Fast, acl: [], examples: [],
  args: { key: arg.key(), rest: arg.repeat(arg.bytes()).optional() },
  reply: reply.ok('nothing is answered'),
  parse: () => null,
} as const;
/**
 * Do nothing: what is left is the gate and the bookkeeping. As long as the names they stand for.
 */
const nothings = ['NIL', 'NADA'].map((name) =>
  defineCommand({ ...probe, name, keys: [], apply: () => undefined }));
/** Looks its key up and no more. */
const lookUp = defineCommand({
  ...probe, name: 'LOOKUP',
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  apply: (shard, frame) => {
    shard.keyspace.read(frame, 1);
  },
});

type Name = 'GET' | 'SET' | 'INCR' | 'MGET';
/** Stages in the order of the path; the last three are what the others leave. */
const STAGES = [
  'parse', 'command', 'gate', 'key look-up', 'data', 'reply', 'session', 'all',
] as const;
type Stage = (typeof STAGES)[number];

/** Which loops run: each over all turns. */
const LOOPS = [
  'copy', 'parse', 'command', 'nothing', 'ahead', 'found', 'look up', 'reply', 'idle turn', 'all',
] as const;
type Loop = (typeof LOOPS)[number];

class StageBench {
  readonly rig = new WorkerRig({ extraCommands: [...nothings, lookUp] });
  readonly slot = this.rig.connect();
  readonly memory = this.rig.composed.memory;
  readonly parser = new RequestParser(requestLimits());
  readonly frame = new ArgFrame(this.memory, new ClientState(0));
  readonly pipeline: Pipeline;
  readonly keys: number;
  /** Commands of a turn. */
  #depth = 1;
  #random = 12_345;
  /** Bytes of all turns one after another, and the same with commands that do nothing. */
  #turnsAt = 0;
  #idleAt = 0;
  /** Where each turn begins in them. */
  #starts = new Int32Array(0);

  readonly #nothing: Command;
  readonly #lookUp: Command;

  constructor(keys: number) {
    this.keys = keys;
    this.#nothing = this.#commandOf('nil');
    this.#lookUp = this.#commandOf('lookup');
    const { shard, registry } = this.rig.composed;
    this.pipeline = new Pipeline(shard, registry, 16);
    const value = 'x'.repeat(VALUE_BYTES);
    for (let from = 0; from < keys; from += FILL_BATCH) {
      const requests = [];
      for (let i = from; i < from + FILL_BATCH; i++) {
        requests.push(encodeRequest(['SET', keyOf('k', i), value]));
        requests.push(encodeRequest(['SET', keyOf('n', i), String(i)]));
      }
      this.rig.receive(this.slot, Buffer.concat(requests));
    }
    this.rig.engine.keepsReplies = false;
  }

  #commandOf(name: string): Command {
    const command = this.rig.composed.registry.byName(name);
    if (command === undefined) throw new Error(`${name} is registered`);
    return command;
  }

  #dice(below: number): number {
    this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((this.#random / 0x80000000) * below);
  }

  #request(name: Name): Uint8Array {
    const key = (): string => keyOf(name === 'INCR' ? 'n' : 'k', this.#dice(this.keys));
    if (name === 'SET') return encodeRequest([name, key(), 'y'.repeat(VALUE_BYTES)]);
    if (name === 'MGET') return encodeRequest([name, ...Array.from({ length: MGET_KEYS }, key)]);
    return encodeRequest([name, key()]);
  }

  /** Lays the bytes of all turns into low memory; the ones before are given back. */
  #place(name: Name, depth: number): void {
    const requests = Array.from({ length: COMMANDS }, () => this.#request(name));
    this.#depth = depth;
    this.#turnsAt = this.#layDown(this.#turnsAt, Buffer.concat(requests));
    const idle = name.length === 3 ? 'NIL' : 'NADA';
    const text = Buffer.concat(requests).toString('latin1')
      .replaceAll(`\r\n${name}\r\n`, `\r\n${idle}\r\n`);
    this.#idleAt = this.#layDown(this.#idleAt, Buffer.from(text, 'latin1'));
    this.#starts = new Int32Array(COMMANDS / depth + 1);
    let at = 0;
    requests.forEach((request, i) => {
      if (i % depth === 0) this.#starts[i / depth] = at;
      at += request.length;
    });
    this.#starts[COMMANDS / depth] = at;
  }

  #layDown(before: number, bytes: Uint8Array): number {
    const { lowAllocator, low } = this.memory;
    if (before !== 0) lowAllocator.free(before / 8);
    const at = lowAllocator.alloc(bytes.length) * 8;
    if (at === 0) throw new Error('low memory holds the turns');
    low.set(bytes, at);
    return at;
  }

  /** Nanoseconds a command of each stage, medians of `rounds`. */
  measure(name: Name, depth: number, rounds: number): Map<Stage, number> {
    this.#place(name, depth);
    const samples = new Map<Loop, number[]>(LOOPS.map((loop) => [loop, []]));
    for (let round = -WARM_ROUNDS; round < rounds; round++) {
      for (let slice = 0; slice < SLICES; slice++) {
        for (const loop of LOOPS) {
          const startNs = process.hrtime.bigint();
          if (loop === 'reply') this.#reply(name);
          else this.#run(loop, slice);
          const ns = Number(process.hrtime.bigint() - startNs) / (COMMANDS / SLICES);
          if (round >= 0) samples.get(loop)?.push(ns);
        }
      }
    }
    return stagesOf((loop) => quartile(samples.get(loop) ?? []), depth, name === 'MGET');
  }

  /** Runs one loop over the turns of a slice. */
  #run(loop: Loop, slice: number): void {
    const { kernel } = this.memory;
    const at = this.rig.engine.receiveAt;
    const from = loop === 'idle turn' ? this.#idleAt : this.#turnsAt;
    const starts = this.#starts;
    const turns = (starts.length - 1) / SLICES;
    for (let turn = slice * turns; turn < (slice + 1) * turns; turn++) {
      const start = starts[turn] ?? 0;
      const bytes = (starts[turn + 1] ?? 0) - start;
      kernel.copy(at, from + start, bytes);
      if (loop === 'copy') continue;
      if (loop === 'idle turn' || loop === 'all') this.rig.deliver(this.slot, at, bytes);
      else if (loop === 'ahead' || loop === 'found') this.#ahead(at, at + bytes, loop === 'found');
      else this.#oneByOne(loop, at, at + bytes);
    }
  }

  #oneByOne(loop: Loop, at: number, end: number): void {
    const { parser, frame } = this;
    const { low } = this.memory;
    const { executor, registry } = this.rig.composed;
    const command = loop === 'look up' ? this.#lookUp : this.#nothing;
    parser.begin(at);
    while (parser.parse(low, end) === PARSE_REQUEST) {
      if (loop === 'parse') continue;
      if (loop === 'command') {
        registry.find(low, parser.argAt[0] ?? 0, parser.argBytes[0] ?? 0);
        continue;
      }
      frame.bind(parser.argAt, parser.argBytes, parser.argc);
      executor.run(command, frame, this.rig.worker.sink);
    }
  }

  #ahead(at: number, end: number, looksUp: boolean): void {
    const { parser, pipeline, frame } = this;
    const { low } = this.memory;
    parser.begin(at);
    if (parser.parse(low, end) !== PARSE_REQUEST) return;
    pipeline.find(parser, low, end, 0);
    if (!looksUp) return;
    for (let place = 0; place < pipeline.count; place++) {
      pipeline.present(frame, place);
      this.rig.composed.executor.run(this.#lookUp, frame, this.rig.worker.sink);
    }
  }

  /** The replies alone; the engine drops them. */
  #reply(name: Name): void {
    const { sink, sessions } = this.rig.worker;
    const session = sessions.atSlot(this.slot);
    if (session === undefined) throw new Error('the session is open');
    sink.begin(session);
    const valueAt = this.#turnsAt;
    for (let i = 0; i < COMMANDS / SLICES; i++) {
      if (name === 'SET') sink.ok();
      else if (name === 'INCR') sink.integer(100_000 + i);
      else if (name === 'GET') sink.bulk(valueAt, VALUE_BYTES);
      else {
        sink.array(MGET_KEYS);
        for (let k = 0; k < MGET_KEYS; k++) sink.bulk(valueAt, VALUE_BYTES);
      }
      if (i % this.#depth === 0) sink.flush();
    }
    sink.flush();
  }
}

/** The stages by the times of the loops. */
function stagesOf(
  of: (loop: Loop) => number, depth: number, looksUpItself: boolean,
): Map<Stage, number> {
  const copy = of('copy');
  const parse = of('parse') - copy;
  const command = of('command') - of('parse');
  const gate = of('nothing') - of('parse');
  // What is found ahead is parsed and looked up in the command table as well.
  const lookUps = depth === 1 ? of('look up') - of('nothing') : of('found') - of('command') - gate;
  const key = looksUpItself ? 0 : lookUps;
  const session = of('idle turn') - copy - parse - command - gate;
  const reply = of('reply');
  const all = of('all') - copy;
  const data = all - parse - command - gate - key - reply - session;
  return new Map<Stage, number>([
    ['parse', parse], ['command', command], ['gate', gate], ['key look-up', key],
    ['data', data], ['reply', reply], ['session', session], ['all', all],
  ]);
}

/** A quarter of the values lies below. */
function quartile(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * QUARTILE)] ?? NaN;
}

function keyOf(prefix: string, i: number): string {
  return prefix + String(i).padStart(KEY_BYTES - 1, '0');
}

const keyCounts = (process.argv[2] ?? '100000,1000000').split(',').map(Number);
const rounds = Number(process.argv[3] ?? 10);
for (const keys of keyCounts) {
  const bench = new StageBench(keys);
  const rows: string[][] = [];
  for (const depth of DEPTHS) {
    for (const name of ['GET', 'SET', 'INCR', 'MGET'] as const) {
      const stages = bench.measure(name, depth, rounds);
      rows.push([
        `${name} P=${depth}`, ...STAGES.map((stage) => (stages.get(stage) ?? NaN).toFixed(0)),
      ]);
    }
  }
  console.log(`ns a command, ${keys} keys, MGET of ${MGET_KEYS}, ${process.version}\n`);
  console.log(`${markdownTable(['', ...STAGES], rows)}\n`);
}
