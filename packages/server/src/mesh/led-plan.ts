/**
 * The parts of a command that one shard runs for several (led-parts.ts): the leader has the whole
 * command, every other shard the names of its keys, or, where an element moves, the command that
 * takes it away there. A command alone is all that its parts are about, and their flags say in
 * which way; where parts run in steps the coordinator says it (script.ts).
 */
import type { ArgFrame, Command, CommandReach, Planner, Shard } from '@kora/core';
import { AcrossShards, argumentText, assert, endArguments, popsEnd } from '@kora/core';
import { CALL_COMMAND_MASK } from './message-kinds.ts';
import type { PartWriter } from './part-block.ts';
import { PART_GROWS, PART_LEADS, PART_LENDS, PART_MOVES } from './part-block.ts';
import { StepKind } from './step-plan.ts';

/** Arguments of the commands that move an element. */
const SOURCE = 1;
const MEMBER_OR_END = 3;
const NAME = 0;

/** What is planned: the command in the frame, added to the planner last. */
export interface LedCommand {
  readonly command: Command;
  readonly frame: ArgFrame;
  readonly call: number;
  /** StepKind.Gathered, Moved or Staged. */
  readonly kind: number;
  readonly mayGrow: boolean;
  /** The parts run in steps. */
  readonly isInScript: boolean;
}

/** In which way a command that one shard runs for several is run: one of StepKind. */
export function ledKindOf({ kind }: CommandReach, hasUnknownKeys: boolean): number {
  if (hasUnknownKeys) return StepKind.Staged;
  return kind === AcrossShards.Move ? StepKind.Moved : StepKind.Gathered;
}

/** Writes the parts of all shards that the command has keys of, or may have. */
export function writeLedParts(
  shard: Shard, planner: Planner, writers: readonly PartWriter[], led: LedCommand,
): void {
  const { command, frame, call, kind, mayGrow, isInScript } = led;
  const { leader } = planner;
  for (const [index, writer] of writers.entries()) {
    if ((planner.commandShards & (1 << index)) === 0) continue;
    if (index === leader) {
      if (!isInScript) writer.mark(PART_LEADS);
      const all = Int32Array.from({ length: frame.count }, (_, i) => i);
      writer.add(frame, call, all, all.length, 0);
    } else if (kind === StepKind.Moved) {
      if (!isInScript) writer.mark(PART_MOVES);
      writeRemoval(shard, writer, led);
    } else {
      if (!isInScript) writer.mark(PART_LENDS | (mayGrow ? PART_GROWS : 0));
      const ends = popsEnd(command) ? endArguments(command, frame) : [];
      const names = [NAME, ...ends, ...keysOf(planner, index)];
      writer.add(frame, call, Int32Array.from(names), names.length, 0);
    }
  }
}

/** Mask of the shards, but the leader, that have keys of the command added last. */
export function lendersOf(planner: Planner): number {
  const keys = planner.keys();
  let mask = 0;
  for (let key = 0; key < keys.count; key++) mask |= 1 << (keys.shard[key] ?? 0);
  return mask & ~(1 << planner.leader);
}

function keysOf(planner: Planner, shard: number): number[] {
  const keys = planner.keys();
  const found: number[] = [];
  for (let key = 0; key < keys.count; key++) {
    if (keys.shard[key] === shard) found.push(keys.at[key] ?? 0);
  }
  return found;
}

/** LPOP, RPOP or SREM, whichever takes from the source what the command moves. */
function writeRemoval(
  shard: Shard, writer: PartWriter, { command, frame, call }: LedCommand,
): void {
  const isMember = command.name === 'smove';
  const isHead = frame.count > MEMBER_OR_END && command.name.endsWith('lmove') &&
    argumentText(frame, MEMBER_OR_END).toUpperCase() === 'LEFT';
  const name = isMember ? 'srem' : isHead ? 'lpop' : 'rpop';
  const removal = shard.engine.registry.commands.find((one) => one.name === name);
  assert(removal !== undefined, 'what moves an element away is a command');
  const names = isMember ? [NAME, SOURCE, MEMBER_OR_END] : [NAME, SOURCE];
  const removalCall = (call & ~CALL_COMMAND_MASK) | removal.index;
  writer.add(frame, removalCall, Int32Array.from(names), names.length, 0);
}

/** True when keys of other shards may need memory for what the command changes of them. */
export function mayGrow(reach: CommandReach): boolean {
  return reach.specs.some(({ isWrite, leads, spec }) =>
    isWrite && leads === 0 && !spec.effects.includes('delete'));
}
