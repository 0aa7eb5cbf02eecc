/**
 * Writes a changed configuration file back (CONFIG REWRITE): beside the old one first, then in its
 * place by one rename, so that a crash or a full disk leaves the old file whole.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { ReplyError } from '@kora/core';
import type { Log } from './log.ts';

/**
 * Transforms the text of a file.
 * @returns the error for the client, or null when the file holds the new text
 */
export function rewriteFile(
  path: string, transform: (text: string) => string, log: Log,
): ReplyError | null {
  const draft = `${path}.${process.pid}.${threadId}.tmp`; // Workers may do so at once.
  try {
    const { mode } = statSync(path);
    writeFileSync(draft, transform(readFileSync(path, 'utf8')), { mode, flush: true });
    renameSync(draft, path);
    return null;
  } catch (cause) {
    rmSync(draft, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    log('warning', `CONFIG REWRITE failed: ${reason}`);
    return new ReplyError(`ERR Rewriting config file: ${reason}`);
  }
}
