/**
 * A client of the scene of waiting: fills keys, waits for keys, and does to others what ends their
 * waits. At most one of its commands waits at a time; what it has sent behind that is answered
 * when the wait is over. Every reply is looked at when it comes: is it one that this command may
 * have, now? What it tells of elements goes to the ledger.
 */
import type { RandomSource } from '@kora/core/testing';
import type { Plan } from '../plan.ts';
import type { Reply } from '../reply.ts';
import { isError } from '../reply.ts';
import type { Place } from '../scene.ts';
import { TalkingClient } from '../talking-client.ts';
import { BlockingOp, QUEUED_KINDS } from './blocking-op.ts';
import type { Ledger } from './ledger.ts';
import type { Ask, WaitAsk, WaitWorkload } from './wait-workload.ts';
import { plain, takenIn } from './wait-workload.ts';

/** What all clients share. */
export interface WaitContext {
  readonly random: RandomSource;
  readonly plan: Plan;
  readonly workload: WaitWorkload;
  readonly ledger: Ledger;
  readonly trace: (line: () => string) => void;
  /** The next moment. */
  tick(): number;
  nowMs(): number;
  /** Somebody, maybe the client itself. */
  anybody(): WaitClient | undefined;
}

interface Request {
  readonly ask: Ask;
  readonly op: BlockingOp | null;
  readonly onReply: (reply: Reply) => string | null;
}

const nothingWrong = (): null => null;

export class WaitClient extends TalkingClient {
  /** As CLIENT ID says it. */
  readonly id: number;
  mayBeCut = false;
  /**
   * CLIENT UNBLOCKs of others for it: asked, those that said yes, waits that ended so, and waits
   * that ended so or with their time.
   */
  readonly unblocks = { asked: 0, done: 0, ended: 0, maybe: 0 };
  readonly #context: WaitContext;
  readonly #requests: Request[] = [];

  constructor(name: string, place: Place, id: number, context: WaitContext) {
    super(name, place, context.trace);
    this.id = id;
    this.#context = context;
  }

  /** The command that waits, or will when its turn comes. */
  get op(): BlockingOp | undefined {
    return this.#requests.find(({ op }) => op !== null)?.op ?? undefined;
  }

  get waitingCount(): number {
    const at = this.#requests.findIndex(({ op }) => op !== null);
    return at < 0 ? this.#requests.length : at;
  }

  get oldestWaiting(): string {
    return this.#requests[0]?.ask.words.join(' ').slice(0, 100) ?? 'nothing';
  }

  get mayAsk(): boolean {
    return !this.isGone && this.#requests.length === 0;
  }

  // ------------------------------------------------------------------ asking

  ask(): void {
    const { random, plan, workload } = this.#context;
    let hasWaited = false;
    for (let left = 1 + random.below(plan.pipelineMax); left > 0; left--) {
      const isLast = left === 1;
      if (random.chance(plan.vanishChance)) this.#disturb();
      else if (!hasWaited && random.chance(isLast ? 0.6 : 0.2)) {
        this.#wait(workload.waiting());
        hasWaited = true;
      } else {
        for (const ask of workload.change()) this.#send(ask, null, checkFor(ask));
      }
    }
    this.flush();
  }

