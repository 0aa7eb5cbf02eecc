/**
 * Room for V8 to inline. A command passes some forty short functions in a few files; in a pipeline
 * most of its time is theirs. With V8's own bounds the compiler stops in the middle of such a
 * chain and leaves calls, with more bounds everything between parser and reply becomes three or
 * four functions.
 * Measured on 2026-11-21 (Node 20.20, 2.5 GHz Xeon, P=16, server's CPU): SET -7 %, GET -6 to -9 %
 *   with one worker and with two; twice this room brings no more (docs/internals/hot-path.md).
 * Cost: 0.2 s of CPU a worker, once, since more is compiled. The flags are those of the process, so
 *   only the program sets them, before anything of the server runs; a library leaves them to its
 *   program.
 */
import { setFlagsFromString } from 'node:v8';

/** Bytecode that one function may take in, and that one call may bring; V8 has 920 and 460. */
export const INLINING_FLAGS: readonly string[] = [
  '--max-inlined-bytecode-size-cumulative=3680',
  '--max-inlined-bytecode-size=920',
];

/** Gives the compiler of this process, all of its threads, more room. */
export function widenInlining(): void {
  for (const flag of INLINING_FLAGS) setFlagsFromString(flag);
}
