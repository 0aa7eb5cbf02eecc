/**
 * Connections of a MeshRig as tests talk to them: one command and its whole reply, or commands
 * that stay under way while workers take turns in an order of the test's own.
 */
import { slotOfKey, slotOwners } from '@kora/core';
import type { MeshRig } from './mesh-rig.ts';

/** A connection of one of the workers. */
export interface MeshClient {
  readonly rig: number;
  readonly slot: number;
}

/** xorshift32: integers in 0 .. bound - 1. */
export function belowOf(seed: number): (bound: number) => number {
  let state = Math.imul(seed, 2654435761) | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

/** A request as a client encodes it; words are of one character a byte. */
export function encodeRequest(words: readonly string[]): Buffer {
  const body = words.map((word) => `$${word.length}\r\n${word}\r\n`).join('');
  return Buffer.from(`*${words.length}\r\n${body}`, 'latin1');
}

/** Keys that the worker owns, `count` of those of a mesh of `workerCount`. */
export function keysOf(worker: number, workerCount: number, count: number): string[] {
  const owners = slotOwners(workerCount);
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i++) {
    const bytes = Buffer.from(`key${i}`, 'latin1');
    if (owners[slotOfKey(bytes, 0, bytes.length)] === worker) keys.push(`key${i}`);
  }
  return keys;
}

export function connectTo(mesh: MeshRig, rig: number): MeshClient {
  const slot = mesh.rigs[rig]?.connect() ?? 0;
  mesh.rest(rig);
  return { rig, slot };
}

/** Sends a command; nothing but its own worker's turn happens. */
export function send(mesh: MeshRig, { rig, slot }: MeshClient, ...words: string[]): void {
  mesh.rigs[rig]?.receive(slot, encodeRequest(words));
  mesh.rest(rig);
}

/** Sends several commands at once: a pipeline, in one turn of its own worker. */
export function pipe(
  mesh: MeshRig, { rig, slot }: MeshClient, ...commands: readonly (readonly string[])[]
): void {
  mesh.receive(rig, slot, Buffer.concat(commands.map((words) => encodeRequest(words))));
}

/** All replies so far. */
export function repliesOf(mesh: MeshRig, { rig, slot }: MeshClient): string {
  return mesh.rigs[rig]?.repliesOf(slot) ?? '';
}

/** The whole reply to one command, after all have come to rest. */
export function ask(mesh: MeshRig, client: MeshClient, ...words: string[]): string {
  const before = repliesOf(mesh, client).length;
  send(mesh, client, ...words);
  mesh.settle();
  return repliesOf(mesh, client).slice(before);
}

/** Some turns of workers that have something to do. */
export function someTurns(mesh: MeshRig, below: (bound: number) => number, countMax: number): void {
  for (let turns = below(countMax + 1); turns > 0; turns--) {
    const index = below(mesh.rigs.length);
    if (mesh.mayRun(index)) mesh.turn(index);
  }
}
