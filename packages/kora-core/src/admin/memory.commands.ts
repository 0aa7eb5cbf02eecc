/**
 * MEMORY: what keys and the engine weigh. Sizes are exact sums of blocks of the shard's own
 * allocator; the fields of MEMORY STATS keep Redis's names where the thing exists here.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { defineContainer, defineHelp } from '../command/container.ts';
import { arg, isWord, readInteger } from '../command/grammar.ts';
import { keysAt } from '../command/key-spec.ts';
import { oneReplyOf, reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { replyErrors } from '../errors/reply-error.ts';
import { WEIGHED_MAX } from '../keyspace/type-handler.ts';
import type { EngineFigures } from './figures.ts';
import { figuresOf } from './figures.ts';
import type { MemoryFigures } from './memory-figures.ts';
import { INDEX_BYTES_PER_KEY } from './memory-figures.ts';

const ALL_SHARDS_SPECIAL = [
  'nondeterministic_output', 'request_policy:all_shards', 'response_policy:special',
];

/** MEMORY, USAGE and the key. */
const FIXED_ARGUMENTS = 3;
const SAMPLES = Uint8Array.from('SAMPLES', (letter) => letter.charCodeAt(0));

export const memory = defineContainer({
  name: 'MEMORY', group: 'server', since: '4.0.0', summary: 'Says what keys and the engine weigh.',
});

export const memoryUsage = defineCommand({
  name: 'MEMORY|USAGE', group: 'server', since: '4.0.0',
  summary: 'Returns the bytes that a key and its value take.',
  complexity: 'O(n); n = SAMPLES, or all members and blocks with 0.',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: [],
  keys: [keysAt({ first: 2, last: 2, step: 1, access: 'RO' })],
  args: { key: arg.key(), count: arg.integer('SAMPLES').optional() },
  reply: oneReplyOf(reply.integer('bytes'), reply.null('the key does not exist')),
  examples: [['MEMORY USAGE nokey', '_'], ['MEMORY USAGE k SAMPLES -1', '-"ERR syntax error"']],
  // Option by option, as in Redis: a bad number is told before what follows it.
  parse(frame, at) {
    frame.clear(2);
    for (let i = 3; i < frame.count; i += 2) {
      if (i + 1 === frame.count || !isWord(frame, i, SAMPLES)) return replyErrors.syntax;
      if (!readInteger(frame, at.count, i + 1)) return replyErrors.notInteger;
      if ((frame.number[at.count] ?? 0) < 0) return replyErrors.syntax;
    }
    return null;
  },
  apply(shard, frame, out, at) {
    const ref = shard.keyspace.peek(frame, 2);
    if (ref === 0) {
      out.null();
      return;
    }
    const blockBytes = shard.memory.arenaAllocator.sizeOf(ref);
    const ownedBytes = shard.handlerOf(ref).ownedBytes(shard, ref, samplesOf(frame, at.count));
    out.integer(blockBytes + ownedBytes + INDEX_BYTES_PER_KEY);
  },
});

/** How many members or blocks are weighed: those of the last SAMPLES, all with 0. */
function samplesOf(frame: ArgFrame, slot: number): number {
  if (frame.count === FIXED_ARGUMENTS) return WEIGHED_MAX;
  const samples = frame.number[slot] ?? 0;
  return samples === 0 ? Infinity : samples;
}

export const memoryStats = defineCommand({
  name: 'MEMORY|STATS', group: 'server', since: '4.0.0',
  summary: 'Returns what the engine\'s memory is used for.',
  complexity: 'O(1)',
  arity: 2,
  flags: 0,
  acl: [],
  keys: [],
  tips: ALL_SHARDS_SPECIAL,
  args: {},
  reply: reply.map('names and bytes, counts or shares'),
  examples: [],
  apply(shard, _frame, out) {
    writeMemoryStats(figuresOf(shard), out);
  },
});

/** The reply of MEMORY STATS. */
export function writeMemoryStats(figures: EngineFigures, out: ReplySink): void {
  const { memory: bytes, databases } = figures;
  const fields = statsFields(bytes);
  out.map(fields.length + databases.length);
  for (const [name, value] of fields) {
    out.bulkText(name);
    if (Number.isInteger(value) && !name.endsWith('ratio') && !name.endsWith('percentage')) {
      out.integer(value);
    } else {
      out.double(value);
    }
  }
  for (const { index, indexBytes } of databases) {
    out.bulkText(`db.${index}`);
    out.map(1);
    out.bulkText('overhead.hashtable.main');
    out.integer(indexBytes);
  }
}

export const memoryDoctor = defineCommand({
  name: 'MEMORY|DOCTOR', group: 'server', since: '4.0.0',
  summary: 'Says in words whether the memory is in order.',
  complexity: 'O(1)',
  arity: 2,
  flags: 0,
  acl: [],
  keys: [],
  tips: ALL_SHARDS_SPECIAL,
  args: {},
  reply: reply.verbatim('a report'),
  examples: [],
  apply(shard, _frame, out) {
    out.verbatim('txt', doctorReport(figuresOf(shard), shard.settings.maxmemoryBytes));
  },
});

