/**
 * `kora import dump.rdb`: reads a file and sends its keys to a running server. Keys that the target
 * has under the same names are replaced; others stay, unless it is told to forget all first.
 * What was sent before a damage was met stays in the target; the message says how many keys.
 */
import { open } from 'node:fs/promises';
import { Fault } from '@kora/core/control';
import { RdbFileReader } from '@kora/storage';
import { loadDump } from './dump-loader.ts';
import type { LoadReport } from './dump-loader.ts';
import type { Progress } from './progress.ts';
import { ServerLink } from './server-link.ts';
import type { ServerUrl } from './server-url.ts';

export interface ImportFileOptions {
  readonly path: string;
  readonly target: ServerUrl;
  /** True: the target forgets all it has first. */
  readonly isFlushing: boolean;
  readonly isSkippingModules: boolean;
  readonly progress: Progress;
}

/** Imports the file. @throws {Fault} (rejects) when the file or the target fail */
export async function importFile(options: ImportFileOptions): Promise<LoadReport> {
  const { path, target, isFlushing, isSkippingModules, progress } = options;
  const file = await open(path, 'r').catch(refuseFile);
  try {
    const facts = await file.stat();
    // A pipe does not say how much will come.
    const bytesTotal = facts.isFile() ? facts.size : -1;
    const link = await ServerLink.open(target);
    const reader = new RdbFileReader();
    try {
      const report = await loadDump(reader, async (into) => {
        const { bytesRead } = await file.read(into.room()).catch(refuseFile);
        if (bytesRead === 0) into.finish();
        else into.filled(bytesRead);
      }, link, { isFlushing, isSkippingModules, bytesTotal, progress });
      if (bytesTotal >= 0 && report.bytes !== bytesTotal) {
        throw new Fault('CORRUPT_DUMP', `All ${report.keys} keys were imported, but ` +
          `${bytesTotal - report.bytes} bytes follow the end of the dump at byte ${report.bytes}.`);
      }
      return report;
    } finally {
      link.close();
    }
  } finally {
    await file.close();
  }
}

function refuseFile(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  throw new Fault('TRANSFER_FAILED', `cannot read the dump: ${message}`, { cause });
}
