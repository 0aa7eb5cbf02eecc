/**
 * The keyspace events a change can announce: their names on the wire and their class letters in
 * `notify-keyspace-events`. Numbers are explicit and append-only: they travel in journal records.
 */

/** Classes of events; the letters of notify-keyspace-events. */
export const EventClass = Object.freeze({
  Generic: 'g',
  String: '$',
  List: 'l',
  Set: 's',
  Hash: 'h',
  SortedSet: 'z',
  Expired: 'x',
  Evicted: 'e',
  Stream: 't',
  New: 'n',
} as const);

/** Numbers of events; 0 = none. */
export const KeyEvent = Object.freeze({
  None: 0,
  Set: 1,
  Del: 2,
  Expire: 3,
  Persist: 4,
  RenameFrom: 5,
  RenameTo: 6,
  CopyTo: 7,
  MoveFrom: 8,
  MoveTo: 9,
  Restore: 10,
  Expired: 11,
  Evicted: 12,
  Append: 13,
  SetRange: 14,
  IncrBy: 15,
  IncrByFloat: 16,
  SetBit: 17,
} as const);

/** Name and class of one event. */
export interface KeyEventRow {
  readonly name: string;
  readonly class: string;
}

/** Every event, by its number. */
export const keyEvents: readonly KeyEventRow[] = Object.freeze([
  { name: '', class: '' },
  { name: 'set', class: EventClass.String },
  { name: 'del', class: EventClass.Generic },
  { name: 'expire', class: EventClass.Generic },
  { name: 'persist', class: EventClass.Generic },
  { name: 'rename_from', class: EventClass.Generic },
  { name: 'rename_to', class: EventClass.Generic },
  { name: 'copy_to', class: EventClass.Generic },
  { name: 'move_from', class: EventClass.Generic },
  { name: 'move_to', class: EventClass.Generic },
  { name: 'restore', class: EventClass.Generic },
  { name: 'expired', class: EventClass.Expired },
  { name: 'evicted', class: EventClass.Evicted },
  { name: 'append', class: EventClass.String },
  { name: 'setrange', class: EventClass.String },
  { name: 'incrby', class: EventClass.String },
  { name: 'incrbyfloat', class: EventClass.String },
  { name: 'setbit', class: EventClass.String },
]);
