/**
 * The words after `kora import` and `kora export`. Options may stand anywhere; what is not known is
 * refused with its name.
 */
import type { DumpFormat } from '@kora/storage';
import type { ServerUrl } from './server-url.ts';
import { isServerUrl, LOCAL_SERVER, readServerUrl } from './server-url.ts';

/** What is asked for. */
export type TransferRequest =
  | {
    readonly task: 'import';
    /** A path, or a server to follow. */
    readonly from: string | ServerUrl;
    readonly to: ServerUrl;
    readonly isFlushing: boolean;
    readonly isSkippingModules: boolean;
    readonly isOnce: boolean;
    /** How long a source whose connection was lost is tried again. */
    readonly retryMs: number;
  }
  | {
    readonly task: 'export';
    readonly path: string;
    readonly from: ServerUrl;
    readonly mayReplace: boolean;
    readonly isLive: boolean;
    readonly format: DumpFormat;
  };

/** Options with a value, and those without, of each task. */
const WITH_VALUE = { import: ['--to', '--retry'], export: ['--from'] } as const;
const ALONE = {
  import: ['--flush', '--skip-modules', '--once'], export: ['--force', '--live', '--valkey'],
} as const;

const RETRY_SECONDS = '60';

/** Reads the words behind the task's name; a text is the reason to refuse them. */
export function readTransferLine(
  task: 'import' | 'export', words: readonly string[],
): TransferRequest | string {
  const given = sortWords(task, words);
  if (typeof given === 'string') return given;
  const { subject, server, options } = given;
  if (subject === undefined) return `${task}: the name of a file is missing; see kora --help`;
  const url = server === undefined ? LOCAL_SERVER : readServerUrl(server);
  if (typeof url === 'string') return url;
  if (task === 'export') {
    if (isServerUrl(subject)) return `${subject}: export writes a file; --from names the server`;
    return {
      task, path: subject, from: url, mayReplace: options.has('--force'),
      isLive: options.has('--live'), format: options.has('--valkey') ? 'valkey' : 'redis',
    };
  }
  const seconds = given.retry ?? RETRY_SECONDS;
  if (!/^\d{1,6}$/.test(seconds)) return `--retry ${seconds}: not a number of seconds`;
  const from = isServerUrl(subject) ? readServerUrl(subject) : null;
  if (typeof from === 'string') return from;
  if (from === null && options.has('--once')) return '--once: a file is imported once anyway';
  if (from !== null && from.shown === url.shown) return `${from.shown}: is the target itself`;
  return {
    task, from: from ?? subject, to: url, isFlushing: options.has('--flush'),
    isSkippingModules: options.has('--skip-modules'), isOnce: options.has('--once'),
    retryMs: Number(seconds) * 1000,
  };
}

interface Given {
  subject: string | undefined;
  server: string | undefined;
  retry: string | undefined;
  readonly options: Set<string>;
}

function sortWords(task: 'import' | 'export', words: readonly string[]): Given | string {
  const given: Given = {
    subject: undefined, server: undefined, retry: undefined, options: new Set(),
  };
  const withValue: readonly string[] = WITH_VALUE[task];
  const alone: readonly string[] = ALONE[task];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const [, flag = word, attached] = /^(--[^=]*)=([^]*)$/.exec(word) ?? [];
    if (withValue.includes(flag)) {
      const value = attached ?? words[++i];
      if (value === undefined || value === '') return `${flag}: a value is missing`;
      if (flag === '--retry') given.retry = value;
      else given.server = value;
    } else if (alone.includes(word)) {
      given.options.add(word);
    } else if (word === '--dir') {
      return '--dir: not built yet; start kora and import into it';
    } else if (word.startsWith('-') && word !== '-') {
      return `${word}: unknown option of kora ${task}; kora --help names them`;
    } else if (given.subject !== undefined) {
      return `${word}: not expected after ${given.subject}`;
    } else {
      given.subject = word;
    }
  }
  return given;
}
