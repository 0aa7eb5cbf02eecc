/**
 * Opens the embedded engine for the corpus, and checks at the door that it offers what the
 * embedded driver calls, so that a missing piece is one clear line and not a thousand failures.
 */
import type { EmbeddedEngine } from './drivers/embedded-driver.ts';

/** A fresh engine in this thread, in memory only. The caller closes it.
 * @throws {Error} naming what `@kora/embedded` lacks */
export async function openEmbeddedEngine(): Promise<EmbeddedEngine> {
  const embedded: unknown = await import('@kora/embedded');
  if (!hasOpenSync(embedded)) throw new Error('@kora/embedded exports no function openSync');
  // The corpus was recorded from a server started with this setting.
  const engine = embedded.openSync({ settings: { 'enable-debug-command': 'local' } });
  if (!isEngine(engine)) throw new Error('openSync() gives no object with connection and close');
  return engine;
}

function hasOpenSync(embedded: unknown): embedded is { openSync(options: unknown): unknown } {
  return hasMethod(embedded, 'openSync');
}

function isEngine(engine: unknown): engine is EmbeddedEngine {
  return hasMethod(engine, 'connection') && hasMethod(engine, 'close');
}

function hasMethod(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, name) === 'function';
}
