/**
 * Which I/O engine a server gets, and why, in one line for INFO and the log. `auto` is io_uring,
 * else epoll, else node:net. The first two have a loop of their own and run on the shard's thread,
 * where they are opened: a ring belongs to the thread that made it.
 */
import { AssertionError, Fault } from '@kora/core';
import type { IoChoice } from '../options.ts';
import type { LoopEngine } from './engine.ts';
import { openEpoll } from './epoll/epoll-engine.ts';
import { openUring } from './uring/uring-engine.ts';

/** What the thread of a shard may be asked for. */
export type LoopChoice = Exclude<IoChoice, 'node'>;

/** A kind of engine with a loop of its own. */
export interface LoopEngineKind {
  readonly choice: LoopChoice;
  /** Name for people. */
  readonly shown: string;
  /** Opens one, or says on one line why it cannot be had. */
  readonly open: () => LoopEngine | string;
}

/** Best first. */
const LOOP_ENGINES: readonly LoopEngineKind[] = Object.freeze([
  { choice: 'uring', shown: 'io_uring', open: openUring },
  { choice: 'epoll', shown: 'epoll', open: openEpoll },
]);

/** A loop engine that was had, not started yet. */
export interface ChosenEngine {
  readonly engine: LoopEngine;
  readonly reason: string;
}

/** An engine that could not be had, and why. */
interface Refusal {
  readonly shown: string;
  readonly why: string;
}

/**
 * Opens the engine for `--io` in this thread and puts it to use; the next best when it cannot be
 * opened or started.
 * @param use starts it, throws when it cannot; a Fault or a broken invariant is no reason to try
 *   another engine
 * @param kinds those to choose from, best first; others for tests only
 * @returns what `use` gave, or on one line why no engine can be had
 */
export function withLoopEngine<Used>(
  choice: LoopChoice, use: (chosen: ChosenEngine) => Used,
  kinds: readonly LoopEngineKind[] = LOOP_ENGINES,
): Used | string {
  const refusals: Refusal[] = [];
  for (const { choice: name, shown, open } of kinds) {
    if (choice !== 'auto' && choice !== name) continue;
    const engine = open();
    if (typeof engine === 'string') {
      refusals.push({ shown, why: engine });
      continue;
    }
    try {
      return use({ engine, reason: reasonFor(choice, name, refusals) });
    } catch (cause) {
      engine.stop();
      if (!isReasonForAnother(cause)) throw cause;
      refusals.push({ shown, why: cause.message });
    }
  }
  return textOf(refusals);
}

function isReasonForAnother(cause: unknown): cause is Error {
  return cause instanceof Error && !(cause instanceof Fault || cause instanceof AssertionError);
}

function reasonFor(choice: LoopChoice, name: string, refusals: readonly Refusal[]): string {
  if (choice !== 'auto') return 'asked for';
  return refusals.length === 0 ? 'the fastest here' : `${textOf(refusals)}, so ${name}`;
}

/** What all have in common is said once, and of a single one its name is known. */
function textOf(refusals: readonly Refusal[]): string {
  const reasons = new Set(refusals.map(({ why }) => why));
  if (reasons.size === 1 && refusals.length > 1) return [...reasons].join('');
  return refusals.map(({ shown, why }) => `${shown}: ${why}`).join('; ');
}
