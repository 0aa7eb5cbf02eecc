/**
 * `pnpm bench:advice`: what `--memory-advice` buys. (1) Gets of random keys in process, one by one
 * and in batches of 16, with and without huge pages: each measurement in a process of its own, the
 * two kinds in turn, medians of the rounds. (2) The same through a server: CPU a GET at P=16.
 * (3) Resident memory of a server after a fill, after FLUSHALL and ten seconds later, for every
 * advice. Linux only.
 * Options: --keys 1000000,3000000 --rounds 5 --server-keys 1000000 (0 leaves a part out)
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  Dict, entryBytesFor, entryKeyAt, entryValueAt, WorkerMemory, writeEntryHeader,
} from '@kora/core/testing';
import { encodeRequest } from '@kora/protocol';
import type { MemoryAdvice } from '@kora/server';
import { MEMORY_ADVICES, openMemoryAdvisor } from '@kora/server';
import { fill } from './fill.ts';
import { runLoad } from './load.ts';
import type { ServerProcess } from './processes.ts';
import { isInstalled, LOAD_CORE, pinTo, startKora } from './processes.ts';
import { markdownTable, median } from './table.ts';
import { foundInGroups } from './found-in-groups.ts';

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000,3000000' },
    rounds: { type: 'string', default: '5' },
    'server-keys': { type: 'string', default: '1000000' },
    /** Inner: measure in this process and print the figures. */
    child: { type: 'string' },
  },
});

const BATCH = 256;
const GROUP = 16;
const KEY_BYTES = 16;
const VALUE_BYTES = 64;
const KEYS_AT = 65_536;
const VALUE_AT = 131_072;
const LIST_AT = 262_144;
const PLACED = { keysAt: KEYS_AT, keyBytes: KEY_BYTES, count: BATCH, listAt: LIST_AT };
const GETS = 1_000_000;
const NS_PER_MS = 1e6;
const MIB = 1024 * 1024;
const GET_OPERATIONS = 1_500_000;
/** How long FLUSHALL's work and a period of giving back may take. */
const SETTLE_MS = 10_000;

/** A dict full of entries, and what one process measures on it. */
class GetBench {
  readonly memory = WorkerMemory.create();
  readonly dict = new Dict(this.memory, this.memory.arenaAllocator, 0x243f6a88, 0x85a308d3);
  readonly #entryBytes = entryBytesFor(KEY_BYTES, VALUE_BYTES, false);
  #state = 99;

  constructor(advice: MemoryAdvice, keys: number) {
    if (advice !== 'off') {
      const advisor = openMemoryAdvisor(advice, this.memory);
      if (typeof advisor === 'string') throw new Error(advisor);
      this.memory.attachAdvisor(advisor);
    }
    this.dict.warmRarePaths();
    this.dict.create();
    for (let id = 0; id < keys; id++) {
      this.#putKey(KEYS_AT, id);
      this.#insert();
    }
  }

  /** Median ns of a get, `group` keys at a time. */
  measure(keys: number, group: number): number {
    const samples: number[] = [];
    for (let done = 0; done < GETS; done += BATCH) {
      for (let i = 0; i < BATCH; i++) {
        this.#putKey(KEYS_AT + i * KEY_BYTES, this.#random(keys));
      }
      const start = performance.now();
      const found = group === 1 ? this.#getAll() : this.#getGroups(group);
      samples.push(((performance.now() - start) * NS_PER_MS) / BATCH);
      if (found !== BATCH) throw new Error('a key was not found');
    }
    return median(samples);
  }

  #putKey(at: number, id: number): void {
    const { low } = this.memory;
    let digits = id;
    for (let place = KEY_BYTES - 1; place >= 0; place--) {
      low[at + place] = 48 + (digits % 10);
      digits = Math.floor(digits / 10);
    }
  }

  #insert(): void {
    const { dict, memory } = this;
    if (!dict.reserveInsert(this.#entryBytes)) throw new Error('memory is full');
    const ref = memory.arenaAllocator.alloc(this.#entryBytes);
    const { i32 } = memory;
    writeEntryHeader(i32, ref, 0, KEY_BYTES, VALUE_BYTES);
    memory.kernel.copy(entryKeyAt(i32, ref), KEYS_AT, KEY_BYTES);
    memory.kernel.copy(entryValueAt(i32, ref), VALUE_AT, VALUE_BYTES);
    dict.insert(dict.hashOf(KEYS_AT, KEY_BYTES), ref);
  }

  #getAll(): number {
    const { dict } = this;
    let found = 0;
    for (let i = 0; i < BATCH; i++) {
      const at = KEYS_AT + i * KEY_BYTES;
      if (dict.find(at, KEY_BYTES, dict.hashOf(at, KEY_BYTES)) !== 0) found++;
    }
    return found;
  }

  #getGroups(group: number): number {
    return foundInGroups(this.dict, PLACED, group);
  }

  #random(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
}

