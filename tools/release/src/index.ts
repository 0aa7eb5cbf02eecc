/**
 * What a release is tried with: packing as it would be published, and the README as its user.
 */
export { firstExample } from './readme-example.ts';
export { packPackage, packInstalled, runtimeClosure } from './packing.ts';
export type { PublishedPackage } from './packing.ts';
