/**
 * A worker's part in commands about the whole process (process-commands.ts). It is counted where it
 * was asked and nowhere else, so that INFO, which adds up what workers count, tells of one call.
 * A part that throws answers an internal error: it changes no data, so the shard goes on.
 */
import type { ArgFrame, Command, ReplyError, ReplySink } from '@kora/core';
import { replyErrors } from '@kora/core';
import type { Worker } from '../worker.ts';
import { PartClient } from './part-client.ts';
import type { ProcessRule } from './process-commands.ts';
import { processRuleOf } from './process-commands.ts';

export class ProcessParts {
  readonly client: PartClient;
  readonly #worker: Worker;
  /** By command index. */
  readonly #rules: readonly (ProcessRule | undefined)[];

  constructor(worker: Worker) {
    this.#worker = worker;
    this.client = new PartClient(worker);
    this.#rules = worker.executor.registry.commands.map(({ name }) => processRuleOf(name));
  }

  /** Whose part runs next. */
  setAsking(workerIndex: number, clientId: number): void {
    this.client.workerIndex = workerIndex;
    this.client.clientId = clientId;
  }

  /** True for a command that every worker carries out. */
  has(command: Command): boolean {
    return this.#rules[command.index] !== undefined;
  }

  /** The error by which this worker refuses the command in the frame, or null. */
  vote(command: Command, frame: ArgFrame, isOwn: boolean): ReplyError | null {
    const vote = this.#rules[command.index]?.vote;
    const error = vote?.(this.#worker.shard, frame) ?? null;
    if (error !== null && isOwn) {
      this.#worker.shard.stats.countCall(command.index);
      this.#countFailure(command, error);
    }
    return error;
  }

  /**
   * Runs this worker's part of the command in the frame and writes its answer.
   * @param clientId of the connection that asks; it is this worker's when `isOwn`
   */
  run(command: Command, frame: ArgFrame, out: ReplySink, clientId: number, isOwn: boolean): void {
    const { shard, sessions } = this.#worker;
    const { clock } = shard.platform;
    this.client.session = isOwn ? sessions.byId(clientId) ?? null : null;
    const errorsBefore = out.errorCount;
    if (command.name === 'config|set') this.#worker.mesh?.words.countChange(shard.index);
    const startUs = clock.monotonicUs();
    // What no client has asked for is not counted.
    const isCounted = isOwn && clientId !== 0;
    if (isCounted) shard.stats.countCall(command.index);
    this.#answer(command, frame, out);
    this.client.session = null;
    if (!isCounted) return;
    shard.timer.record(command, frame, clock.monotonicUs() - startUs, false);
    const error = out.errorCount === errorsBefore ? null : out.lastError;
    if (error !== null) this.#countFailure(command, error);
  }

  #answer(command: Command, frame: ArgFrame, out: ReplySink): void {
    const { shard } = this.#worker;
    const { progress } = out;
    try {
      const error = command.parse(frame);
      const answer = this.#rules[command.index]?.answer;
      if (error !== null) out.error(error);
      else if (answer === undefined) command.apply(shard, frame, out);
      else answer(shard, frame, out);
    } catch (cause) {
      shard.onUnexpectedError(cause, command.name, false);
      if (out.progress === progress) out.error(replyErrors.internal);
      else out.breakOff(replyErrors.internal);
    }
  }

  #countFailure({ index }: Command, error: ReplyError): void {
    const { stats } = this.#worker.shard;
    stats.failed[index] = (stats.failed[index] ?? 0) + 1;
    stats.countError(error.prefix);
  }
}
