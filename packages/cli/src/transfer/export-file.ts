/**
 * `kora export dump.rdb`: writes the data of a running server into a dump that redis-server 7.0
 * loads. A Redis gives its dump itself, as to a replica; a Kora is read key by key, with the writes
 * of its clients held meanwhile unless that is not wanted.
 */
import { Fault } from '@kora/core/control';
import type { DumpFormat } from '@kora/storage';
import { RdbFileReader } from '@kora/storage';
import { DumpFile } from './dump-file.ts';
import { DumpOfSource } from './dump-of-source.ts';
import { exportKeys } from './export-keys.ts';
import type { ExportReport } from './export-keys.ts';
import { isKora } from './import-live.ts';
import { PausedWrites } from './paused-writes.ts';
import type { Progress } from './progress.ts';
import { ReplicaLink } from './replica-link.ts';
import { ServerLink } from './server-link.ts';
import type { ServerUrl } from './server-url.ts';

export interface ExportOptions {
  readonly path: string;
  readonly source: ServerUrl;
  /** True: a file that is there is replaced. */
  readonly mayReplace: boolean;
  /** True: writes of clients go on while keys are read. */
  readonly isLive: boolean;
  /** Who shall load the dump; a Redis gives its own format whatever this says. */
  readonly format: DumpFormat;
  /** Milliseconds of a monotonic clock. */
  readonly nowMs: () => number;
  readonly progress: Progress;
}

/** Exports into the file. @throws {Fault} (rejects) of the source or the disk */
export async function exportFile(options: ExportOptions): Promise<ExportReport> {
  const file = new DumpFile(options.path, options.mayReplace);
  try {
    const report = await isKora(options.source)
      ? await exportFromKora(file, options) : await exportFromRedis(file, options);
    file.finish(report.bytes);
    return report;
  } finally {
    file.dispose();
  }
}

async function exportFromKora(file: DumpFile, options: ExportOptions): Promise<ExportReport> {
  const link = await ServerLink.open(options.source);
  const write = (part: Uint8Array): void => {
    file.write(part);
  };
  try {
    const { format, progress, isLive } = options;
    const keyOptions = { format, progress, areWritesHeld: !isLive };
    if (isLive) return await exportKeys(link, write, keyOptions);
    const pausing = await ServerLink.open(options.source);
    const pause = new PausedWrites(pausing, options.nowMs);
    try {
      await pause.begin();
      const report = await exportKeys(link, write, keyOptions);
      await pause.end();
      return report;
    } catch (cause) {
      await pause.giveUp().catch(() => undefined); // The pause is short; the cause counts.
      throw cause;
    } finally {
      pausing.close();
    }
  } finally {
    link.close();
  }
}

async function exportFromRedis(file: DumpFile, options: ExportOptions): Promise<ExportReport> {
  if (options.isLive || options.format === 'valkey') {
    throw new Fault('INVALID_ARGUMENT', `${options.source.shown} is no Kora: --live and --valkey ` +
      'are for one; the dump of another server is taken as it sends it');
  }
  const source = await ReplicaLink.open(options.source);
  try {
    const sync = await source.fullSync();
    const dump = new DumpOfSource(source, sync, (bytes) => {
      file.write(bytes);
    });
    const reader = new RdbFileReader();
    let keys = 0;
    for (;;) {
      const item = reader.next();
      if (item?.kind === 'end') break;
      if (item?.kind === 'key' || item?.kind === 'module-value') keys++;
      if (item !== null) continue;
      options.progress.show(reader.offset, sync.dumpBytes, `${keys} keys`);
      await dump.fill(reader);
    }
    const bytes = reader.offset;
    await dump.end(reader);
    return { keys, plainHashes: 0, vectorSets: 0, bytes };
  } finally {
    source.close();
  }
}
