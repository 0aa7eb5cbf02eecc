/**
 * Lists in the RDB format. Written as Redis 7.0 writes them, nodes of listpacks filled from the
 * head as RPUSH fills them under `list-max-listpack-size`; read in this form and the three older.
 *
 *   18 quicklist 2   count of nodes, then for each 1 = plain or 2 = packed, and its bytes
 *   14 quicklist     count of ziplists, then each          10 ziplist          1 length, elements
 *
 * The number of nodes comes first and depends on how they fill, so a list is packed twice.
 * Cost: O(bytes), on the heap; one node at a time.
 */
import { checkRdb } from '../../rdb/rdb-error.ts';
import type { ElementReader } from '../../rdb/element-reader.ts';
import { ListpackReader } from '../../rdb/listpack-reader.ts';
import type { RdbReader } from '../../rdb/rdb-reader.ts';
import { RdbType } from '../../rdb/rdb-types.ts';
import type { RdbWriter } from '../../rdb/rdb-writer.ts';
import { ZiplistReader } from '../../rdb/ziplist-reader.ts';
import type { Shard } from '../../shard/shard.ts';
import { walkPacks } from './list-search.ts';
import { appendElement, listCount } from './list.ts';

/** Kinds of nodes: one long element as it is, or a listpack. */
const NODE_PLAIN = 1;
const NODE_PACKED = 2;
/** Bytes of a node by list-max-listpack-size -1 to -5. */
const NODE_BYTES_MAX: readonly number[] = [4096, 8192, 16_384, 32_768, 65_536];
/** Bytes of a node where the setting counts elements. */
const COUNTED_NODE_BYTES_MAX = 8192;
/** What Redis adds to an element's length when it asks whether a node has room. */
const ELEMENT_SIDE_BYTES = 8;
/** Shortest node of a quicklist 2, and ziplist of a quicklist, with their lengths. */
const NODE_BYTES_MIN = 2;

/** Writes the list of entry `ref`: type byte and body. */
export function saveList(shard: Shard, ref: number, out: RdbWriter): void {
  let nodes = 0;
  packNodes(shard, ref, out, () => void nodes++);
  out.u8(RdbType.ListQuicklist2);
  out.count(nodes);
  packNodes(shard, ref, out, () => {
    out.count(NODE_PACKED);
    out.stringOf(out.listpack.finish());
  });
}

/** Packs all elements into the writer's listpack, node by node. */
function packNodes(shard: Shard, ref: number, out: RdbWriter, onFull: () => void): void {
  const { packs } = shard.collections;
  const { listpack } = out;
  const setting = shard.settings.listListpackSize;
  const countMax = setting >= 0 ? Math.max(1, setting) : Infinity;
  const bytesMax =
    setting >= 0 ? COUNTED_NODE_BYTES_MAX : (NODE_BYTES_MAX[-setting - 1] ?? 65_536);
  listpack.begin();
  walkPacks(shard, ref, false, (pack) => {
    for (let pos = packs.first(pack); pos !== 0; pos = packs.next(pack, pos)) {
      const bytes = packs.entryBytes(pack, pos);
      const bytesThen = listpack.bytes + bytes + ELEMENT_SIDE_BYTES;
      if (listpack.count > 0 && (bytesThen > bytesMax || listpack.count >= countMax)) {
        onFull();
        listpack.begin();
      }
      listpack.add(packs.entryAt(pack, pos), bytes);
    }
    return true;
  });
  if (listpack.count > 0) onFull();
}

/**
 * Reads a body into the empty list of entry `ref`.
 * @returns false when memory is short
 * @throws {RdbError} as TypeHandler.load
 */
export function loadList(shard: Shard, rdbType: number, reader: RdbReader, ref: number): boolean {
  const isLoaded = loadBody(shard, rdbType, reader, ref);
  if (isLoaded) checkRdb(listCount(shard, ref) > 0, 'a list is empty');
  return isLoaded;
}

function loadBody(shard: Shard, rdbType: number, reader: RdbReader, ref: number): boolean {
  if (rdbType === RdbType.ListZiplist) {
    return appendAll(shard, ref, reader, new ZiplistReader(reader, reader.blob()));
  }
  const isPlainList = rdbType === RdbType.List;
  const count = reader.countOf(isPlainList ? 1 : NODE_BYTES_MIN);
  for (let i = 0; i < count; i++) {
    if (!loadNode(shard, rdbType, reader, ref)) return false;
  }
  return true;
}

function loadNode(shard: Shard, rdbType: number, reader: RdbReader, ref: number): boolean {
  if (rdbType === RdbType.ListQuicklist) {
    return appendAll(shard, ref, reader, new ZiplistReader(reader, reader.blob()));
  }
  if (rdbType === RdbType.ListQuicklist2) {
    const kind = reader.count();
    checkRdb(kind === NODE_PLAIN || kind === NODE_PACKED, 'a node of a list has an unknown kind');
    if (kind === NODE_PACKED) {
      return appendAll(shard, ref, reader, new ListpackReader(reader, reader.blob()));
    }
  }
  reader.string();
  return appendElement(shard, ref, reader.at, reader.bytes);
}

function appendAll(
  shard: Shard, ref: number, reader: RdbReader, elements: ElementReader,
): boolean {
  while (elements.left > 0) {
    elements.next();
    if (!appendElement(shard, ref, reader.at, reader.bytes)) return false;
  }
  return true;
}