function isAdvice(word: string): word is MemoryAdvice {
  return MEMORY_ADVICES.some((name) => name === word);
}

/** Prints the two medians of one process. */
function measureHere(advice: string, keys: number): void {
  if (!isAdvice(advice)) throw new Error(`--child takes ${MEMORY_ADVICES.join(', ')}`);
  const bench = new GetBench(advice, keys);
  process.stdout.write(`${bench.measure(keys, 1)} ${bench.measure(keys, GROUP)}\n`);
}

/** Runs this program for one measurement: ns one by one, ns in batches. */
function measureApart(advice: MemoryAdvice, keys: number): readonly [number, number] {
  const program = fileURLToPath(import.meta.url);
  const [file = '', ...rest] = [
    ...pinTo(LOAD_CORE), process.execPath, program, '--child', advice, '--keys', String(keys),
  ];
  const [single = NaN, batched = NaN] =
    execFileSync(file, rest, { encoding: 'utf8' }).trim().split(' ').map(Number);
  return [single, batched];
}

const share = (figure: number, reference: number): string =>
  `${(((figure - reference) / reference) * 100).toFixed(0)} %`;

function gets(counts: readonly number[], rounds: number): void {
  const rows: string[][] = [];
  for (const keys of counts) {
    const plain: (readonly [number, number])[] = [];
    const huge: (readonly [number, number])[] = [];
    for (let round = 0; round < rounds; round++) {
      plain.push(measureApart('off', keys));
      huge.push(measureApart('huge-pages', keys));
    }
    for (const [column, name] of [[0, 'one by one'], [1, `in batches of ${GROUP}`]] as const) {
      const off = median(plain.map((pair) => pair[column]));
      const on = median(huge.map((pair) => pair[column]));
      rows.push([String(keys), name, off.toFixed(0), on.toFixed(0), share(on, off)]);
    }
  }
  const heads = ['keys', 'gets', 'off, ns', 'huge pages, ns', 'change'];
  process.stdout.write(`${markdownTable(heads, rows)}\n\n`);
}

/** Sends one command and waits for its answer of one line. */
async function command(server: ServerProcess, ...words: readonly string[]): Promise<void> {
  const socket = connect(server.port, '127.0.0.1');
  socket.write(encodeRequest([...words]));
  await once(socket, 'data');
  socket.destroy();
}

const inMib = (bytes: number): string => (bytes / MIB).toFixed(0);

async function servers(keys: number, rounds: number): Promise<void> {
  const rows: string[][] = [];
  const cpu = new Map<MemoryAdvice, number[]>(MEMORY_ADVICES.map((advice) => [advice, []]));
  for (let round = 0; round < rounds; round++) {
    for (const advice of MEMORY_ADVICES) {
      const server = await startKora(['--memory-advice', advice]);
      const atStart = server.residentBytes();
      await fill(server, keys, 'v'.repeat(VALUE_BYTES));
      const full = server.residentBytes();
      if (isInstalled('redis-benchmark')) {
        const load = { connections: 50, pipeline: 16, valueBytes: VALUE_BYTES, keys } as const;
        const result = await runLoad(
          server, { ...load, test: 'get', operations: GET_OPERATIONS },
        );
        cpu.get(advice)?.push(result.userUs + result.systemUs);
      }
      await command(server, 'FLUSHALL');
      await sleep(SETTLE_MS);
      const after = server.residentBytes();
      await server.stop();
      if (round === 0) rows.push([advice, inMib(atStart), inMib(full), inMib(after)]);
    }
  }
  for (const row of rows) {
    const [advice = 'off'] = row;
    const us = median(isAdvice(advice) ? cpu.get(advice) ?? [] : []);
    row.push(us.toFixed(3));
  }
  const heads = [
    'advice', 'RSS at start, MiB', `with ${keys} keys`, '10 s after FLUSHALL',
    'CPU a GET at P=16, us',
  ];
  process.stdout.write(`${markdownTable(heads, rows)}\n`);
}

const counts = values.keys.split(',').map(Number).filter((count) => count > 0);
if (values.child !== undefined) {
  measureHere(values.child, counts[0] ?? 0);
} else {
  const enabled = '/sys/kernel/mm/transparent_hugepage/enabled';
  process.stdout.write(`${enabled}: ${readFileSync(enabled, 'utf8')}\n`);
  if (counts.length > 0) gets(counts, Number(values.rounds));
  const serverKeys = Number(values['server-keys']);
  if (serverKeys > 0) await servers(serverKeys, Number(values.rounds));
}
