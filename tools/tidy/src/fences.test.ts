/**
 * Proves that every fence in eslint.config.js stands: each bad snippet below must be refused, and
 * refused by the rule named, in the room named; good snippets must pass. Without this a fence that
 * a later block silently replaced would look the same as one that nobody climbs.
 * Types are switched off here: the fences are about syntax, and the rooms named need not exist.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

const eslint = new ESLint({
  cwd: root,
  ignore: false,
  overrideConfig: [
    {
      files: ['**/*.ts'],
      ...tseslint.configs.disableTypeChecked,
      languageOptions: { parserOptions: { project: false, program: null } },
    },
  ],
});

async function refusals(room: string, code: string): Promise<string[]> {
  const results = await eslint.lintText(code, { filePath: join(root, room) });
  return results.flatMap((result) =>
    result.messages.map((message) => message.ruleId ?? `parse: ${message.message}`));
}

const core = 'packages/kora-core/src/keyspace/lookup.ts';
const protocol = 'packages/protocol/src/reply-decoder.ts';
const session = 'packages/server/src/session.ts';
const sessionRoom = 'packages/server/src/session/pipeline.ts';
const shardRoom = 'packages/server/src/shard-room.ts';
const coreHot = 'packages/kora-core/src/keyspace/lookup.hot.ts';
const protocolHot = 'packages/protocol/src/request-parser.hot.ts';
const sessionHot = 'packages/server/src/session/pipeline.hot.ts';
const serverHot = 'packages/server/src/output-buffer.hot.ts';
const everyHot = [coreHot, protocolHot, sessionHot, serverHot];
const anywhere = [core, protocol, session, ...everyHot, 'packages/embedded/src/open.ts'];
const syntax = 'no-restricted-syntax';

/** Rooms, a line that must not stand there, and the rule that must say so. */
const refused: readonly (readonly [readonly string[], string, string])[] = [
  [anywhere, `export * from './other.ts';`, syntax],
  [anywhere, `export default 1;`, syntax],
  [anywhere, `export enum Colour { Red }`, syntax],
  [anywhere, `export const same = (1 as number) == 2;`, 'eqeqeq'],
  [['packages/server/src/listen.ts', core], `console.log(1);`, 'no-console'],
  [
    ['packages/embedded/src/open.ts'],
    `import { hash } from '@kora/core/src/bytes/hash.hot.ts';\nexport const f = hash;`,
    'no-restricted-imports',
  ],
  [[core, protocol, coreHot], `export const at = Date.now();`, 'no-restricted-properties'],
  [[core, protocol, coreHot], `export const at = Math.random();`, 'no-restricted-properties'],
  [[core, protocol, coreHot], `export const at = new Date();`, syntax],
  [[core, protocol], `import fs from 'node:fs';\nexport const f = fs;`, 'no-restricted-imports'],
  [[core, protocol], `import fs from 'fs';\nexport const f = fs;`, 'no-restricted-imports'],
  [
    [core, protocol],
    `import type { Fault } from '@kora/core';\nexport type F = Fault;`,
    'no-restricted-imports',
  ],
  ...[
    'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch', 'performance', 'crypto',
    'process', 'Buffer', 'globalThis', 'Promise',
  ].map((name) => [
    [core, protocol, coreHot], `export const outside: unknown = ${name};`, 'no-restricted-globals',
  ] as const),
  [[core, session, sessionRoom, shardRoom], `export async function wait() {}`, syntax],
  [[core, session, sessionRoom], `export const wait = async () => 1;`, syntax],
  [[core, session, sessionRoom], `export type Later = Promise<number>;`, syntax],
  [[session, sessionRoom], `export const p = Promise.resolve(1);`, 'no-restricted-globals'],
  [[session, sessionRoom, shardRoom], `setTimeout(() => undefined, 5);`, 'no-restricted-globals'],
  [
    [session, sessionRoom],
    `import { setTimeout as wait } from 'node:timers/promises';\nexport const w = wait;`,
    'no-restricted-imports',
  ],
  [[core, coreHot], `export const bytes = new Uint8Array(memory.buffer);`, syntax],
  [[core, coreHot], `export const bytes = new Uint8Array(memory.buffer, 8, 16);`, syntax],
  [[core, coreHot], `export const bytes = new DataView(worker.memory.buffer);`, syntax],
  [[core, coreHot], `export const bytes = new DataView(memory.buffer as ArrayBuffer);`, syntax],
  [[core], `export const f = (a: number[]) => a[0]!;`, '@typescript-eslint/no-non-null-assertion'],
  ...[
    'export const f = () => 1;',
    'export const f = function () { return 1; };',
    'export function f() { function g() {} g(); }',
    'export const C = class {};',
    'export function f(a: number[]) { g(...a); }',
    'export function f(...rest: number[]) { return rest.length; }',
    'export function f(o: O) { const { a } = o; return a; }',
    'export function f(o: O) { const [a] = o; return a; }',
    'export function f(a: number) { return `${a}`; }',
    'export function f(a: number[]) { for (const b of a) g(b); }',
    'export function f(a: object) { for (const b in a) g(b); }',
    'export function f() { try { g(); } catch { g(); } }',
    'export async function f() { g(); }',
    'export function* f() { yield 1; }',
    'export async function f() { await g(); }',
    'export function f() { using a = g(); }',
    'export function f(o: O) { delete o.a; }',
    'export function f() { return arguments.length; }',
    'export function f() { return { a: 1 }; }',
    'export function f() { return [1]; }',
    'export function f() { return new Map(); }',
    ...['subarray', 'slice', 'map', 'filter', 'forEach', 'concat', 'bind', 'split', 'entries']
      .map((name) => `export function f(a: A) { return a.${name}(1); }`),
    'export function f(a: A) { return a.toString(); }',
  ].map((code) => [everyHot, code, syntax] as const),
];

