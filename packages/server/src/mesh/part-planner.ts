/**
 * From commands to the parts of a transaction: which shards run them, with which arguments, under
 * which locks. Commands are added in order; what several shards share is cut by its keys.
 */
import type { ArgFrame, ClientState, Command, CommandReach, Planner, Shard } from '@kora/core';
import {
  AcrossShards, argumentText, argumentTexts, ArgumentSplitter, assert, Course, KEY_BYTES_MAX,
  readCursor, shardOfCursor, WholeLock,
} from '@kora/core';
import { Session } from '../session.ts';
import { ledKindOf, lendersOf, mayGrow, writeLedParts } from './led-plan.ts';
import type { KeyShards } from './merge-replies.ts';
import { CALL_UNCOUNTED } from './message-kinds.ts';
import type { PartBlock } from './part-block.ts';
import { PART_EVENTS, PART_RESP3, PART_SCRIPT, PartWriter } from './part-block.ts';
import type { ProcessRule } from './process-commands.ts';
import { processRuleOf } from './process-commands.ts';
import type { StepPlan } from './step-plan.ts';
import { StepKind } from './step-plan.ts';

const NO_NAMES: readonly string[] = Object.freeze([]);
const NO_KEYS: KeyShards = Object.freeze({ count: 0, shard: new Uint8Array(0) });

const PLAIN = Object.freeze({
  kind: StepKind.Plain, keys: NO_KEYS, eventKeys: NO_NAMES, leader: -1, lenders: 0,
  mayGrow: false, process: null,
});

export class PartPlanner {
  readonly #shard: Shard;
  readonly #planner: Planner;
  readonly #splitter: ArgumentSplitter;
  readonly #writers: readonly PartWriter[];
  #indices = new Int32Array(256);
  /** Whose commands are planned. */
  #client: ClientState | null = null;
  /** Events of the key space are heard: what several shards run goes in steps. */
  #hearsEvents = false;

  constructor(shard: Shard, planner: Planner, workerCount: number) {
    this.#shard = shard;
    this.#planner = planner;
    this.#splitter = new ArgumentSplitter(workerCount);
    this.#writers = Array.from({ length: workerCount }, () => new PartWriter(shard));
  }

