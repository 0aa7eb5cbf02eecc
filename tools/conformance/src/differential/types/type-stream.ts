/**
 * Streams of commands on all types: keys of a few names each, so that commands meet data of their
 * type, of another, and none; now and then many elements at once, thresholds that are shrunk,
 * payloads that travel from one server to the other.
 *
 * Invariant: the same seed gives the same stream.
 */
import { Choices } from '../choices.ts';
import { mutate, withSafeTimes } from '../mutations.ts';
import { fittingRequest, loadRecordedGrammar, type RecordedGrammar } from '../recorded-grammar.ts';
import type { Step, Stream } from '../stream.ts';
import type { KeyKind } from './type-commands.ts';
import { COMMANDS_OF_ALL, KEY_KINDS, LEX_COMMANDS, TYPE_COMMANDS } from './type-commands.ts';
import { TypePools } from './type-pools.ts';

const STEPS_MAX = 80;
const PIPELINE_REQUESTS_MAX = 6;
/** Kinds of one stream: few, so that its keys fill. */
const KINDS_MAX = 3;

/** Thresholds that a stream may shrink; play-stream.ts sets them back. */
const SMALL_SETTINGS: readonly (readonly string[])[] = [
  ['hash-max-listpack-entries', '4'], ['hash-max-listpack-value', '8'],
  ['set-max-intset-entries', '4'], ['zset-max-listpack-entries', '4'],
  ['zset-max-listpack-value', '8'], ['list-max-listpack-size', '3'],
  ['list-max-listpack-size', '-1'], ['stream-node-max-entries', '5'],
  ['stream-node-max-bytes', '200'], ['hll-sparse-max-bytes', '40'],
];

/** SORT of Redis 7.0 takes an error number of an earlier command for its own; this clears it. */
const CLEARS_ERRNO = ['INCRBYFLOAT', 'errno', 'x'];

let recorded: RecordedGrammar | undefined;

/** The stream of a seed.
 * @param played kinds of keys whose commands it has */
export function typeStreamOf(seed: number, played: readonly KeyKind[] = KEY_KINDS): Stream {
  recorded ??= loadRecordedGrammar();
  const grammar = recorded;
  const choices = new Choices(seed);
  const pools = new TypePools(choices);
  const kinds = Array.from({ length: 1 + choices.below(KINDS_MAX) }, () => choices.of(played));
  const steps: Step[] = choices.once(3) ? [shrink(choices)] : [];
  const count = 10 + choices.below(STEPS_MAX);
  for (let step = 0; step < count; step += 1) steps.push(stepOf(grammar, kinds, pools));
  return { seed, protocol: choices.once(2) ? '2' : '3', steps };
}

function shrink(choices: Choices): Step {
  const settings = Array.from({ length: 1 + choices.below(4) }, () => choices.of(SMALL_SETTINGS));
  return {
    kind: 'pipeline', connection: 0,
    requests: settings.map((pair) => ['CONFIG', 'SET', ...pair]),
  };
}

function stepOf(grammar: RecordedGrammar, kinds: readonly KeyKind[], pools: TypePools): Step {
  const { choices } = pools;
  pools.kind = choices.of(kinds);
  if (choices.once(20)) return { kind: 'transfer', connection: 0, key: pools.key() };
  if (choices.once(25)) {
    return { kind: 'pipeline', connection: 0, requests: [bulkRequest(pools)] };
  }
  const length = 1 + (choices.once(3) ? choices.below(PIPELINE_REQUESTS_MAX) : 0);
  const hasSortedSets = kinds.includes('zset') || kinds.includes('geo');
  const requests = Array.from({ length }, () => requestOf(grammar, pools, hasSortedSets))
    .flatMap((request) => (/^sort/i.test(request[0] ?? '') ? [CLEARS_ERRNO, request] : [request]));
  return { kind: 'pipeline', connection: 0, requests };
}

function requestOf(
  grammar: RecordedGrammar, pools: TypePools, hasSortedSets: boolean,
): string[] {
  const { choices } = pools;
  if (pools.kind === 'zset' && choices.once(5)) return lexRequest(grammar, pools);
  const weighted = choices.once(6) ? COMMANDS_OF_ALL : TYPE_COMMANDS[pools.kind];
  const name = weightedChoice(weighted, choices);
  pools.command = name;
  // In Redis SORT turns a sorted set into a skip list; Kora does not (docs/differences.md).
  if (name.startsWith('sort') && hasSortedSets) return ['TYPE', pools.key()];
  const request = fittingRequest(grammar, name, pools);
  if (choices.once(8)) mutate(request, name.split('|').length, pools);
  return harmless(withSafeTimes(request), pools);
}