  askFor(words: readonly string[], take: (reply: Reply) => void): void {
    this.#send(plain(words), null, (reply) => {
      take(reply);
      return null;
    });
    this.flush();
  }

  #wait(ask: WaitAsk): void {
    const { words, kind, keys, timeoutMs, takes } = ask;
    const op = new BlockingOp({
      client: this.name, words, kind, keys, timeoutMs, takesMax: takes?.countMax ?? 0,
      askedAt: this.#context.tick(),
    });
    const dueMs = this.#context.nowMs() + timeoutMs;
    this.#send(ask, op, (reply) => this.#checkWait(op, dueMs, reply));
  }

  /** Ends the wait of somebody, or of all. */
  #disturb(): void {
    const { random, plan } = this.#context;
    const kind = random.below(5);
    const whom = this.#context.anybody();
    if (kind < 2 && whom !== undefined) {
      const isError = random.chance(0.7);
      whom.unblocks.asked++;
      const words = ['CLIENT', 'UNBLOCK', String(whom.id), ...(isError ? ['ERROR'] : [])];
      this.#send(plain(words), null, (reply) => {
        if (reply === ':1') whom.unblocks.done++;
        return reply === ':1' || reply === ':0' ? null : '0 or 1 was to be answered';
      });
    } else if (kind === 2 && whom !== undefined && whom !== this && plan.stallChance > 0) {
      whom.mayBeCut = true;
      this.#send(plain(['CLIENT', 'KILL', 'ID', String(whom.id)]), null, nothingWrong);
    } else {
      const ms = String(1 + random.below(plan.clockStepMsMax * 2));
      const words = random.chance(0.5) ? ['CLIENT', 'UNPAUSE']
        : ['CLIENT', 'PAUSE', ms, random.chance(0.5) ? 'ALL' : 'WRITE'];
      this.#send(plain(words), null, nothingWrong);
    }
  }

  #send(ask: Ask, op: BlockingOp | null, onReply: Request['onReply']): void {
    this.write(ask.words);
    this.#requests.push({ ask, op, onReply });
  }

  // ------------------------------------------------------------------ hearing

  protected hear(reply: Reply): string | null {
    const { ledger } = this.#context;
    this.#context.tick();
    const request = this.#requests.shift();
    if (request === undefined) return 'it has not asked for this';
    const { ask, onReply } = request;
    ledger.add(ask.added(reply));
    ledger.take(takenIn(ask, reply));
    const wrong = onReply(reply);
    return wrong === null ? null : `${ask.words.join(' ')}: ${wrong}`;
  }

  /** What a command that waits may be answered. */
  #checkWait(op: BlockingOp, dueMs: number, reply: Reply): string | null {
    const { kind, timeoutMs } = op.asked;
    const { unblocks } = this;
    const wasUnblocked = unblocks.ended < unblocks.asked;
    if (isError(reply, 'UNBLOCKED client')) {
      unblocks.ended++;
      return wasUnblocked ? null : 'nobody has unblocked it';
    }
    if (isError(reply, '')) {
      const isGone = isError(reply, 'NOGROUP') || isError(reply, 'UNBLOCKED the stream');
      return kind === 'gone' && isGone ? null : 'this error has no reason';
    }
    if (reply === null) {
      if (timeoutMs > 0 && this.#context.nowMs() >= dueMs) {
        unblocks.maybe++;
        return null;
      }
      unblocks.ended++;
      return wasUnblocked ? null : 'its time is not over';
    }
    if (!QUEUED_KINDS.has(kind)) return null;
    const key = servedKey(op, reply);
    const passed = op.overtaken.find(({ asked: { keys } }) => keys.includes(key));
    return passed === undefined ? null
      : `${key} served it, and for that ${passed.toString()} has waited longer`;
  }

  /** It hears nothing more. */
  end(): void {
    const { ledger } = this.#context;
    for (const { ask: { adds, takes }, op } of this.#requests.splice(0)) {
      ledger.mayAdd(adds);
      if (takes !== null && op?.hasLeftFreely !== true) ledger.mayTake(takes.kind, takes.countMax);
    }
  }
}

/** Of a reply that has something: the key that it is of. */
function servedKey({ asked: { keys, words } }: BlockingOp, reply: Reply): string {
  if (/^B(LMOVE|RPOPLPUSH)$/.test(words[0] ?? '')) return keys[0] ?? '';
  let first = reply;
  while (first !== null && typeof first !== 'string') first = first[0] ?? null;
  return first?.slice(1) ?? '';
}

/** What a command that does not wait may be answered. */
function checkFor({ adds, words }: Ask): Request['onReply'] {
  if (adds.length === 0 || words[0] === 'RESTORE') return nothingWrong;
  return (reply) => (isError(reply, '') ? 'it cannot fail' : null);
}
