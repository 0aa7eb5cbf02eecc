/**
 * A program that prints which I/O engines this machine offers, as JSON: names with an empty text,
 * or with the reason why not. `npm test` and `.ci/run` ask it which suites have to run.
 * Each engine is opened and given back, nothing is listened on.
 */
import { withLoopEngine } from './io/choose-engine.ts';

function refusalOf(io: 'uring' | 'epoll'): string {
  const outcome = withLoopEngine(io, ({ engine }) => {
    engine.stop();
    return { isThere: true };
  });
  return typeof outcome === 'string' ? outcome : '';
}

const offered = { uring: refusalOf('uring'), epoll: refusalOf('epoll'), node: '' };
process.stdout.write(`${JSON.stringify(offered)}\n`);
