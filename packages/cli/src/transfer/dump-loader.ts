/**
 * Takes a dump, however its bytes come, to a server: what is read is sent, with a bound on what is
 * under way; what cannot be carried is counted and told.
 */
import { Fault } from '@kora/core/control';
import type { RdbFileReader, RdbItem } from '@kora/storage';
import { KeyRequests } from './key-requests.ts';
import type { Progress } from './progress.ts';
import type { ServerLink } from './server-link.ts';
import { shownKey } from './shown-key.ts';

/** Where the bytes of a dump come from: puts some into the reader, or says that there are none. */
export type DumpSource = (reader: RdbFileReader) => Promise<void>;

/** What a dump held. */
export interface LoadReport {
  /** Keys that the target has taken. */
  keys: number;
  /** Libraries of functions, which are not carried. */
  functions: number;
  /** Keys of modules that were left out, by the module's name and version. */
  readonly moduleKeys: Map<string, number>;
  /** Modules with data beside the keys, which are not carried. */
  readonly moduleData: Set<string>;
  /** `REDIS 10`, and the server's own version when it tells. */
  version: string;
  /** False where the dump was written without a checksum. */
  isVerified: boolean;
  bytes: number;
}

export interface LoadOptions {
  /** True: the target forgets all it has, once the first bytes have shown that a dump comes. */
  readonly isFlushing: boolean;
  /** True: keys of modules are left out and counted; false: the first one ends it. */
  readonly isSkippingModules: boolean;
  /** Length of the dump, -1 = not known. */
  readonly bytesTotal: number;
  readonly progress: Progress;
}

/** Sends all keys of the dump. @throws {Fault} (rejects) for a damaged dump, or of the target */
export async function loadDump(
  reader: RdbFileReader, source: DumpSource, link: ServerLink, options: LoadOptions,
): Promise<LoadReport> {
  const requests = new KeyRequests(link);
  try {
    return await loadItems(reader, source, link, requests, options);
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    // What came before the damage is taken, so that the number below is the truth.
    await requests.finish().catch(() => undefined);
    const reason = cause.message.replace(/\.$/, '');
    throw new Fault(cause.code, `${reason}; ${requests.taken} keys had been imported`, { cause });
  }
}

async function loadItems(
  reader: RdbFileReader, source: DumpSource, link: ServerLink, requests: KeyRequests,
  options: LoadOptions,
): Promise<LoadReport> {
  const report: LoadReport = {
    keys: 0, functions: 0, moduleKeys: new Map(), moduleData: new Set(), version: '',
    isVerified: false, bytes: 0,
  };
  for (;;) {
    const item = reader.next();
    if (item === null) {
      options.progress.show(reader.offset, options.bytesTotal, `${requests.taken} keys`);
      await source(reader);
      if (link.isFull) await link.room();
      continue;
    }
    if (item.kind === 'end') {
      report.isVerified = item.checksum === 'verified';
      break;
    }
    if (item.kind === 'key') {
      requests.add(item);
      if (link.isFull) await link.room();
    } else {
      if (item.kind === 'version' && options.isFlushing) await link.demand('FLUSHALL');
      note(item, report, options);
    }
  }
  await requests.finish();
  report.keys = requests.taken;
  report.bytes = reader.offset;
  return report;
}

function note(item: RdbItem, report: LoadReport, options: LoadOptions): void {
  if (item.kind === 'version') {
    report.version = `${item.name} ${item.version}`;
  } else if (item.kind === 'aux' && /^(redis|valkey)-ver$/.test(item.name)) {
    report.version += ` (${item.value})`;
  } else if (item.kind === 'function') {
    report.functions++;
  } else if (item.kind === 'module-data') {
    report.moduleData.add(item.module);
  } else if (item.kind === 'module-value') {
    if (!options.isSkippingModules) {
      throw new Fault('UNSUPPORTED_DUMP', `The value of ${shownKey(item.key)} in database ` +
        `${item.db} belongs to the module ${item.module}, which Kora does not have. ` +
        'With --skip-modules such keys are left out.');
    }
    report.moduleKeys.set(item.module, (report.moduleKeys.get(item.module) ?? 0) + 1);
  }
}

/** What the person should know of a dump besides its keys, one line each. */
export function warningsOf(report: LoadReport): string[] {
  const warnings: string[] = [];
  if (report.functions > 0) {
    warnings.push(`libraries of functions that were not carried over: ${report.functions}`);
  }
  for (const [module, count] of report.moduleKeys) {
    warnings.push(`keys of the module ${module} that were left out: ${count}`);
  }
  for (const module of report.moduleData) {
    warnings.push(`data of the module ${module} was left out`);
  }
  if (!report.isVerified) warnings.push('the dump has no checksum, so it was not verified');
  return warnings;
}
