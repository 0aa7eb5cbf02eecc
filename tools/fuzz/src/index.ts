/**
 * Fuzzing: can bytes or command streams break the engine? Targets in targets/, one registry, a
 * smoke run in CI and `pnpm fuzz` for longer hunts.
 */
export { fuzz, fuzzTargets } from './registry.ts';
export { Choices } from './target.ts';
export type { FuzzTarget } from './target.ts';
