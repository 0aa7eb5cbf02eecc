/**
 * The simulator: production workers in one thread under a scheduler, a clock and a network that are
 * drawn from a seed, and checkers of what they promise. `pnpm simulate` runs seeds.
 */
export { brokenVariants } from './broken-variants.ts';
export type { BrokenVariant } from './broken-variants.ts';
export { sceneNames, simulationOf } from './scenes.ts';
export { Simulation } from './simulation.ts';
export type { Outcome, SimulationOptions } from './simulation.ts';
