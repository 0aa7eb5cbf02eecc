/**
 * Opens the embedded engine for the corpus, and checks at the door that it offers what the
 * embedded driver calls, so that a missing piece is one clear line and not a thousand failures.
 */
import type { EmbeddedEngine, EmbeddedWorkers } from './drivers/embedded-driver.ts';

/** The setting that the server of the recordings was started with. */
const settings = { 'enable-debug-command': 'local' } as const;

/** A fresh engine in this thread, in memory only. The caller closes it.
 * @throws {Error} naming what `@kora/embedded` lacks */
export async function openEmbeddedEngine(): Promise<EmbeddedEngine> {
  const embedded: unknown = await import('@kora/embedded');
  if (!hasOpenSync(embedded)) throw new Error('@kora/embedded exports no function openSync');
  const engine = embedded.openSync({ settings });
  if (!isEngine(engine)) throw new Error('openSync() gives no object with connection and close');
  return engine;
}

/** A fresh engine on worker threads, which run the built files. The caller closes it.
 * @throws {Error} naming what `@kora/embedded` lacks */
export async function openEmbeddedWorkers(workers: number): Promise<EmbeddedWorkers> {
  const embedded: unknown = await import('@kora/embedded');
  if (!hasOpen(embedded)) throw new Error('@kora/embedded exports no function open');
  const engine = await embedded.open({ workers, settings });
  if (!isWorkers(engine)) throw new Error('open() gives no object with connection and close');
  return engine;
}

function hasOpen(embedded: unknown): embedded is { open(options: unknown): Promise<unknown> } {
  return hasMethod(embedded, 'open');
}

function hasOpenSync(embedded: unknown): embedded is { openSync(options: unknown): unknown } {
  return hasMethod(embedded, 'openSync');
}

function isWorkers(engine: unknown): engine is EmbeddedWorkers {
  return hasMethod(engine, 'connection') && hasMethod(engine, 'close');
}

function isEngine(engine: unknown): engine is EmbeddedEngine {
  return hasMethod(engine, 'connection') && hasMethod(engine, 'close');
}

function hasMethod(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, name) === 'function';
}
