/**
 * Type bytes of values in the RDB format, as Redis numbers them. Redis 7.0 writes those marked W;
 * the others are older forms that are read. On disk and on the wire: append only.
 */
export const RdbType = Object.freeze({
  /** W */
  String: 0,
  /** Length, then elements. */
  List: 1,
  /** W: length, then members. */
  Set: 2,
  /** Length, then member and score as text. */
  SortedSet: 3,
  /** W: length, then field and value. */
  Hash: 4,
  /** W: length, then member and score as 8 bytes. */
  SortedSet2: 5,
  HashZipmap: 9,
  ListZiplist: 10,
  /** W */
  SetIntset: 11,
  SortedSetZiplist: 12,
  HashZiplist: 13,
  /** Length, then ziplists. */
  ListQuicklist: 14,
  StreamListpacks: 15,
  /** W: one listpack of field, value, ... */
  HashListpack: 16,
  /** W: one listpack of member, score, ... */
  SortedSetListpack: 17,
  /** W: length, then for each node 1 = plain or 2 = packed, and its bytes. */
  ListQuicklist2: 18,
  /** W */
  StreamListpacks2: 19,
  /** Redis 7.2: one listpack of members. */
  SetListpack: 20,
  /** Redis 7.2. */
  StreamListpacks3: 21,
  /** W: Valkey 9: length, then field, value and deadline in ms as 8 bytes, -1 = none. */
  HashTimed: 22,
  /** Ours: Redis has no type byte for vector sets. */
  VectorSet: 176,
  /** Ours, in snapshots only: some elements of a vector set with their nodes of its graph. */
  VectorSetNodes: 177,
} as const);