/** Rooms and what may well stand there. */
const allowed: readonly (readonly [readonly string[], string])[] = [
  [
    everyHot,
    `/** Index of the first of \`count\` ascending scores >= target; count if none. O(log n). */
    export function lowerBoundOfScore(
      f64: Float64Array, scoreAt: number, count: number, target: number,
    ): number {
      let low = 0;
      let high = count;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (f64[scoreAt + middle]! < target) low = middle + 1;
        else high = middle;
      }
      return low;
    }`,
  ],
  [
    everyHot,
    `export class Ring {
      readonly words: Int32Array;
      constructor(wordCount: number) { this.words = new Int32Array(wordCount); }
      at(index: number): number { return this.words[index & (this.words.length - 1)]!; }
    }
    export const digits = new Uint8Array([48, 49]);`,
  ],
  [
    ['packages/kora-core/src/memory/worker-memory.ts'],
    `export const view = (memory: WebAssembly.Memory) => new Uint8Array(memory.buffer);`,
  ],
  [[core], `export const copy = (count: number) => new Uint8Array(count);`],
  [[core], `export const parse = (text: string) => Number.parseInt(text, 10);`],
  [['packages/kora-core/src/keyspace/lookup.test.ts'], `export const at = Date.now();`],
  [
    ['packages/kora-core/src/keyspace/lookup.test.ts'],
    `import v8 from 'node:v8';\nexport const memory = new Uint8Array(v8.serialize(1).buffer);`,
  ],
  [['packages/server/src/listen.ts'], `export async function listen() { await bind(); }`],
  [['packages/cli/src/serve.ts'], `console.log(1);`],
];

describe('fences', () => {
  for (const [rooms, code, rule] of refused) {
    for (const room of rooms) {
      it(`${room} refuses ${code.replaceAll('\n', ' ')}`, async () => {
        expect(await refusals(room, `${code}\n`)).toContain(rule);
      });
    }
  }
  for (const [rooms, code] of allowed) {
    for (const room of rooms) {
      it(`${room} allows ${code.slice(0, 60).replaceAll(/\s+/g, ' ')}`, async () => {
        expect(await refusals(room, `${code}\n`)).toEqual([]);
      });
    }
  }
  it('sees an import cycle', async () => {
    const room = 'tools/tidy/fixtures/cycle/left.ts';
    const code = readFileSync(join(root, room), 'utf8');
    expect(await refusals(room, code)).toEqual(['import-x/no-cycle']);
  });
});
