/**
 * `pnpm bench:rdb`: moving data from Redis and back. redis-server makes a dump of a million keys
 * and one of collections; then, in turns, redis-server starts with it, `kora import` puts it into a
 * running Kora, `kora export` takes it out again, and `kora import redis://... --once` copies it
 * from a running redis-server. Wall seconds of the whole command, the start of its process
 * included; CPU is that of the server that loads. Servers have one core; kora's command has any, as
 * for whoever moves. Needs redis-server.
 * Options: --rounds 5 --keys 1000000 --hashes 20000
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ask, fillWith, keyText } from './fill.ts';
import type { ServerProcess } from './processes.ts';
import { startKora, startRedis } from './processes.ts';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    keys: { type: 'string', default: '1000000' },
    hashes: { type: 'string', default: '20000' },
  },
});
const KORA = fileURLToPath(new URL('../../packages/cli/bin/kora.js', import.meta.url));
const VALUE_LETTERS = 64;
const HASH_FIELDS = 40;
const FIELD_LETTERS = 24;
const LETTER_FIRST = 33;
const LETTER_COUNT = 90;
const folder = mkdtempSync(join(tmpdir(), 'kora-bench-rdb-'));
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

let state = 1;

/** A text that packs badly, another each time. */
function noise(letters: number): string {
  let text = '';
  for (let i = 0; i < letters; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += String.fromCharCode(LETTER_FIRST + ((state >>> 8) % LETTER_COUNT));
  }
  return text;
}

interface Load {
  readonly name: string;
  readonly count: number;
  readonly request: (i: number) => readonly string[];
}

const loads: readonly Load[] = [
  {
    name: `${values.keys} keys of 16 B with 64 B`, count: Number(values.keys),
    request: (i) => ['SET', keyText(i), noise(VALUE_LETTERS)],
  },
  {
    name: `${values.hashes} hashes of ${HASH_FIELDS} fields`, count: Number(values.hashes),
    request: (i) => ['HSET', keyText(i), ...Array.from({ length: HASH_FIELDS }, (_, field) =>
      [`field:${field}`, noise(FIELD_LETTERS)]).flat()],
  },
];

/** Runs the kora command to its end; seconds it took. */
function runKora(...words: readonly string[]): Promise<number> {
  const startMs = performance.now();
  const child = spawn(process.execPath, [KORA, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      if (code === 0) resolve((performance.now() - startMs) / 1000);
      else reject(new Error(`kora ${words.join(' ')}: ${said}`));
    });
  });
}

/** Makes the dump; its path. */
async function dumpOf(load: Load, name: string): Promise<string> {
  const server = await startRedis(['--dir', folder, '--dbfilename', name]);
  await fillWith(server, load.count, load.request);
  await ask(server, ['SAVE']);
  await server.stop();
  return join(folder, name);
}

function cpuOf(server: ServerProcess): number {
  const { user, system } = server.cpuSeconds();
  return user + system;
}

interface Figures {
  readonly redisSeconds: number[];
  readonly redisCpu: number[];
  readonly importSeconds: number[];
  readonly importCpu: number[];
  readonly exportSeconds: number[];
  readonly liveSeconds: number[];
}

async function round(load: Load, path: string, figures: Figures): Promise<void> {
  const name = `loaded-${process.pid}.rdb`;
  copyFileSync(path, join(folder, name));
  const startMs = performance.now();
  const redis = await startRedis([
    '--dir', folder, '--dbfilename', name, '--repl-diskless-sync-delay', '0',
  ]);
  figures.redisSeconds.push((performance.now() - startMs) / 1000);
  figures.redisCpu.push(cpuOf(redis));
  const kora = await startKora();
  const to = `redis://127.0.0.1:${kora.port}`;
  const before = cpuOf(kora);
  figures.importSeconds.push(await runKora('import', path, '--to', to));
  figures.importCpu.push(cpuOf(kora) - before);
  const size = await ask(kora, ['DBSIZE']);
  if (size !== `:${load.count}\r\n`) throw new Error(`not all keys were imported: ${size}`);
  figures.exportSeconds.push(
    await runKora('export', join(folder, 'out.rdb'), '--force', '--from', to),
  );
  await ask(kora, ['FLUSHALL']);
  const from = `redis://127.0.0.1:${redis.port}`;
  figures.liveSeconds.push(await runKora('import', from, '--to', to, '--once', '--flush'));
  await kora.stop();
  await redis.stop();
}

const rows: string[][] = [];
for (const [i, load] of loads.entries()) {
  const path = await dumpOf(load, `load-${i}.rdb`);
  const bytes = statSync(path).size;
  const figures: Figures = {
    redisSeconds: [], redisCpu: [], importSeconds: [], importCpu: [], exportSeconds: [],
    liveSeconds: [],
  };
  for (let k = 0; k < Number(values.rounds); k++) await round(load, path, figures);
  const row = (what: string, seconds: readonly number[], cpu: readonly number[]): string[] => {
    const middle = median(seconds);
    return [
      load.name, what, middle.toFixed(2), (bytes / 1e6 / middle).toFixed(0),
      (load.count / 1000 / middle).toFixed(0), cpu.length === 0 ? '' : median(cpu).toFixed(2),
    ];
  };
  rows.push(
    row('redis-server starts with the dump', figures.redisSeconds, figures.redisCpu),
    row('kora import dump.rdb', figures.importSeconds, figures.importCpu),
    row('kora import redis://... --once', figures.liveSeconds, []),
    row('kora export dump.rdb', figures.exportSeconds, []),
  );
}
const heads = ['data', 'what', 's', 'MB/s', 'k keys/s', 'CPU s of the server'];
process.stdout.write(
  `${values.rounds} rounds, medians, Node ${process.version}\n\n${markdownTable(heads, rows)}\n`,
);
