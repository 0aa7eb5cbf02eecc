/**
 * Where two right servers may answer differently: the whole list, each with its reason.
 *
 * Invariants: what is not listed must be equal byte by byte. A listed command must still answer
 *   with the same kind of reply, and an error must always be the same error.
 * What differs for good, because Kora means it, stands in docs/differences.md; those entries say
 *   so in their reason.
 */
import { ReplyReader } from '../drivers/reply-reader.ts';
import { hasText, isNoReply, itemsOf, renderReply, type Reply } from '../reply-notation.ts';

/** How replies of a command are compared. */
export type Tolerance =
  /** Same kind, anything inside. */
  | { readonly by: 'kind' }
  /** Anything but errors, also null on one side. */
  | { readonly by: 'success' }
  /** Numbers within this distance; negative ones exactly. */
  | { readonly by: 'number'; readonly within: number }
  /** Members of an array, at any depth, in any order. */
  | { readonly by: 'members' }
  /** Same kind and as many members: which, is chance. */
  | { readonly by: 'count' }
  /** Equal but for idle times, times of delivery, and what tells of nodes. */
  | { readonly by: 'untimed' }
  /** Equal but for the last digits of numbers with a fraction. */
  | { readonly by: 'digits' }
  /** Pairs of field and value in any order, without these fields. */
  | { readonly by: 'fields'; readonly without: ReadonlySet<string> };

interface TolerantCommands {
  readonly commands: readonly string[];
  readonly reason: string;
  readonly tolerance: Tolerance;
}

/** The clocks of two servers are asked at two moments. */
export const TIME_MS_TOLERANCE = 3_000;
const TIME_SECONDS_TOLERANCE = 3;
const ERROR_CHARACTERS_MAX = 16_384;
const FRACTION = /^-?\d+\.\d+$/;
/** Share by which such numbers may differ: GEODIST gives four digits after the point. */
const DIGITS_TOLERANCE = 1e-4;

const TOLERANCES: readonly TolerantCommands[] = [
  {
    commands: ['ttl', 'expiretime'],
    reason: 'the request reaches the two servers at two moments',
    tolerance: { by: 'number', within: TIME_SECONDS_TOLERANCE },
  },
  {
    commands: ['pttl', 'pexpiretime'],
    reason: 'the request reaches the two servers at two moments',
    tolerance: { by: 'number', within: TIME_MS_TOLERANCE },
  },
  {
    commands: [
      'smembers', 'sinter', 'sunion', 'sdiff', 'hkeys', 'hvals', 'spop',
    ],
    reason: 'the order of a set or of a hash means nothing',
    tolerance: { by: 'members' },
  },
  {
    commands: ['hgetall'],
    reason: 'the order of a hash means nothing',
    tolerance: { by: 'fields', without: new Set() },
  },
  {
    commands: ['srandmember', 'hrandfield', 'zrandmember'],
    reason: 'which members come is chance',
    tolerance: { by: 'count' },
  },
  {
    commands: ['sscan', 'hscan', 'zscan'],
    reason: 'cursors and order are the server\'s own',
    tolerance: { by: 'kind' },
  },
  {
    commands: ['xpending', 'xinfo', 'xinfo|stream', 'xinfo|groups', 'xinfo|consumers'],
    reason: 'clocks of two servers; the nodes of a radix tree are Redis\'s own',
    tolerance: { by: 'untimed' },
  },
  {
    commands: [
      'geodist', 'geosearch', 'georadius', 'georadius_ro', 'georadiusbymember',
      'georadiusbymember_ro',
    ],
    reason: 'sine and cosine of two libraries differ in the last bit',
    tolerance: { by: 'digits' },
  },
  {
    commands: ['keys', 'command|list', 'command|info', 'command'],
    reason: 'the order of a hash table or of a set means nothing',
    tolerance: { by: 'members' },
  },
  {
    commands: ['scan'],
    reason: 'cursors and order are the server\'s own; the scan step compares what is found',
    tolerance: { by: 'kind' },
  },
  {
    commands: ['randomkey', 'object|freq', 'time', 'lastsave', 'client|id'],
    reason: 'chance, clocks and counters of each server',
    tolerance: { by: 'kind' },
  },
  {
    commands: ['object|idletime'],
    reason: 'Redis shares the numbers 0 to 9999, and with them the time of their last use',
    tolerance: { by: 'kind' },
  },
  {
    commands: ['object|refcount'],
    reason: 'Kora shares no values: always 1 (docs/differences.md)',
    tolerance: { by: 'kind' },
  },
  {
    commands: ['dump'],
    reason: 'compression may differ; the transfer step restores payloads crosswise',
    tolerance: { by: 'kind' },
  },
  {
    commands: ['dbsize'],
    reason: 'a key whose time has passed counts until somebody looks for it; compared at the end',
    tolerance: { by: 'kind' },
  },
  {
    commands: ['memory|usage'],
    reason: 'blocks differ, and in Redis a key whose time has passed weighs until it is removed',
    tolerance: { by: 'success' },
  },
  {
    commands: ['info', 'client|info', 'client|list', 'command|count'],
    reason: 'they tell of the server itself',
    tolerance: { by: 'kind' },
  },
  {
    commands: [
      'object|help', 'client|help', 'command|help', 'config|help', 'memory|help', 'module|help',
    ],
    reason: 'texts of HELP are our own (docs/differences.md)',
    tolerance: { by: 'kind' },
  },
  {
    commands: ['hello'],
    reason: 'version and connection number are each server\'s own (docs/differences.md)',
    tolerance: { by: 'fields', without: new Set(['version', 'id']) },
  },
  {
    commands: ['config|get'],
    reason: 'the order of the settings means nothing',
    tolerance: { by: 'fields', without: new Set() },
  },
];

