/**
 * A snapshot of an engine on workers, asked for as any client would: BGSAVE, then a look at INFO
 * until it has ended. SAVE would wait within a call, and calls behind it with it.
 */
import { Fault } from '@kora/core';
import type { CallPort } from '../call-port.ts';
import { KoraReplyError } from '../kora-reply-error.ts';
import { BulkForm } from '../open-values.ts';

/** Between two looks. */
const LOOK_MS = 2;

/** What INFO persistence says of snapshots. */
async function look(client: CallPort): Promise<{ isBusy: boolean; isWell: boolean }> {
  const text = await client.call(BulkForm.Text, ['INFO', 'persistence'], String);
  const isBusy = /(?:rdb_bgsave|aof_rewrite)_in_progress:1/.test(text);
  return { isBusy, isWell: text.includes('rdb_last_bgsave_status:ok') };
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LOOK_MS);
  });
}

/** True when it has begun; false while another is under way, which began too early. */
async function hasBegun(client: CallPort): Promise<boolean> {
  try {
    await client.call(BulkForm.Text, ['BGSAVE'], () => undefined);
    return true;
  } catch (error) {
    if (!(error instanceof KoraReplyError)) throw error;
    const { message } = error;
    if (/already in progress|Another child process/.test(message)) return false;
    throw new Fault('INVALID_OPTION', 'a snapshot goes to a directory: open the database with dir');
  }
}

/**
 * Makes a snapshot of all that has changed by now.
 * @param client one of its own, which is closed afterwards
 * @throws {Fault} rejects with DISK_FAILED, INVALID_OPTION, ENGINE_CLOSED, ENGINE_FAILED
 */
export async function snapshotOfWorkers(client: CallPort): Promise<void> {
  try {
    while (!await hasBegun(client)) await pause();
    let found = await look(client);
    while (found.isBusy) {
      await pause();
      found = await look(client);
    }
    if (found.isWell) return;
    throw new Fault('DISK_FAILED', 'the snapshot failed; the one before it counts', {
      isRetryable: true,
    });
  } finally {
    client.close();
  }
}
