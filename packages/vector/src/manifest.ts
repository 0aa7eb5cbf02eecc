/**
 * How every image of this package begins: what it is, how long and which hash its manifest has, and
 * the manifest as JSON.
 *   magic, 8 bytes | u32 bytes of the manifest | u32 hash of it | manifest | zeros to 64
 * Little-endian. The hash says that the manifest is what was written; its shape is the writer's.
 */
import { VectorError } from './vector-error.ts';

const ALIGNMENT = 64;
const PREFIX_BYTES = 16;
const MAGIC_BYTES = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Bytes of a section with the zeros behind it. */
export const padded = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** FNV-1a, 32 bits, for the small sections. */
export function hashText(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}

/** An error about an image: `the image is cut`. */
export function refuseImage(what: string): VectorError {
  return new VectorError('IMAGE', `the image ${what}`);
}

/** One array: the manifest, then the sections, each padded. */
export function joinImage(
  magic: string, manifest: object, sections: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(JSON.stringify(manifest));
  const head = padded(PREFIX_BYTES + text.length);
  const image = new Uint8Array(sections.reduce((sum, each) => sum + padded(each.length), head));
  const view = new DataView(image.buffer);
  image.set(encoder.encode(magic));
  view.setUint32(MAGIC_BYTES, text.length, true);
  view.setUint32(MAGIC_BYTES + 4, Number.parseInt(hashText(text), 16), true);
  image.set(text, PREFIX_BYTES);
  let at = head;
  for (const section of sections) {
    image.set(section, at);
    at += padded(section.length);
  }
  return image;
}

/** What joinImage wrote as the manifest, and where the sections begin. @throws VectorError IMAGE */
export function readManifest(
  image: Uint8Array, magic: string, bytesMax: number,
): { manifest: unknown; end: number } {
  if (!(image instanceof Uint8Array)) throw refuseImage('is no Uint8Array');
  const given = String.fromCharCode(...image.subarray(0, MAGIC_BYTES));
  if (image.length < PREFIX_BYTES || given !== magic) {
    throw refuseImage('is not one of this package, or of another version');
  }
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const bytes = view.getUint32(MAGIC_BYTES, true);
  if (bytes > bytesMax || PREFIX_BYTES + bytes > image.length) throw refuseImage('is cut');
  const text = image.subarray(PREFIX_BYTES, PREFIX_BYTES + bytes);
  if (Number.parseInt(hashText(text), 16) !== view.getUint32(MAGIC_BYTES + 4, true)) {
    throw refuseImage('has a changed manifest');
  }
  const manifest: unknown = JSON.parse(decoder.decode(text));
  const end = padded(PREFIX_BYTES + bytes);
  checkPadding(image, PREFIX_BYTES + bytes, end);
  return { manifest, end };
}

/** Bytes `from` to `from + bytes` of an image, with zeros behind. @throws VectorError IMAGE */
export function sectionOf(image: Uint8Array, from: number, bytes: number): Uint8Array {
  checkPadding(image, from + bytes, from + padded(bytes));
  return image.subarray(from, from + bytes);
}

function checkPadding(image: Uint8Array, from: number, end: number): void {
  if (end > image.length) throw refuseImage('is cut');
  for (let at = from; at < end; at++) {
    if (image[at] !== 0) throw refuseImage('has changed contents');
  }
}

/** Nothing comes behind the last section. @throws VectorError IMAGE */
export function checkEnd(image: Uint8Array, end: number): void {
  if (image.length !== end) throw refuseImage(`has ${image.length - end} bytes behind its end`);
}

/** What a manifest says of a section. */
export interface SectionFacts {
  readonly bytes: number;
  readonly hash: string;
}

/** Facts of a small section. */
export function factsOf(section: Uint8Array): SectionFacts {
  return { bytes: section.length, hash: hashText(section) };
}

/** The section at `at`, as it was written. @throws VectorError IMAGE */
export function checkedSection(
  image: Uint8Array, at: number, { bytes, hash }: SectionFacts,
): Uint8Array {
  const section = sectionOf(image, at, bytes);
  if (hashText(section) !== hash) throw refuseImage('has changed contents');
  return section;
}

/** A value as JSON bytes, and back. */
export function jsonBytes(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}
export function jsonOf(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes));
}
