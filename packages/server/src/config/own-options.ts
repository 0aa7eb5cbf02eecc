/**
 * Options that are Kora's own or have a name of their own, beside the parameters of CONFIG: what
 * each takes, and which of them belong to something that is not built yet. Such an option is
 * checked and then accepted only with the value that leaves the thing switched off, so nobody
 * believes it runs.
 */
import { MESH_WORKER_COUNT_MAX } from '@kora/core/control';
import { MEMORY_ADVICES } from '../io/native/memory-advisor.ts';
import type { MemoryAdvice } from '../io/native/memory-advisor.ts';
import type { IoChoice } from '../options.ts';
import { IO_CHOICES } from '../options.ts';
import { quoted, refused } from './config-entry.ts';
import type { ConfigEntry, ValueForm } from './config-entry.ts';

/** Other names of CONFIG parameters. */
export const PARAMETER_ALIASES: ReadonlyMap<string, string> = new Map([
  ['password', 'requirepass'],
  ['unix-socket', 'unixsocket'],
  ['log-level', 'loglevel'],
  ['data-dir', 'dir'],
  ['storage.data-dir', 'dir'],
  ['fsync', 'appendfsync'],
  ['storage.snapshot-retain', 'snapshot-retain'],
  ['storage.wal-max-bytes', 'wal-max-bytes'],
]);

/** Words of `storage.wal-sync`, and what they are for `appendfsync`. */
const WAL_SYNC_WORDS: ReadonlyMap<string, string> = new Map([
  ['every_write', 'always'], ['every_second', 'everysec'], ['os_managed', 'no'],
]);

/** Seconds between two snapshots, and whether there are any but those that are asked for. */
const INTERVAL_NAMES: ReadonlySet<string> = new Set([
  'snapshot-interval-secs', 'storage.snapshot-interval-secs',
]);
const SNAPSHOTS_NAME = 'storage.rdb-enabled';

/** The option as the parameter it stands for, where its values have other names.
 * @returns null for what asks for nothing
 * @throws {Fault} INVALID_CONFIG */
export function translated(entry: ConfigEntry): ConfigEntry | null {
  if (INTERVAL_NAMES.has(entry.name)) {
    checkForm(entry, 'integer');
    const seconds = oneWord(entry);
    if (seconds === '0') return null;
    // A snapshot of what has not changed would be the one before.
    return { ...entry, name: 'save', words: [seconds, '1'], form: 'words' };
  }
  if (entry.name === SNAPSHOTS_NAME) {
    checkForm(entry, 'boolean');
    if (oneWord(entry) !== 'no') return null;
    return { ...entry, name: 'auto-aof-rewrite-percentage', words: ['0'], form: 'words' };
  }
  const isNoLog = entry.name === 'storage.wal-enabled' && entry.words.join(' ') === 'no';
  // Without a directory there is no log, whatever this says.
  if (isNoLog) return { ...entry, name: 'appendonly' };
  if (entry.name !== 'storage.wal-sync') return entry;
  const word = oneWord(entry);
  const meant = WAL_SYNC_WORDS.get(word);
  if (meant === undefined) {
    throw refused(entry, `${quoted(word)} is none of ${[...WAL_SYNC_WORDS.keys()].join(', ')}`);
  }
  return { ...entry, name: 'appendfsync', words: [meant] };
}

/** An option whose subject is not built yet. */
interface UnbuiltOption {
  readonly form: ValueForm;
  /** What is missing, for the message. */
  readonly subject: string;
  /** Every legal value; undefined = any. */
  readonly words?: readonly string[];
  /** The values that ask for nothing. */
  readonly harmless: readonly string[];
}

/** Options of things to come, by name. */
export const UNBUILT_OPTIONS: ReadonlyMap<string, UnbuiltOption> = new Map([
  ['storage.wal-enabled', { form: 'boolean', subject: 'a directory without a log',
    harmless: ['yes'] }],
  ['cdc-capacity', { form: 'integer', subject: 'change data capture', harmless: ['0'] }],
  ['metrics-port', { form: 'integer', subject: 'the metrics port', harmless: ['0'] }],
  ['tls-port', { form: 'integer', subject: 'TLS', harmless: ['0'] }],
  ['replicaof', { form: 'words', subject: 'replication', harmless: ['no one'] }],
  ['slaveof', { form: 'words', subject: 'replication', harmless: ['no one'] }],
]);

