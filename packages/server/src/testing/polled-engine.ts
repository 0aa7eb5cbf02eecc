/**
 * Drives a loop engine from the event loop of the test, a turn at a time, so that the same tests
 * can look into a server on any engine. Which one is said by KORA_TEST_IO: node (the default),
 * epoll or uring.
 */
import { withLoopEngine } from '../io/choose-engine.ts';
import type { IoEngine, LoopEngine } from '../io/engine.ts';
import { NodeEngine } from '../io/node-engine.ts';

/** The engine under test. */
export const TEST_IO = process.env['KORA_TEST_IO'] ?? 'node';

/** A new engine of the kind under test, for one server of this thread. */
export function openTestEngine(): IoEngine {
  if (TEST_IO === 'node') return new NodeEngine();
  if (TEST_IO !== 'epoll' && TEST_IO !== 'uring') throw new Error(`no engine ${TEST_IO}`);
  const engine = withLoopEngine(TEST_IO, (chosen) => polled(chosen.engine));
  if (typeof engine === 'string') throw new Error(engine);
  return engine;
}

/** The engine takes its turns between those of the event loop, from its start to its stop. */
export function polled(engine: LoopEngine): LoopEngine {
  const start = engine.start.bind(engine);
  const poll = (): void => {
    if (engine.turn(false)) setImmediate(poll);
  };
  engine.start = (memory, handler) => {
    start(memory, handler);
    setImmediate(poll);
  };
  return engine;
}