/** Redis ends such a connection so soon that earlier replies are lost; Kora sends them
 * (docs/differences.md). */
export const HTTP_SIGNS = /(post|host:) /i;

const TOLERANCE_OF = new Map(
  TOLERANCES.flatMap(({ commands, tolerance }) => commands.map((name) => [name, tolerance])),
);

/** True when both replies (bytes as latin1) to `request` are right if one of them is. */
export function areEquivalent(request: readonly string[], left: string, right: string): boolean {
  if (left === right) return true;
  if (isCutError(left, right)) return true;
  if (toleranceOf(request) === undefined) return false;
  const leftReply = parsed(left);
  const rightReply = parsed(right);
  if (leftReply === undefined || rightReply === undefined) return false;
  return areEquivalentReplies(request, leftReply, rightReply);
}

/** As `areEquivalent`, of replies that are not equal. */
export function areEquivalentReplies(
  request: readonly string[], leftReply: Reply, rightReply: Reply,
): boolean {
  const tolerance = toleranceOf(request);
  if (tolerance === undefined) return false;
  if (leftReply.kind === 'error' || rightReply.kind === 'error') return false;
  if (tolerance.by === 'success') return true;
  if (leftReply.kind !== rightReply.kind) return false;
  switch (tolerance.by) {
    case 'kind':
      return true;
    case 'count':
      return itemsOf(leftReply)?.length === itemsOf(rightReply)?.length;
    case 'digits':
      return differInDigits(leftReply, rightReply);
    case 'untimed':
      return untimedText(leftReply) === untimedText(rightReply);
    case 'number':
      return areNear(leftReply, rightReply, tolerance.within);
    case 'members':
      return membersText(leftReply) === membersText(rightReply);
    case 'fields':
      return fieldsText(leftReply, tolerance.without) === fieldsText(rightReply, tolerance.without);
  }
}

/** True when `left` is the error `right`, cut at Kora's longest text (docs/differences.md). */
function isCutError(left: string, right: string): boolean {
  return left.length > ERROR_CHARACTERS_MAX && left.startsWith('-') &&
    right.startsWith(left.slice(0, -2));
}

