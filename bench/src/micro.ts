/**
 * `pnpm bench:micro`: the inside of a shard without a socket: first the dict alone at 1 M keys,
 * then the embedded engine's methods. Each part is a program of its own and can be run alone.
 */
import './micro-dict.ts';
import './embedded.ts';
