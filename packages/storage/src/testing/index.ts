/**
 * The door of @kora/storage/testing: disks that fail, for tests of this and other packages. Nothing
 * of it is meant for production use.
 */
export { DelayedDisk } from '../disk/delayed-disk.ts';
export { SimulatedCrash, SimulatedFiles } from '../disk/simulated-files.ts';
export type { CrashKind } from '../disk/simulated-files.ts';
export { FrameCheck } from '../log/frame-check.ts';
export { LogRig, rigLog } from './log-rig.ts';
export type { LogRigOptions } from './log-rig.ts';
export { StoreRig } from './store-rig.ts';
