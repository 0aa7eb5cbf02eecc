/**
 * Replies as a test sees them, and their text in the notation of the conformance corpus:
 *   +"OK"  -"ERR x"  :1  $"v"  _  *_  *[..]  %[k v ..]  ~[..]  >[..]  ,1.5  #t  (123  ="txt:abc"
 * One character per byte, so that binary replies survive; rendering is ASCII on one line.
 */

/** Replies whose payload is a text. */
export interface RecordedText {
  readonly kind:
    | 'simple' | 'error' | 'bulk' | 'verbatim' | 'integer' | 'double' | 'boolean' | 'bigNumber';
  readonly text: string;
}
export interface RecordedNull {
  readonly kind: 'null' | 'nullArray';
}
/** A map holds keys and values in turn. */
export interface RecordedAggregate {
  readonly kind: 'array' | 'map' | 'set' | 'push';
  readonly items: readonly RecordedReply[];
}
export type RecordedReply = RecordedText | RecordedNull | RecordedAggregate;

const QUOTED: Readonly<Record<string, string>> = {
  simple: '+', error: '-', bulk: '$', verbatim: '=',
};
const PLAIN: Readonly<Record<string, string>> = {
  integer: ':', double: ',', boolean: '#', bigNumber: '(',
};
const AGGREGATE: Readonly<Record<string, string>> = { array: '*', map: '%', set: '~', push: '>' };
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t',
};

/** The notation of one reply. */
export function notationOf(reply: RecordedReply): string {
  if (!('text' in reply) && !('items' in reply)) return reply.kind === 'null' ? '_' : '*_';
  if ('items' in reply) {
    return `${AGGREGATE[reply.kind] ?? ''}[${reply.items.map(notationOf).join(' ')}]`;
  }
  const plain = PLAIN[reply.kind];
  if (plain !== undefined) return plain + reply.text;
  return `${QUOTED[reply.kind] ?? ''}${quote(reply.text)}`;
}

function quote(text: string): string {
  let quoted = '"';
  for (const character of text) {
    const code = character.charCodeAt(0);
    const isPrintable = code >= 32 && code <= 126;
    quoted += ESCAPES[character] ?? (isPrintable ? character : `\\x${hex2(code)}`);
  }
  return `${quoted}"`;
}

function hex2(code: number): string {
  return code.toString(16).padStart(2, '0');
}
