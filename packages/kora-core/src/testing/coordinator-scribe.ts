/**
 * A port of a coordinator that writes down what is sent, in words that tests compare: whose part,
 * in which form, and when places were published. Answers are given by the test, as rings would
 * bring them; the own shard, 0, may answer inside the send, as it does in production.
 */
import { assert } from '../assert.ts';
import type { CoordinatorPort, Transaction } from '../transaction/coordinator.ts';
import { Coordinator } from '../transaction/coordinator.ts';

type Sent = Transaction<string, string>;

/** By IntentForm. */
const FORM_NAMES = ['', 'prepare', 'run at grant', 'run and release'];

export class CoordinatorScribe implements CoordinatorPort<string, string> {
  readonly coordinator = new Coordinator<string, string>({ workerCount: 4, self: 0, port: this });
  /** `work outcome replies`, in the order in which they were decided. */
  readonly finished: string[] = [];
  /** Places that the order gives before it is busy. */
  placesLeft = Infinity;
  /** True: `begin` does not end the turn, so nothing has its place before `sequence`. */
  isTurnOpen = false;
  /** The own shard answers its intents with this inside the send; null: the test does. */
  ownVote: boolean | null = null;
  /** The last agent may run at its intent. */
  canRunAtOnce = true;
  /** Masks of the rounds to come. */
  rounds: number[] = [];
  /** Called at the end of each transaction, with its work. */
  onEnd: (work: string) => void = () => undefined;
  readonly #log: string[] = [];
  readonly #handles = new Map<string, number>();
  #number = 0;

  trySequence(transaction: Sent): boolean {
    if (this.placesLeft === 0) return false;
    this.placesLeft--;
    transaction.number = ++this.#number;
    this.#handles.set(transaction.work ?? '', transaction.handle);
    return true;
  }

  publish(): void {
    this.#log.push('publish');
  }

  mayRunAtOnce(): boolean {
    return this.canRunAtOnce;
  }

  sendIntent(transaction: Sent, shard: number, form: number): void {
    this.#log.push(`${shard} ${FORM_NAMES[form]}`);
    if (shard === 0 && this.ownVote !== null) {
      this.coordinator.onAnswer(transaction.handle, 0, this.ownVote, 'own vote');
    }
  }

  sendRun(_: Sent, shard: number, thenRelease: boolean): void {
    this.#log.push(`${shard} run${thenRelease ? ' and release' : ''}`);
  }

  sendRelease(_: Sent, shard: number): void {
    this.#log.push(`${shard} release`);
  }

  sendAbort(_: Sent, shard: number): void {
    this.#log.push(`${shard} abort`);
  }

  nextRound(): number {
    return this.rounds.shift() ?? 0;
  }

  onFinished({ work, refused, replies, isAbandoned }: Sent): void {
    const outcome = refused === 0 ? 'done' : `refused by ${refused}`;
    const told = replies.filter((reply) => reply !== null).join('|');
    this.finished.push(`${work} ${outcome} ${told}${isAbandoned ? ' for nobody' : ''}`);
    this.onEnd(work ?? '');
  }

  /** Begins a transaction of one lock, and ends the turn unless it is kept open. */
  begin(work: string, shards: number, course: number, leader = -1): boolean {
    const hasBegun = this.coordinator.begin(shards, course, leader, 1, work);
    if (!this.isTurnOpen) this.coordinator.sequence();
    return hasBegun;
  }

  answer(work: string, shard: number, isAccepted = true, reply = `r${shard}`): void {
    this.coordinator.onAnswer(this.#handleOf(work), shard, isAccepted, reply);
  }

  transaction(work: string): Sent {
    return this.coordinator.find(this.#handleOf(work));
  }

  /** Works that have their place, in order. */
  placed(): string[] {
    return [...this.#handles.keys()];
  }

  /** What was sent since the last question. */
  sent(): string[] {
    return this.#log.splice(0);
  }

  #handleOf(work: string): number {
    const handle = this.#handles.get(work);
    assert(handle !== undefined, 'the transaction has its place');
    return handle;
  }
}