export const memoryMallocStats = defineCommand({
  name: 'MEMORY|MALLOC-STATS', group: 'server', since: '4.0.0',
  summary: 'Returns the figures of the allocators.',
  complexity: 'O(1)',
  arity: 2,
  flags: 0,
  acl: [],
  keys: [],
  tips: ALL_SHARDS_SPECIAL,
  args: {},
  reply: reply.verbatim('a report'),
  examples: [],
  apply(shard, _frame, out) {
    out.verbatim('txt', mallocStats(figuresOf(shard)));
  },
});

/** The text of MEMORY MALLOC-STATS. */
export function mallocStats({ memory: figures }: EngineFigures): string {
  const { arenaUsedBytes, arenaHeldBytes, bufferBytes, lowHeldBytes } = figures;
  return `arena used_bytes:${arenaUsedBytes} held_bytes:${arenaHeldBytes}\n` +
    `buffers used_bytes:${bufferBytes} held_bytes:${lowHeldBytes}\n`;
}

export const memoryPurge = defineCommand({
  name: 'MEMORY|PURGE', group: 'server', since: '4.0.0',
  summary: 'Frees in full what waits to be freed, and gives free pages back to the system.',
  complexity: 'O(n); n = entries that wait and free pages.',
  arity: 2,
  flags: 0,
  acl: [],
  keys: [],
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  args: {},
  reply: reply.ok(),
  examples: [['MEMORY PURGE', '+"OK"']],
  apply(shard, _frame, out) {
    while (shard.lazyFree.pending > 0) shard.lazyFree.step();
    shard.maintenance.giveBack.purge();
    out.ok();
  },
});

export const memoryHelp = defineHelp({
  container: 'MEMORY', group: 'server', since: '4.0.0',
  lines: [
    'DOCTOR',
    '    Says in words whether the memory is in order.',
    'MALLOC-STATS',
    '    Returns the figures of the allocators.',
    'PURGE',
    '    Frees in full what waits to be freed; free pages go back to the system.',
    'STATS',
    '    Returns what the memory is used for.',
    'USAGE <key> [SAMPLES <count>]',
    '    Returns the bytes of a key and its value; those of big collections are estimated.',
  ],
});

/** Entries of MEMORY. */
export const memoryCommands: readonly Command[] = [
  memory, memoryUsage, memoryStats, memoryDoctor, memoryMallocStats, memoryPurge, memoryHelp,
];

function statsFields(figures: MemoryFigures): readonly (readonly [string, number])[] {
  const { usedBytes, activeBytes, keyCount } = figures;
  const net = Math.max(0, usedBytes - figures.startupBytes);
  return [
    ['peak.allocated', figures.peakBytes],
    ['total.allocated', usedBytes],
    ['startup.allocated', figures.startupBytes],
    ['replication.backlog', 0],
    ['clients.slaves', 0],
    ['clients.normal', figures.bufferBytes],
    ['cluster.links', 0],
    ['aof.buffer', 0],
    ['lua.caches', 0],
    ['functions.caches', 0],
    ['overhead.total', figures.overheadBytes],
    ['keys.count', keyCount],
    ['keys.bytes-per-key', keyCount === 0 ? 0 : Math.floor(net / keyCount)],
    ['dataset.bytes', figures.datasetBytes],
    ['dataset.percentage', net === 0 ? 0 : Math.min(100, (figures.datasetBytes / net) * 100)],
    ['peak.percentage', (usedBytes / figures.peakBytes) * 100],
    ['allocator.allocated', usedBytes],
    ['allocator.active', activeBytes],
    ['allocator.resident', figures.mappedBytes],
    ['allocator-fragmentation.ratio', activeBytes / usedBytes],
    ['allocator-fragmentation.bytes', activeBytes - usedBytes],
    ['allocator-rss.ratio', figures.mappedBytes / activeBytes],
    ['allocator-rss.bytes', figures.mappedBytes - activeBytes],
  ];
}

/** Held memory may exceed used memory by this share before the doctor mentions it. */
const FRAGMENTATION_RATIO_MAX = 1.4;
const SMALL_BYTES = 5 * 1024 * 1024;

/**
 * The text of MEMORY DOCTOR.
 * @param maxmemoryBytes 0 = no limit
 */
export function doctorReport({ memory: figures }: EngineFigures, maxmemoryBytes: number): string {
  const { usedBytes, activeBytes, datasetBytes } = figures;
  if (datasetBytes < SMALL_BYTES) {
    return 'This engine holds very little data: there is nothing to diagnose yet.\n';
  }
  const findings: string[] = [];
  if (activeBytes / usedBytes > FRAGMENTATION_RATIO_MAX) {
    findings.push('Slabs are sparse; evacuation in the background will give pages back.');
  }
  if (maxmemoryBytes !== 0 && usedBytes > maxmemoryBytes) {
    findings.push('More memory is used than maxmemory allows, and nothing may be evicted.');
  }
  return findings.length === 0 ? 'The memory is in order.\n' : `${findings.join('\n')}\n`;
}