/** True when both are built alike and differ in nothing but digits that do not count. */
function differInDigits(left: Reply, right: Reply): boolean {
  const [leftItems, rightItems] = [itemsOf(left), itemsOf(right)];
  if (leftItems !== undefined && rightItems !== undefined) {
    return leftItems.length === rightItems.length && leftItems.every((item, i) => {
      const other = rightItems[i];
      return other !== undefined && differInDigits(item, other);
    });
  }
  if (renderReply(left) === renderReply(right)) return true;
  if (!hasText(left) || !hasText(right) || left.kind !== right.kind) return false;
  if (!FRACTION.test(left.text) || !FRACTION.test(right.text)) return false;
  const [a, b] = [Number(left.text), Number(right.text)];
  return Math.abs(a - b) <= DIGITS_TOLERANCE * Math.max(1, Math.abs(a));
}

function toleranceOf(request: readonly string[]): Tolerance | undefined {
  const [name = '', second = ''] = request;
  const word = name.toLowerCase();
  if (word.startsWith('sort') && request.some((each) => each.toUpperCase() === 'BY')) {
    return { by: 'members' }; // Without an order by value, equal ones come in any order.
  }
  return TOLERANCE_OF.get(`${word}|${second.toLowerCase()}`) ?? TOLERANCE_OF.get(word);
}

/** The reply whose bytes these are. */
export function parsed(bytes: string): Reply | undefined {
  const reader = new ReplyReader();
  reader.isResp3 = true;
  const [outcome] = reader.feed(Buffer.from(bytes, 'latin1'));
  return outcome === undefined || isNoReply(outcome) ? undefined : outcome;
}

function areNear(left: Reply, right: Reply, within: number): boolean {
  if (!hasText(left) || !hasText(right)) return false;
  const leftNumber = Number(left.text);
  const rightNumber = Number(right.text);
  if (leftNumber < 0 || rightNumber < 0) return left.text === right.text;
  return Math.abs(leftNumber - rightNumber) <= within;
}

const TIMED_FIELDS: ReadonlySet<string> = new Set([
  'idle', 'inactive', 'seen-time', 'active-time', 'radix-tree-keys', 'radix-tree-nodes',
]);
const STREAM_ID = /^\d+-\d+$/;

/** The reply with times taken out: of fields that hold them, and of pending entries. */
function untimedText(reply: Reply): string {
  const items = itemsOf(reply);
  if (items === undefined) return renderReply(reply);
  const timedAt = timedPlaceOf(items);
  const shown = items.map((item, i) => {
    const before = items[i - 1];
    const isTimed = before !== undefined && hasText(before) && TIMED_FIELDS.has(before.text);
    return isTimed || i === timedAt ? 'time' : untimedText(item);
  });
  return `${reply.kind}[${shown.join(' ')}]`;
}

/** Where a pending entry tells its time: ID, [consumer,] time, deliveries. -1 in anything else. */
function timedPlaceOf(items: readonly Reply[]): number {
  const [id] = items;
  const last = items.at(-1);
  const isPending =
    (items.length === 3 || items.length === 4) && id !== undefined && hasText(id) &&
    STREAM_ID.test(id.text) && last?.kind === 'integer';
  return isPending ? items.length - 2 : -1;
}

function membersText(reply: Reply): string {
  const items = itemsOf(reply);
  if (items === undefined) return renderReply(reply);
  return `${reply.kind}[${items.map(membersText).sort().join(' ')}]`;
}

function fieldsText(reply: Reply, without: ReadonlySet<string>): string {
  const items = itemsOf(reply) ?? [];
  const pairs: string[] = [];
  for (let index = 0; index < items.length; index += 2) {
    const [field, value] = [items[index], items[index + 1]];
    if (field === undefined || value === undefined) return renderReply(reply);
    if (hasText(field) && without.has(field.text)) continue;
    pairs.push(`${renderReply(field)} ${renderReply(value)}`);
  }
  return `${reply.kind}[${pairs.sort().join(' ')}]`;
}
