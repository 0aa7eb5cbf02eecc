/**
 * A shard's side of multi-shard transactions: what it does with intents once they are granted, and
 * with the coordinator's words about them. Rings, direct calls and the simulator drive it alike.
 *
 *   Granted ─ RunAndRelease ─▶ prepare ─▶ run ─▶ answer, gone     refused: answer, gone
 *           ├ RunAtGrant ────▶ run ─▶ answer, gone
 *           └ Prepare ───────▶ prepare ─▶ answer ─▶ onRun (again and again) ─▶ answer
 *                                  │                  └ with thenRelease: answer, gone
 *                                  └──▶ onAbort, onRelease: gone
 *
 * Every intent and every onRun is answered once; onRelease and onAbort are not answered. Who held
 * back nothing in `prepare` has nothing to give back in `abort`. Cost: O(1) beside the host's work.
 */
import { assert } from '../assert.ts';
import type { Intent, IntentHost, IntentQueue } from './intent-queue.ts';
import { IntentForm } from './intent-queue.ts';

/** What the shard's host does for its parts. */
export interface ParticipantPort<Payload> {
  /**
   * Checks that the part can run and reserves what it needs, so that `run` cannot fail. Nothing is
   * changed. False: it cannot; why goes with the answer.
   */
  prepare(intent: Intent<Payload>): boolean;
  /**
   * Runs the part, or its next step; what came of it goes with the answer. False: it had to refuse
   * after all and changed nothing (the destination of a move has no room).
   */
  run(intent: Intent<Payload>): boolean;
  /** The transaction does not happen, or no more of it here: gives back what prepare reserved. */
  abort(intent: Intent<Payload>): void;
  /**
   * Sends the answer to the intent's coordinator; on the coordinator's own shard that is a call,
   * inside which the next words may come back at once.
   */
  answer(intent: Intent<Payload>, isAccepted: boolean): void;
}

export class Participant<Payload> implements IntentHost<Payload> {
  readonly #port: ParticipantPort<Payload>;
  #intents: IntentQueue<Payload> | null;

  constructor(port: ParticipantPort<Payload>) {
    this.#port = port;
    this.#intents = null;
  }

  /** The queue whose host this is; once, before the first intent. */
  bind(intents: IntentQueue<Payload>): void {
    assert(this.#intents === null, 'a participant has one queue');
    this.#intents = intents;
  }

  /** @internal from the queue */
  onGranted(intent: Intent<Payload>): void {
    const { form } = intent;
    if (form === IntentForm.Prepare) {
      this.#port.answer(intent, this.#port.prepare(intent));
    } else if (form === IntentForm.RunAtGrant) {
      const hasRun = this.#port.run(intent);
      assert(hasRun, 'a part that cannot fail does not');
      this.#answerAndRelease(intent, true);
    } else {
      const isPrepared = this.#port.prepare(intent);
      const hasRun = isPrepared && this.#port.run(intent);
      if (!hasRun) this.#port.abort(intent);
      this.#answerAndRelease(intent, hasRun);
    }
  }

  /** The coordinator has all votes: run (the next step of) this part. */
  onRun(coordinator: number, handle: number, thenRelease: boolean): void {
    const intent = this.#queue().find(coordinator, handle);
    const hasRun = this.#port.run(intent);
    if (!thenRelease) {
      this.#port.answer(intent, hasRun);
      return;
    }
    if (!hasRun) this.#port.abort(intent);
    this.#answerAndRelease(intent, hasRun);
  }

  /** All parts have run: the locks may go. */
  onRelease(coordinator: number, handle: number): void {
    const intents = this.#queue();
    intents.release(intents.find(coordinator, handle));
  }

  /** Somebody refused: this part does not happen. */
  onAbort(coordinator: number, handle: number): void {
    const intents = this.#queue();
    const intent = intents.find(coordinator, handle);
    this.#port.abort(intent);
    intents.release(intent);
  }

  /** The handle is the coordinator's again from the moment it has this answer. */
  #answerAndRelease(intent: Intent<Payload>, isAccepted: boolean): void {
    const intents = this.#queue();
    intents.forget(intent);
    this.#port.answer(intent, isAccepted);
    intents.release(intent);
  }

  #queue(): IntentQueue<Payload> {
    const intents = this.#intents;
    assert(intents !== null, 'the participant is bound to its queue');
    return intents;
  }
}
