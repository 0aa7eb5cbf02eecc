/**
 * The scenes that seeds are run of, by name: what is played, and how a seed shapes it.
 */
import { CachingScene, cachePlanOf } from './caching/caching-scene.ts';
import { PublishingScene, publishPlanOf } from './publishing/publishing-scene.ts';
import type { SimulationOptions } from './simulation.ts';
import { Simulation } from './simulation.ts';
import { waitPlanOf } from './waiting/wait-plan.ts';
import { WaitingScene } from './waiting/waiting-scene.ts';

/** By name; those without options are the simulation's own. */
const scenes: Readonly<Record<string, SimulationOptions>> = {
  keys: {},
  waiting: { plan: waitPlanOf, scene: (stage) => new WaitingScene(stage) },
  publishing: { plan: publishPlanOf, scene: (stage) => new PublishingScene(stage) },
  caching: { plan: cachePlanOf, scene: (stage) => new CachingScene(stage) },
};

/** All of them. */
export const sceneNames: readonly string[] = Object.keys(scenes);

/** The simulation of a scene. Throws for a name that is none. */
export function simulationOf(name: string, options: SimulationOptions = {}): Simulation {
  const scene = scenes[name];
  if (scene === undefined) {
    throw new Error(`there is no scene ${name}; there are ${sceneNames.join(', ')}`);
  }
  return new Simulation({ ...scene, ...options });
}
