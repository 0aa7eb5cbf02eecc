/**
 * A target that must fail: it holds a false promise, which random input disproves within a few
 * rounds. When it does not fail, the harness runs nothing, and all other results mean nothing.
 */
import { Choices } from '../target.ts';
import type { FuzzTarget } from '../target.ts';

export const canary: FuzzTarget = {
  name: 'canary',
  promise: 'false on purpose: no random byte is ever 7',
  smokeRounds: 2000,
  mustFail: true,
  run(seed) {
    if (new Choices(seed).below(256) === 7) throw new Error('a byte is 7');
  },
};
