/**
 * The door of @kora/server/testing: what tests and benchmarks of this and other packages share.
 * Nothing of it is meant for production use, and nothing in the server imports it.
 */
export { Limits } from '../limits.ts';
export { Pipeline } from '../pipeline.hot.ts';
export { Worker } from '../worker.ts';
export { TICK_MS } from '../io/engine.ts';
export { NoteTopic } from '../mesh/note-topics.ts';
export { PipelineOrder, Step } from '../mesh/origin.ts';
export { freePort } from './free-port.ts';
export { encodeRequest } from './mesh-clients.ts';
export { severalKeyCommand } from './several-key-commands.ts';
export { MeshRig, RIG_MEMORY_BYTES } from './mesh-rig.ts';
export type { MeshRigOptions } from './mesh-rig.ts';
export { MemoryEngine, WorkerRig } from './worker-rig.ts';
export type { RigStore, WorkerRigOptions } from './worker-rig.ts';
export { HeldReplies } from '../store/held-replies.ts';