  /**
   * Begins the parts of one transaction of the session.
   * @param flags PART_EXEC, PART_WATCHES, PART_EVENTS
   */
  start(session: Session, flags: number): void {
    this.#hearsEvents = (flags & PART_EVENTS) !== 0;
    this.#planner.start();
    this.#client = session;
    const resp3 = session.resp === 3 ? PART_RESP3 : 0;
    for (const writer of this.#writers) {
      writer.start(flags | resp3, session.id, this.#shard.nowMs);
    }
  }

  /** True when the session's command in the frame is about the whole process. */
  isOfProcess(command: Command, session: Session, frame: ArgFrame): boolean {
    this.#client = session;
    return this.#ruleOf(command, frame) !== undefined;
  }

  /** The rule of a command about the process, undefined for others and for what is here alone. */
  #ruleOf(command: Command, frame: ArgFrame): ProcessRule | undefined {
    const rule = processRuleOf(command.name);
    const client = this.#client;
    if (rule?.concerns === undefined || client === null) return rule;
    return rule.concerns(this.#shard, client, frame) ? rule : undefined;
  }

  /**
   * Plans the command in the frame and adds it to the parts of its shards.
   * @param isAlone it is no command of an EXEC
   * @returns its step, of no shard when it concerns none or does not fit
   */
  add(command: Command, frame: ArgFrame, call: number, isAlone: boolean): StepPlan {
    if (command.name === 'scan') return this.#addScanOfExec(command, frame, call);
    const planner = this.#planner;
    const reach = planner.reachOf(command);
    if (this.#isOfNode && isOfDatabase(command, reach)) return this.#addOwn(command, frame, call);
    const fits = command.parse(frame) === null && planner.add(command, frame);
    const rule = fits ? this.#ruleOf(command, frame) : undefined;
    if (rule !== undefined) return this.#addToAll(rule, command, frame, call, isAlone);
    const isHere = !fits || planner.commandShards === 0 || this.#hasLongKey(frame);
    if (isHere) return { ...PLAIN, command, kind: StepKind.Here, shards: 0, reach: null };
    const { commandShards } = planner;
    const isOne = (commandShards & (commandShards - 1)) === 0;
    const { kind } = reach;
    const isWhole = kind === AcrossShards.Everywhere || kind === AcrossShards.Scatter;
    const isSplit = !isWhole && (!isOne || command.name === 'watch');
    const hasParts = kind === AcrossShards.Independent || kind === AcrossShards.Conditional;
    if (isSplit && !hasParts) return this.#addLed(command, reach, frame, call, isAlone);
    const keys = isSplit ? this.#split(reach, frame) : NO_KEYS;
    this.#write(frame, call, commandShards, isSplit);
    // What votes when it is alone is asked within EXEC: half of it may not happen.
    const isAsked = isSplit && reach.course === Course.Voted &&
      (!isAlone || (this.#hearsEvents && command.name !== 'watch'));
    const stepKind = isAsked ? StepKind.Asked : StepKind.Plain;
    const eventKeys = isSplit && this.#hearsEvents ? this.#keyTexts(frame) : NO_NAMES;
    return { ...PLAIN, command, kind: stepKind, shards: commandShards, keys, eventKeys, reach };
  }

  /**
   * Plans the command in the frame, which waits for keys: every shard of those gets all of it.
   * @param asking its arguments, and who waits
   */
  addWaiting(command: Command, frame: ArgFrame, asking: ArgFrame, call: number): StepPlan {
    const planner = this.#planner;
    const reach = planner.reachOf(command);
    const fits = command.parse(frame) === null && planner.add(command, frame);
    if (!fits || this.#hasLongKey(frame)) {
      return { ...PLAIN, command, kind: StepKind.Here, shards: 0, reach: null };
    }
    const { commandShards } = planner;
    this.#write(asking, call, commandShards, false);
    return { ...PLAIN, command, shards: commandShards, reach };
  }

  /** A command that one shard runs with what others lend it. */
  #addLed(
    command: Command, reach: CommandReach, frame: ArgFrame, call: number, isAlone: boolean,
  ): StepPlan {
    const planner = this.#planner;
    const { commandShards: shards, leader, hasUnknownKeys } = planner;
    assert(leader >= 0, 'a command that cannot be split has a leader');
    const kind = ledKindOf(reach, hasUnknownKeys);
    const grows = mayGrow(reach);
    const isInScript = !isAlone || kind === StepKind.Staged || this.#hearsEvents;
    writeLedParts(this.#shard, planner, this.#writers, {
      command, frame, call, kind, mayGrow: grows, isInScript,
    });
    const lenders = lendersOf(planner);
    return { ...PLAIN, command, kind, shards, reach, leader, lenders, mayGrow: grows };
  }

  /** SCAN of an EXEC: the shard of its cursor and all behind it, at one moment. */
  #addScanOfExec(command: Command, frame: ArgFrame, call: number): StepPlan {
    const isFit = command.parse(frame) === null;
    const cursor = isFit ? readCursor(frame.memory.low, frame.at[1] ?? 0, frame.bytes[1] ?? 0) : 0;
    const first = shardOfCursor(cursor);
    const { count } = this.#shard;
    if (!isFit || first >= count) {
      return { ...PLAIN, command, kind: StepKind.Here, shards: 0, reach: null };
    }
    const behind = (2 ** count - 1) & ~((1 << first) - 1);
    return this.addScan(command, frame, call, this.#isOfNode ? 1 << this.#shard.index : behind);
  }

  /** The client has come in by the port of this worker alone. */
  get #isOfNode(): boolean {
    return this.#client instanceof Session && this.#client.isOfNode;
  }

  /** A command about a whole database of a client that speaks to this worker alone. */
  #addOwn(command: Command, frame: ArgFrame, call: number): StepPlan {
    if (command.parse(frame) !== null) {
      return { ...PLAIN, command, kind: StepKind.Here, shards: 0, reach: null };
    }
    const reach = this.#planner.reachOf(command);
    const isWrite = reach.kind === AcrossShards.Everywhere;
    const shards = 1 << this.#shard.index;
    this.#planner.addShards(shards, isWrite ? WholeLock.Exclusive : WholeLock.Shared);
    this.#write(frame, call, shards, false);
    return { ...PLAIN, command, shards, reach };
  }

