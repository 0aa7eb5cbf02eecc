/**
 * What a server must answer to the commands of one soak client, which alone uses its keys: the
 * naive model of the string commands, and the commands that ignore the type over the same maps, in
 * two databases. Deadlines are far away or long past, so that no answer depends on the moment.
 * Texts have one character a byte. Answers are short texts of one form for model and wire:
 *   +OK  -ERR text  :1  $bulk  _  [a b]
 */
import { NaiveStrings } from '@kora/core/testing';
import type { RespNode } from '@kora/protocol';

type ModelReply = ReturnType<NaiveStrings['run']>;
type Values = NaiveStrings['values'];

/** Databases a soak client uses. */
export const SOAK_DATABASES = 2;

/** A reply of the wire as text. */
export function textOfNode(node: RespNode): string {
  switch (node.type) {
    case 'simple': return `+${node.value}`;
    case 'error': case 'blob-error': return `-${node.value}`;
    case 'integer': return `:${node.value}`;
    case 'bulk': return `$${latin1Of(node.value)}`;
    case 'verbatim': return `$${node.value}`;
    case 'array': case 'set': case 'push': return `[${node.value.map(textOfNode).join(' ')}]`;
    case 'map': return `[${node.value.flat().map(textOfNode).join(' ')}]`;
    case 'double': case 'boolean': case 'big-number': return `:${String(node.value)}`;
    default: return '_';
  }
}

/** Bytes as text of one character a byte. */
export function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function textOfModel(reply: ModelReply): string {
  if ('items' in reply) return `[${reply.items.map(textOfModel).join(' ')}]`;
  if (!('text' in reply)) return '_';
  const mark = { simple: '+', error: '-', bulk: '$' }[reply.kind as 'simple'];
  return `${mark ?? ':'}${reply.text}`;
}

/** Length of the longest common subsequence, by the table of the textbook. */
function commonLength(a: string, b: string): number {
  let above = new Array<number>(b.length + 1).fill(0);
  for (const character of a) {
    const row = [0];
    for (let j = 0; j < b.length; j++) {
      const isSame = character === b[j];
      row.push(isSame ? (above[j] ?? 0) + 1 : Math.max(row[j] ?? 0, above[j + 1] ?? 0));
    }
    above = row;
  }
  return above[b.length] ?? 0;
}

export class SoakModel {
  /** Database the client has selected. */
  selected = 0;
  readonly #databases = Array.from({ length: SOAK_DATABASES }, () => new NaiveStrings());

  /** Live keys of the selected database. */
  get values(): Values {
    return this.#database(this.selected).values;
  }

  /** Forgets all keys, and the selection: a new connection. */
  clear(): void {
    for (const database of this.#databases) database.values.clear();
    this.selected = 0;
  }

  /** Runs one command; the answer it must have. */
  run(args: readonly string[], nowMs: number): string {
    const answer = this.#run(args, nowMs);
    // Deadlines are far away or past: what is past is gone now, whoever looks next.
    for (const { values } of this.#databases) {
      for (const [key, { deadlineMs }] of values) {
        if (deadlineMs !== undefined && deadlineMs <= BigInt(nowMs)) values.delete(key);
      }
    }
    return answer;
  }

  #run(args: readonly string[], nowMs: number): string {
    const [name = '', key = '', second = '', third = ''] = args;
    const values = this.values;
    const old = values.get(key);
    switch (name) {
      case 'DEL': case 'UNLINK':
        return `:${args.slice(1).filter((each) => values.delete(each)).length}`;
      case 'EXISTS': case 'TOUCH':
        return `:${args.slice(1).filter((each) => values.has(each)).length}`;
      case 'TYPE': return old === undefined ? '+none' : '+string';
      case 'RENAME': case 'RENAMENX': return this.#rename(key, second, name === 'RENAMENX');
      case 'COPY': return this.#copy(key, second, args.slice(3));
      case 'MOVE': return this.#move(key, Number(second));
      case 'PERSIST':
        if (old?.deadlineMs === undefined) return ':0';
        values.set(key, { ...old, deadlineMs: undefined });
        return ':1';
      case 'EXPIRE': case 'PEXPIRE': case 'EXPIREAT': case 'PEXPIREAT':
        return this.#expireAt(name, key, Number(second), nowMs);
      case 'SELECT':
        this.selected = Number(key);
        return '+OK';
      case 'RESTORE':
        // What DUMP gave is the text itself here; the client sends the real payload.
        values.set(key, { text: third, kind: 'auto', deadlineMs: undefined });
        return '+OK';
      case 'LCS': return `:${commonLength(old?.text ?? '', values.get(second)?.text ?? '')}`;
      default: {
        const database = this.#database(this.selected);
        database.nowMs = nowMs;
        return textOfModel(database.run(name === 'SUBSTR' ? ['GETRANGE', ...args.slice(1)] : args));
      }
    }
  }

  #database(index: number): NaiveStrings {
    const database = this.#databases[index];
    if (database === undefined) throw new RangeError(`no database ${index}`);
    return database;
  }

  #rename(key: string, newKey: string, isNx: boolean): string {
    const { values } = this;
    const entry = values.get(key);
    if (entry === undefined) return '-ERR no such key';
    if (key === newKey) return isNx ? ':0' : '+OK';
    if (isNx && values.has(newKey)) return ':0';
    values.delete(key);
    values.set(newKey, entry);
    return isNx ? ':1' : '+OK';
  }

  #copy(key: string, newKey: string, options: readonly string[]): string {
    const dbAt = options.indexOf('DB');
    const to = dbAt < 0 ? this.selected : Number(options[dbAt + 1]);
    if (to === this.selected && key === newKey) {
      return '-ERR source and destination objects are the same';
    }
    const entry = this.values.get(key);
    const target = this.#database(to).values;
    if (entry === undefined || (target.has(newKey) && !options.includes('REPLACE'))) return ':0';
    target.set(newKey, entry);
    return ':1';
  }

  #move(key: string, to: number): string {
    if (to === this.selected) return '-ERR source and destination objects are the same';
    const entry = this.values.get(key);
    const target = this.#database(to).values;
    if (entry === undefined || target.has(key)) return ':0';
    this.values.delete(key);
    target.set(key, entry);
    return ':1';
  }

  #expireAt(name: string, key: string, time: number, nowMs: number): string {
    const old = this.values.get(key);
    if (old === undefined) return ':0';
    const timeMs = name.startsWith('P') ? time : time * 1000;
    const deadlineMs = name.endsWith('AT') ? timeMs : nowMs + timeMs;
    if (deadlineMs <= nowMs) this.values.delete(key);
    else this.values.set(key, { ...old, deadlineMs: BigInt(deadlineMs) });
    return ':1';
  }
}
