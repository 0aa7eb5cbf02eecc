/**
 * The attributes of one segment's slots, and an index of them: for every field a set of slots for
 * each value, and a column of numbers. A set is one number while it has one slot, a Set while it
 * is sparse, a bitmap when that is smaller; so a million distinct values cost no million bitmaps.
 * A field with more than INDEXED_VALUES_MAX values loses its sets and is scanned by its column.
 * Numbers, true and false, and texts that read as numbers are numbers to a filter (`numberOf`); a
 * text is also itself. Lists and objects are in `holders` only, and are read one by one.
 */
import {
  ATTRIBUTES_UNITS_MAX, INDEXED_FIELDS_MAX, INDEXED_VALUES_MAX,
} from '../limits.ts';
import { VectorError } from '../vector-error.ts';
import { Bitmap } from './bitmap.ts';

/** A JSON value. */
export type JsonValue =
  | string | number | boolean | null | readonly JsonValue[]
  | { readonly [field: string]: JsonValue };
/** A JSON object: what an element may carry. */
export type Attributes = { readonly [field: string]: JsonValue };

type SlotSet = number | Set<number> | Bitmap;

/** Slots of a Set from which a bitmap is smaller: a Set takes some 32 bytes a slot. */
const SPARSE_SLOTS_MAX = 64;

/** The number a filter sees in a value; undefined for what is none. */
export function numberOf(value: JsonValue): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** The index of one field. */
class Field {
  /** Slots that have the field with a value that can be compared. */
  readonly holders = new Bitmap();
  /** Number of a slot's value, NaN for none. */
  numbers = new Float64Array(0);
  private texts: Map<string, SlotSet> | undefined = new Map();
  private nested = new Set<number>();

  /** Whether all comparable values have their set. */
  get isIndexed(): boolean { return this.texts !== undefined; }
  /** Slots whose value is a list or an object: only reading it tells. */
  get nestedSlots(): ReadonlySet<number> { return this.nested; }

  add(slot: number, value: JsonValue): void {
    if (typeof value === 'object' && value !== null) this.nested.add(slot);
    this.holders.add(slot);
    const number = numberOf(value);
    if (number !== undefined) this.setNumber(slot, number);
    if (typeof value === 'string') this.addText(slot, value);
  }

  remove(slot: number, value: JsonValue): void {
    this.holders.delete(slot);
    this.nested.delete(slot);
    if (slot < this.numbers.length) this.numbers[slot] = NaN;
    if (typeof value === 'string') this.removeText(slot, value);
  }

  /** Slots whose value is this text; undefined when the field has too many values for sets. */
  slotsOfText(text: string): Bitmap | undefined {
    if (this.texts === undefined) return undefined;
    const set = this.texts.get(text);
    if (set instanceof Bitmap) return set.copy();
    const result = new Bitmap();
    if (typeof set === 'number') result.add(set);
    else for (const slot of set ?? []) result.add(slot);
    return result;
  }

  private setNumber(slot: number, number: number): void {
    if (slot >= this.numbers.length) {
      const grown = new Float64Array(Math.max(slot + 1, this.numbers.length * 2, 64)).fill(NaN);
      grown.set(this.numbers);
      this.numbers = grown;
    }
    this.numbers[slot] = number;
  }

  private addText(slot: number, text: string): void {
    if (this.texts === undefined) return;
    const set = this.texts.get(text);
    if (set === undefined) {
      if (this.texts.size >= INDEXED_VALUES_MAX) this.texts = undefined;
      else this.texts.set(text, slot);
    } else if (typeof set === 'number') this.texts.set(text, new Set([set, slot]));
    else {
      set.add(slot);
      if (set instanceof Set && set.size > SPARSE_SLOTS_MAX) {
        const bitmap = new Bitmap();
        for (const each of set) bitmap.add(each);
        this.texts.set(text, bitmap);
      }
    }
  }

  private removeText(slot: number, text: string): void {
    const set = this.texts?.get(text);
    if (set === undefined || this.texts === undefined) return;
    if (typeof set === 'number') { this.texts.delete(text); return; }
    set.delete(slot);
    if (set instanceof Set && set.size === 0) this.texts.delete(text);
  }
}

/** Checks that a value is an object of JSON; returns a copy that cannot change. */
export function checkAttributes(value: unknown): Attributes {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new VectorError('ATTRIBUTES', `attributes are no JSON: ${String(cause)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || text === undefined) {
    throw new VectorError('ATTRIBUTES', 'attributes are an object of JSON values');
  }
  if (text.length > ATTRIBUTES_UNITS_MAX) {
    throw new VectorError('ATTRIBUTES', `attributes have ${text.length} characters, at most `
      + `${ATTRIBUTES_UNITS_MAX} are allowed`);
  }
  // JSON in, JSON out: what comes back is Attributes by construction.
  return JSON.parse(text) as Attributes;
}

/** The attributes of a batch of `count`. @throws VectorError ATTRIBUTES */
export function checkMany(
  values: readonly (object | undefined)[], count: number,
): (Attributes | undefined)[] {
  if (values.length <= count) {
    return values.map((value) => (value === undefined ? undefined : checkAttributes(value)));
  }
  throw new VectorError('ATTRIBUTES', `${values.length} attributes do not go with ${count} ids`);
}

/** Attributes by slot. */
export class AttributeIndex {
  private readonly bySlot = new Map<number, Attributes>();
  private readonly fields = new Map<string, Field>();
  /** Slots with attributes. */
  readonly holders = new Bitmap();
  /** Changes with every change: a result computed at one version holds while it stays. */
  version = 0;

  get(slot: number): Attributes | undefined { return this.bySlot.get(slot); }

  set(slot: number, attributes: Attributes): void {
    this.remove(slot);
    this.bySlot.set(slot, attributes);
    this.holders.add(slot);
    for (const [name, value] of Object.entries(attributes)) {
      let field = this.fields.get(name);
      if (field === undefined && this.fields.size < INDEXED_FIELDS_MAX) {
        field = new Field();
        this.fields.set(name, field);
      }
      field?.add(slot, value);
    }
    this.version++;
  }

  remove(slot: number): void {
    const attributes = this.bySlot.get(slot);
    if (attributes === undefined) return;
    for (const [name, value] of Object.entries(attributes)) {
      this.fields.get(name)?.remove(slot, value);
    }
    this.bySlot.delete(slot);
    this.holders.delete(slot);
    this.version++;
  }

  /** The index of a field; undefined when no slot has it, or when it is one too many. */
  field(name: string): Field | undefined { return this.fields.get(name); }

  /** Whether every field met so far has an index: then an absent one has no holders. */
  get hasAllFields(): boolean { return this.fields.size < INDEXED_FIELDS_MAX; }

  clear(): void {
    this.bySlot.clear();
    this.fields.clear();
    this.holders.words.fill(0);
    this.version++;
  }

  entries(): IterableIterator<[number, Attributes]> { return this.bySlot.entries(); }
}
export type { Field };