  /** Plans the SCAN in the frame for the shards of a mask. */
  addScan(command: Command, frame: ArgFrame, call: number, shards: number): StepPlan {
    this.#planner.addShards(shards, WholeLock.Shared);
    this.#write(frame, call, shards, false);
    return { ...PLAIN, command, shards, reach: this.#planner.reachOf(command) };
  }

  /** A command about the process: all workers run it as it is. */
  #addToAll(
    rule: ProcessRule, command: Command, frame: ArgFrame, call: number, isAlone: boolean,
  ): StepPlan {
    const planner = this.#planner;
    planner.addEverywhere(rule.whole);
    // An EXEC that is refused has done nothing.
    if (isAlone) rule.early?.(this.#shard);
    const { commandShards } = planner;
    this.#write(frame, call, commandShards, false);
    const only = this.#isOfNode ? this.#shard.index : -1;
    const process = { rule, words: argumentTexts(frame, 0), only };
    const reach = planner.reachOf(command);
    return { ...PLAIN, command, shards: commandShards, reach, process };
  }

  /** Keys that no shard takes: the executor says so. */
  #hasLongKey(frame: ArgFrame): boolean {
    const { at, count } = this.#planner.keys();
    for (let key = 0; key < count; key++) {
      if ((frame.bytes[at[key] ?? 0] ?? 0) > KEY_BYTES_MAX) return true;
    }
    return false;
  }

  /** The keys of the command added last. */
  #keyTexts(frame: ArgFrame): string[] {
    const { at, count } = this.#planner.keys();
    return Array.from({ length: count }, (_, key) => argumentText(frame, at[key] ?? 0));
  }

  #split(reach: CommandReach, frame: ArgFrame): KeyShards {
    const planned = this.#planner.keys();
    this.#splitter.split(reach, frame.count, planned);
    return { count: planned.count, shard: planned.shard.slice(0, planned.count) };
  }

  #write(frame: ArgFrame, call: number, shards: number, isSplit: boolean): void {
    if (this.#indices.length < frame.count + 1) this.#indices = new Int32Array(frame.count * 2);
    const indices = this.#indices;
    for (const [shard, writer] of this.#writers.entries()) {
      if ((shards & (1 << shard)) === 0) continue;
      let { count } = frame;
      if (isSplit) count = this.#splitter.copyArguments(shard, indices);
      else for (let i = 0; i < count; i++) indices[i] = i;
      // Counted once, by the part of the lowest shard.
      const isCounted = (shards & ((1 << shard) - 1)) === 0;
      const keyCount = isSplit ? this.#splitter.keyCount(shard) : 0;
      writer.add(frame, isCounted ? call : call | CALL_UNCOUNTED, indices, count, keyCount);
    }
  }

  /** The parts run in steps. */
  markScript(): void {
    for (const writer of this.#writers) writer.mark(PART_SCRIPT);
  }

  /** Ends the plan; the planner then says which shards it concerns. */
  plan(): void {
    this.#planner.finish();
  }

  /**
   * Ends the parts of a plan that has ended.
   * @param shards mask of those that take part
   * @returns one for each of them, null where memory is short or it is too long; null for others
   */
  build(shards: number): (PartBlock | null)[] {
    return this.#writers.map((writer, shard) => {
      if ((shards & (1 << shard)) !== 0) return writer.finish(this.#planner, shard);
      writer.drop();
      return null;
    });
  }

  /** Gives up what was begun. */
  drop(): void {
    for (const writer of this.#writers) writer.drop();
  }

  free(part: PartBlock): void {
    this.#shard.memory.lowAllocator.free(part.ref);
  }
}

/** True for what a node of a cluster does for its part: FLUSHALL, DBSIZE, KEYS... not SWAPDB. */
function isOfDatabase({ name }: Command, { kind }: CommandReach): boolean {
  return (kind === AcrossShards.Everywhere && name !== 'swapdb') || kind === AcrossShards.Scatter;
}
