/**
 * Benchmarks of the engine. Each program beside this file measures one thing, mostly against a
 * peer: `pnpm bench:<name>` builds and runs `<name>.ts`; `pnpm bench:code` runs the `*.bench.ts`
 * files beside the code.
 */
export {};
