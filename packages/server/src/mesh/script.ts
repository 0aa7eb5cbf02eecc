/**
 * A transaction whose commands cannot all run at once: an EXEC with commands that one shard runs
 * for several, and SORT with patterns. Which shard does what in which round; all of it at one
 * moment, under the locks of all commands, and each command sees what those before it have done.
 *
 *   round   every shard finishes what it began, runs its parts of the commands up to the next that
 *           needs several rounds, and begins that: it lends, or says whether it can
 *   round   the leader runs that command, with what was lent
 *   round   as the first: those whose keys have changed settle that, and so on
 *
 * With SORT BY or GET the leader first names keys, and their owners lend them. A command that
 * cannot run is passed over everywhere: its error is its reply, and the others run. HELLO ends a
 * round, for what follows is answered in another version of RESP.
 * Rounds: two for each command that one shard runs for several, one more for the rest. What a shard
 * is told is in `words`; the commands of its part are counted in `next`.
 * Cost: O(commands + shards * rounds). Owner: the coordinator.
 */
import { assert } from '@kora/core';
import { Begin, Finish } from './script-words.ts';
import type { StepPlan } from './step-plan.ts';
import { isVersionChange, StepKind } from './step-plan.ts';

/** What the round under way is for. */
const Stage = Object.freeze({
  /** Commands run, the next one is begun. */
  Run: 0, Naming: 1, LendingNamed: 2, Leading: 3,
} as const);

/** What one shard does in the round under way. */
export class ShardRound {
  /** One of Finish, of the command `from`. */
  finish = 0;
  /** Index of a command of the shard's part. */
  from = 0;
  runCount = 0;
  /** One of Begin, of the command behind those. */
  begin = 0;
}

/** Some number of steps of which the replies are due. */
export class Script {
  readonly steps: readonly StepPlan[];
  /** By shard, for the round under way. */
  readonly words: readonly ShardRound[];
  /** Steps before this one are answered by the end of the round. */
  end = 0;
  /** The step that was begun, or that the leader runs, in this round; -1 = none. */
  current = -1;
  /** Somebody had no memory for what the leader needs, which it says. */
  isShort = false;
  #stage: number = Stage.Run;
  /** The step that all shards have agreed to; -1 = none. */
  #agreed = -1;
  /** By shard: commands of its part that are done or passed over. */
  readonly #done: number[];
  /** By shard: one of Finish, of the command before those. */
  readonly #unsettled: number[];

  constructor(steps: readonly StepPlan[], workerCount: number) {
    this.steps = steps;
    this.words = Array.from({ length: workerCount }, () => new ShardRound());
    this.#done = new Array<number>(workerCount).fill(0);
    this.#unsettled = new Array<number>(workerCount).fill(Finish.Nothing);
  }

  /** True in a round in which steps run and `current` is begun: a refusal of that is its reply. */
  get isBeginning(): boolean {
    return this.#stage === Stage.Run;
  }

  /** True in the round in which the leader runs `current`: its answer is the reply. */
  get isLeading(): boolean {
    return this.#stage === Stage.Leading;
  }

  /** Everything has run. */
  get isOver(): boolean {
    return this.end === this.steps.length && this.current < 0 &&
      this.#unsettled.every((finish) => finish === Finish.Nothing);
  }

  /**
   * Plans the next round. With a result of 0 and not over, nobody has anything to do and it is
   * asked again: the steps before `end` are answered without shards.
   * @param refused mask of the shards that could not begin `current`
   * @param told mask of the shards about whose keys the leader has said something
   * @returns mask of the shards that do something
   */
  next(refused: number, told: number): number {
    for (const word of this.words) {
      word.finish = Finish.Nothing;
      word.runCount = 0;
      word.begin = Begin.Nothing;
    }
    switch (this.#stage) {
      case Stage.Naming:
        if (refused === 0 && told !== 0) return this.#lendNamed(told);
        this.isShort = refused !== 0;
        return this.#lead();
      case Stage.LendingNamed:
        this.isShort = refused !== 0;
        return this.#lead();
      case Stage.Leading:
        this.#noteChanges(told);
        return this.#run();
      default:
        return this.#afterRun(refused);
    }
  }