/** Names that no parameter of CONFIG has. */
export const OWN_OPTION_NAMES: readonly string[] = [
  'workers', 'io', 'memory-advice', 'storage.wal-sync', SNAPSHOTS_NAME, ...INTERVAL_NAMES,
  ...PARAMETER_ALIASES.keys(),
  ...UNBUILT_OPTIONS.keys(),
];

/** Accepts an option of something to come when it asks for nothing.
 * @throws {Fault} INVALID_CONFIG */
export function checkUnbuilt(entry: ConfigEntry, option: UnbuiltOption): void {
  const text = entry.words.join(' ');
  checkForm(entry, option.form);
  if (option.words !== undefined && !option.words.includes(text)) {
    throw refused(entry, `${quoted(text)} is none of ${option.words.join(', ')}`);
  }
  if (option.harmless.includes(text.toLowerCase())) return;
  throw refused(entry, `${option.subject} is not built yet${allowed(option)}`);
}

function allowed(option: UnbuiltOption): string {
  const values = option.harmless.filter((value) => /^\w/.test(value));
  return values.length === 0 ? '; leave it out' : `; leave it out or say ${values.join(' or ')}`;
}

/** The I/O engine asked for.
 * @throws {Fault} INVALID_CONFIG */
export function readIo(entry: ConfigEntry): IoChoice {
  const word = oneWord(entry).toLowerCase();
  const choice = IO_CHOICES.find((name) => name === word);
  if (choice !== undefined) return choice;
  throw refused(entry, `${quoted(word)} is none of ${IO_CHOICES.join(', ')}`);
}

/** What the system is to be told about memory.
 * @throws {Fault} INVALID_CONFIG */
export function readMemoryAdvice(entry: ConfigEntry): MemoryAdvice {
  const word = oneWord(entry).toLowerCase();
  const advice = MEMORY_ADVICES.find((name) => name === word);
  if (advice !== undefined) return advice;
  throw refused(entry, `${quoted(word)} is none of ${MEMORY_ADVICES.join(', ')}`);
}

/** The number of workers.
 * @throws {Fault} INVALID_CONFIG */
export function readWorkers(entry: ConfigEntry): number {
  checkForm(entry, 'integer');
  const word = oneWord(entry);
  const count = /^[1-9]\d{0,3}$/.test(word) ? Number(word) : 0;
  if (count < 1 || count > MESH_WORKER_COUNT_MAX) {
    throw refused(entry, `${quoted(word)} is no number from 1 to ${MESH_WORKER_COUNT_MAX}`);
  }
  return count;
}

/** Refuses a value that a typed syntax states in another type than is wanted.
 * @throws {Fault} INVALID_CONFIG */
export function checkForm(entry: ConfigEntry, wanted: ValueForm): void {
  const text = entry.words.join(' ');
  if (entry.form === 'words') {
    if (wanted === 'integer' && !/^-?\d+$/.test(text)) {
      throw refused(entry, `${quoted(text)} is no integer`);
    }
    if (wanted === 'boolean' && !/^(?:yes|no)$/i.test(text)) {
      throw refused(entry, `${quoted(text)} is neither yes nor no`);
    }
    return;
  }
  if (entry.form === wanted || (wanted === 'words' && entry.form === 'text')) return;
  const [given, right] = [NAME_OF_FORM[entry.form], NAME_OF_FORM[wanted]];
  throw refused(entry, `wrong type: it is ${given}, wanted ${right}`);
}

/** A form in the words of a message. */
export const NAME_OF_FORM: Readonly<Record<ValueForm, string>> = Object.freeze({
  words: 'text', text: 'text', list: 'a list', integer: 'an integer', boolean: 'a boolean',
});

/** The only word of an entry.
 * @throws {Fault} INVALID_CONFIG when there are more or none */
export function oneWord(entry: ConfigEntry): string {
  const [word, ...more] = entry.words;
  if (word === undefined) throw refused(entry, 'a value is missing');
  if (more.length > 0) throw refused(entry, `takes one value, not ${entry.words.length}`);
  return word;
}
