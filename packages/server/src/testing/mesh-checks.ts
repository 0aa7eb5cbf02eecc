/**
 * What tests of several workers look at when all have come to rest: that nothing is left under way,
 * what the data is, and replies of RESP2 as texts.
 */
import type { ShardContents } from '@kora/core/testing';
import type { MeshRig } from './mesh-rig.ts';

/** Longer values are compared by their beginnings. */
const SHOWN_CHARACTERS_MAX = 300;

/** What is under way, locked, lent, borrowed or held, as `worker what count`; should be empty. */
export function leftOf(mesh: Pick<MeshRig, 'rigs'>): string[] {
  const left: string[] = [];
  for (const [index, { worker }] of mesh.rigs.entries()) {
    const note = (what: string, count = 0): void => {
      if (count !== 0) left.push(`${index} ${what} ${count}`);
    };
    const { mesh: node, shard } = worker;
    note('windows', node?.origin.windowCount);
    note('parcels', node?.parcels.count);
    note('transactions', node?.coordination.count);
    note('records', node?.coordination.recordCount);
    note('parked', node?.gate.parkedCount);
    note('locks', node?.gate.isOpen === false ? 1 : 0);
    note('loans', node?.owner.loanCount);
    note('cargo', node?.participation.cargo.count);
    note('borrowed keys', node?.participation.borrowedCount);
    note('guards', shard.guard === null ? 0 : 1);
    note('held pages', shard.memory.arenaAllocator.heldPages());
  }
  return left;
}

/** The keys of a shard with all that belongs to them, a line each, in order. */
export function shown(contents: ShardContents): string[] {
  return [...contents].map(([key, { type, encoding, value, deadlineMs }]) => {
    const text = value.slice(0, SHOWN_CHARACTERS_MAX);
    return `${key} ${type} ${encoding} ${String(deadlineMs)} ${text}`;
  }).sort();
}

/** The replies in a stream of them, as texts. */
export function repliesIn(text: string): string[] {
  const replies: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = endOf(text, at);
    replies.push(text.slice(at, end));
    at = end;
  }
  return replies;
}

/** The elements of a reply that is an array, as texts. */
export function elementsOf(reply: string): string[] {
  return repliesIn(reply.slice(reply.indexOf('\r\n') + 2));
}

function endOf(text: string, at: number): number {
  const lineEnd = text.indexOf('\r\n', at) + 2;
  if (lineEnd < 2) return text.length;
  const number = Number(text.slice(at + 1, lineEnd - 2));
  if (text[at] === '$') return number < 0 ? lineEnd : lineEnd + number + 2;
  if (text[at] !== '*') return lineEnd;
  let end = lineEnd;
  for (let i = 0; i < number; i++) end = endOf(text, end);
  return end;
}