/** A request on a sorted set whose scores are all equal. */
function lexRequest(grammar: RecordedGrammar, pools: TypePools): string[] {
  const { choices } = pools;
  const key = choices.of(['lex1', 'lex2']);
  if (choices.once(2)) {
    const members = Array.from({ length: 1 + choices.below(4) }, () => ['0', pools.member()]);
    return ['ZADD', key, ...members.flat()];
  }
  if (choices.once(3)) {
    const limit = choices.once(3) ? ['LIMIT', String(choices.below(4)), '2'] : [];
    const order = choices.once(2) ? ['REV'] : [];
    const command = choices.once(3) ? ['ZRANGESTORE', 'lex2', key] : ['ZRANGE', key];
    return [...command, pools.lexBorder(), pools.lexBorder(), 'BYLEX', ...order, ...limit];
  }
  pools.command = weightedChoice(LEX_COMMANDS, choices);
  const request = fittingRequest(grammar, pools.command, pools);
  request[1] = key;
  return request;
}

function weightedChoice(
  weighted: readonly (readonly [name: string, weight: number])[], choices: Choices,
): string {
  let left = choices.below(weighted.reduce((sum, [, weight]) => sum + weight, 0));
  for (const [name, weight] of weighted) {
    left -= weight;
    if (left < 0) return name;
  }
  throw new Error('weights have a sum');
}

/** Takes out of a request what two right servers must answer differently. */
function harmless(request: string[], pools: TypePools): string[] {
  const name = (request[0] ?? '').toLowerCase();
  // Which members go is chance: all go, or none.
  if (name === 'spop' && request.length > 1) {
    return [...request.slice(0, 2), pools.choices.of(['1000000', '0', '-1', 'abc', '5000'])];
  }
  if (name.startsWith('sort')) return withoutChance(request);
  // A negative count asks for as many members, one by one.
  if (name.includes('rand')) return request.map((word) => (/^-\d{4,}$/.test(word) ? '-70' : word));
  // A word more is WITHSCORE, which came after 7.0 (docs/differences.md).
  if (/^z(rev)?rank$/.test(name)) return request.slice(0, 3);
  if (name === 'xadd') {
    return exactTrim(request).map((word, i) => (i > 1 && word === '*' ? '1-*' : word));
  }
  if (name === 'xtrim') return exactTrim(request);
  if (name === 'setbit' && Number(request[2]) > 100_000) request[2] = '4294967296';
  return request.filter((word) => !/^(block|storedist)$/i.test(word));
}

/** An approximate trim stops where a block of entries ends, which is each server's own affair. */
function exactTrim(request: readonly string[]): string[] {
  return request.map((word) => (word === '~' ? '=' : word));
}

/** SORT without an order has that of a set: then nothing may be stored or left out. */
function withoutChance(request: string[]): string[] {
  if (!request.some((word) => word.toUpperCase() === 'BY')) return request;
  const kept: string[] = [];
  for (let i = 0; i < request.length; i += 1) {
    const word = (request[i] ?? '').toUpperCase();
    if (word === 'STORE') i += 1;
    else if (word === 'LIMIT') i += 2;
    else kept.push(request[i] ?? '');
  }
  return kept;
}

/** One request with as many elements as turn one encoding into another. */
function bulkRequest(pools: TypePools): string[] {
  const { choices } = pools;
  const size = pools.bulkSize();
  const shape = choices.below(3);
  const element = (i: number): string => {
    if (shape === 0) return String(i);
    return shape === 1 ? `element:${i}` : 'z'.repeat(1 + (i % 70)) + String(i);
  };
  const shift = choices.below(10_000) / 1_000_000;
  const key = pools.key();
  const elements = Array.from({ length: size }, (_, i) => element(i));
  switch (pools.kind) {
    case 'list':
      return [choices.of(['RPUSH', 'LPUSH']), key, ...elements];
    case 'set':
      return ['SADD', key, ...elements];
    case 'zset':
      return ['ZADD', key, ...elements.flatMap((member, i) => [String((i * 7) % 50), member])];
    case 'hash':
      return ['HSET', key, ...elements.flatMap((field, i) => [field, `value ${i}`])];
    case 'stream':
      return ['XADD', key, pools.nextId(), ...elements.flatMap((field) => [field, 'v'])];
    case 'hll':
      return ['PFADD', key, ...elements];
    case 'geo':
      return ['GEOADD', key, ...elements.slice(0, 200).flatMap((member, i) =>
        // No two at the same distance from anywhere: which comes first would be chance.
        [String(((i * 37) % 300) / 10 - 15 + i / 731), String(((i * 53) % 600) / 10 + shift),
          member])];
    case 'string':
      return ['SET', key, elements.join('')];
  }
}