  #afterRun(refused: number): number {
    const step = this.steps[this.current];
    if (step === undefined) return this.#run();
    if (refused !== 0) {
      this.#passOver(step);
      return this.#run();
    }
    if (step.kind === StepKind.Asked) {
      this.#agreed = this.current;
      return this.#run();
    }
    return step.kind === StepKind.Staged ? this.#name(step) : this.#lead();
  }

  /** The shards' parts of a step are behind them. */
  #passOver(step: StepPlan): void {
    for (let left = step.shards; left !== 0; left &= left - 1) {
      const shard = lowest(left);
      this.#done[shard] = (this.#done[shard] ?? 0) + 1;
    }
    this.end = this.current + 1;
  }

  /** Who has to settle something does, then the steps run that need one round, and one is begun. */
  #run(): number {
    this.#stage = Stage.Run;
    this.current = -1;
    this.isShort = false;
    let mask = this.#finish();
    for (; this.end < this.steps.length; this.end++) {
      const step = this.steps[this.end];
      assert(step !== undefined, 'steps have no holes');
      if (step.kind > StepKind.Plain && this.end !== this.#agreed) {
        this.current = this.end;
        return mask | this.#begin(step);
      }
      for (let left = step.shards; left !== 0; left &= left - 1) {
        const shard = lowest(left);
        this.#wordOf(shard).runCount++;
        this.#done[shard] = (this.#done[shard] ?? 0) + 1;
      }
      mask |= step.shards;
      if (isVersionChange(step)) {
        this.end++;
        break;
      }
    }
    return mask;
  }

  /** Points every shard at what it does first. @returns mask of those that have to settle */
  #finish(): number {
    let mask = 0;
    for (const [shard, word] of this.words.entries()) {
      const done = this.#done[shard] ?? 0;
      word.finish = this.#unsettled[shard] ?? 0;
      word.from = done;
      if (word.finish === Finish.Nothing) continue;
      word.from = done - 1;
      mask |= 1 << shard;
      this.#unsettled[shard] = Finish.Nothing;
    }
    return mask;
  }

  #begin({ kind, shards, lenders, mayGrow }: StepPlan): number {
    if (kind === StepKind.Asked) return this.#tell(shards, Begin.Ask);
    if (kind === StepKind.Moved) return this.#tell(lenders, Begin.LendElement);
    return this.#tell(lenders, mayGrow ? Begin.LendToGrow : Begin.Lend);
  }

  #tell(shards: number, begin: number): number {
    for (let left = shards; left !== 0; left &= left - 1) this.#wordOf(lowest(left)).begin = begin;
    return shards;
  }

  #name({ leader }: StepPlan): number {
    this.#stage = Stage.Naming;
    this.#wordOf(leader).from = this.#done[leader] ?? 0;
    return this.#tell(1 << leader, Begin.NameKeys);
  }

  #lendNamed(owners: number): number {
    this.#stage = Stage.LendingNamed;
    for (const [shard, word] of this.words.entries()) word.from = this.#done[shard] ?? 0;
    return this.#tell(owners, Begin.LendNamed);
  }

  #lead(): number {
    const step = this.steps[this.current];
    assert(step !== undefined && step.leader >= 0, 'a step that is led has a leader');
    this.#stage = Stage.Leading;
    const { leader } = step;
    const word = this.#wordOf(leader);
    word.from = this.#done[leader] ?? 0;
    word.finish = Finish.Lead;
    this.#passOver(step);
    return 1 << leader;
  }

  /** The leader has run: these shards have to carry out what it changed. */
  #noteChanges(told: number): void {
    const step = this.steps[this.current];
    assert(step !== undefined, 'what was led is a step');
    const finish = step.kind === StepKind.Moved ? Finish.TakeAway : Finish.Settle;
    for (let left = told; left !== 0; left &= left - 1) this.#unsettled[lowest(left)] = finish;
  }

  #wordOf(shard: number): ShardRound {
    const word = this.words[shard];
    assert(word !== undefined, 'a step is of shards of this mesh');
    return word;
  }
}

/** The lowest shard of a mask. */
function lowest(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}
