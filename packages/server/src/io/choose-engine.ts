/**
 * Which I/O engine a server gets, and why. One is built so far; what an option may ask for is
 * checked before.
 */
import type { IoChoice } from '../options.ts';
import type { IoEngine } from './engine.ts';
import { NodeEngine } from './node-engine.ts';

/** The engine for `--io`. */
export function chooseEngine(choice: IoChoice): IoEngine {
  return new NodeEngine(choice === 'node' ? 'asked for' : 'the only engine built so far');
}
