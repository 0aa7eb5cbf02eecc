/**
 * The rest of the kernel (kernel.as.ts, with which it is compiled as one source): what goes through
 * a list of byte ranges in one call: replies put together, bulk strings, and the slots of keys.
 * Invariants: as there; no list overlaps what is written. Language: AssemblyScript.
 * Twins and oracles: src/structs/kernel-twin-packs.hot.ts and kernel-twin-slots.hot.ts.
 */

// @ts-ignore: decorator
@inline
function digitsOf(value: u32): u32 {
  if (value < 10) return 1;
  if (value < 100) return 2;
  if (value < 1000) return 3;
  let digits: u32 = 4;
  for (let rest = value / 10000; rest != 0; rest /= 10) digits++;
  return digits;
}

/** Pairs of words: byte offset, bytes. `$<length>\r\n<bytes>\r\n` for each. */
export function bulksBytes(list: u32, count: u32): u32 {
  let sum: u64 = 0;
  const end: usize = <usize>list + (<usize>count << 3);
  for (let at: usize = list; at < end; at += 8) {
    const bytes = load<u32>(at + 4);
    sum += <u64>bytes + digitsOf(bytes) + 5;
  }
  return sum > 0x7fffffff ? 0x7fffffff : <u32>sum;
}

export function encodeBulks(list: u32, count: u32, to: u32): u32 {
  const end: usize = <usize>list + (<usize>count << 3);
  let out: usize = to;
  for (let at: usize = list; at < end; at += 8) {
    const bytes = load<u32>(at + 4);
    store<u8>(out, 0x24);
    const digits = digitsOf(bytes);
    let rest = bytes;
    for (let digit = out + digits; digit > out; digit--) {
      store<u8>(digit, <u8>(0x30 + (rest % 10)));
      rest /= 10;
    }
    out += digits + 1;
    store<u16>(out, 0x0a0d);
    copyShort(out + 2, load<u32>(at), bytes);
    out += bytes + 2;
    store<u16>(out, 0x0a0d);
    out += 2;
  }
  return <u32>(out - to);
}

/** Pairs of words as above: their bytes, one behind the other. They do not overlap the target. */
export function gather(list: u32, count: u32, to: u32): u32 {
  const end: usize = <usize>list + (<usize>count << 3);
  let out: usize = to;
  for (let at: usize = list; at < end; at += 8) {
    const bytes = load<u32>(at + 4);
    copyShort(out, load<u32>(at), bytes);
    out += bytes;
  }
  return <u32>(out - to);
}

// Slots of keys (bytes/crc16.hot.ts): four tables of 256 u16.
// @ts-ignore: decorator
@inline
function crcStep(tables: usize, crc: u32, byte: u32): u32 {
  return ((crc << 8) & 0xffff) ^ <u32>load<u16>(tables + (((crc >>> 8) ^ byte) << 1));
}

/** CRC-16 of the hashtag of a key with a brace, or of all of it. */
function crcOfTagged(tables: usize, key: usize, bytes: u32): u32 {
  const end = key + bytes;
  let open = key;
  while (load<u8>(open) != 0x7b) open++;
  let close = open + 1;
  while (close < end && load<u8>(close) != 0x7d) close++;
  const hasTag = close < end && close > open + 1;
  let at = hasTag ? open + 1 : key;
  const stop = hasTag ? close : end;
  let crc: u32 = 0;
  for (; at < stop; at++) crc = crcStep(tables, crc, load<u8>(at));
  return crc;
}

// @ts-ignore: decorator
@inline
function crcOfKey(tables: usize, key: usize, bytes: u32): u32 {
  const end = key + bytes;
  let at = key;
  let crc: u32 = 0;
  for (; end - at >= 4; at += 4) {
    const word = load<u32>(at);
    const braces = word ^ 0x7b7b7b7b;
    // Some byte of it is 0.
    if (((braces - 0x01010101) & ~braces & 0x80808080) != 0) {
      return crcOfTagged(tables, key, bytes);
    }
    crc = <u32>load<u16>(tables + (((crc >>> 8) ^ (word & 0xff)) << 1), 1536) ^
      <u32>load<u16>(tables + (((crc & 0xff) ^ ((word >>> 8) & 0xff)) << 1), 1024) ^
      <u32>load<u16>(tables + (((word >>> 16) & 0xff) << 1), 512) ^
      <u32>load<u16>(tables + ((word >>> 24) << 1));
  }
  for (; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x7b) return crcOfTagged(tables, key, bytes);
    crc = crcStep(tables, crc, byte);
  }
  return crc;
}

/** Records of 16 bytes: key address, key bytes, slot (written here), any. */
export function slotBatch(list: u32, count: u32, tables: u32): void {
  const end: usize = list + (count << 4);
  for (let at: usize = list; at < end; at += 16) {
    store<u32>(at + 8, crcOfKey(tables, load<u32>(at), load<u32>(at + 4)) & 0x3fff);
  }
}
