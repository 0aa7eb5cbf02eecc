/**
 * The sections of INFO as one table of fields. The core fills in what it knows; the server replaces
 * or adds what only it can see (clients, traffic), other packages add sections of their own. A
 * field is a name and a function, read at the moment INFO is asked. Rules of Redis 7.0: no argument
 * means `default`; `all` is every built-in section but modules, `everything` adds those; sections
 * come in the table's order and once each, whatever the order and number of names.
 */
import type { Shard } from '../shard/shard.ts';
import type { EngineFigures, FigureMerge } from './figures.ts';
import { figuresOf } from './figures.ts';

/**
 * Reads one field's value. Numbers of the whole process come from the figures; the shard is the one
 * that answers, for what is the same in all.
 */
export type InfoReader = (shard: Shard, figures: EngineFigures) => string | number;
/** Reads a run of lines whose names vary: keyspace, commandstats, errorstats. */
export type InfoLines = (shard: Shard, figures: EngineFigures) => readonly string[];
/** Reads a number of the host that several workers have each. */
export type FigureReader = (shard: Shard) => number;

/** What a section tells beside numbers, as plain data that travels between workers as JSON. */
export interface InfoDetail {
  readonly read: (shard: Shard) => unknown;
  /** One of those of several shards. */
  readonly merge: (all: readonly unknown[]) => unknown;
}

/** When a section is shown without being named. */
export type InfoVisibility = 'default' | 'all' | 'everything' | 'named';

interface HostedFigure {
  readonly read: FigureReader;
  readonly merge: FigureMerge;
}

interface Section {
  readonly name: string;
  readonly title: string;
  readonly visibility: InfoVisibility;
  readonly fields: Map<string, InfoReader>;
  readonly lines: InfoLines[];
}

/** Table of sections and fields. */
export class InfoRegistry {
  readonly #sections = new Map<string, Section>();
  readonly #figures = new Map<string, HostedFigure>();
  /** By section. */
  readonly #details = new Map<string, InfoDetail>();

  /** Adds a section after those that exist; one that exists stays as it is. */
  addSection(name: string, title: string, visibility: InfoVisibility = 'default'): void {
    if (this.#sections.has(name)) return;
    this.#sections.set(name, { name, title, visibility, fields: new Map(), lines: [] });
  }

  /**
   * Adds fields at the end of a section; a name that exists gets the new reader in its old place.
   */
  addFields(section: string, fields: Readonly<Record<string, InfoReader>>): void {
    const found = this.#sectionOf(section);
    for (const [name, read] of Object.entries(fields)) found.fields.set(name, read);
  }

  /** Adds lines after the fields of a section. */
  addLines(section: string, lines: InfoLines): void {
    this.#sectionOf(section).lines.push(lines);
  }

  /** Adds numbers of the host, for readers to find in `figures.hosted`. */
  addFigures(merge: FigureMerge, figures: Readonly<Record<string, FigureReader>>): void {
    for (const [name, read] of Object.entries(figures)) this.#figures.set(name, { read, merge });
  }

  /** Adds what a section's lines find in `figures.details`, under the section's name. */
  addDetail(section: string, detail: InfoDetail): void {
    this.#details.set(section, detail);
  }

  /** The details of the sections that are asked for (as `render`); null: none is. */
  detailsOf(shard: Shard, asked: readonly string[] | null): Record<string, unknown> {
    const found: Record<string, unknown> = {};
    if (asked === null) return found;
    const words = wordsOf(asked);
    for (const [name, detail] of this.#details) {
      const section = this.#sections.get(name);
      if (section !== undefined && isShown(section, words)) found[name] = detail.read(shard);
    }
    return found;
  }

  /** The details of several shards as those of one. */
  mergeDetails(all: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown> {
    const merged: Record<string, unknown> = {};
    for (const [name, detail] of this.#details) {
      const parts = all.map((one) => one[name]).filter((part) => part !== undefined);
      if (parts.length > 0) merged[name] = detail.merge(parts);
    }
    return merged;
  }

  /** The host's numbers now. */
  hostedFigures(shard: Shard): Record<string, number> {
    const found: Record<string, number> = {};
    for (const [name, { read }] of this.#figures) found[name] = read(shard);
    return found;
  }

  /** How a number of the host is made of those of several workers. */
  mergeOf(name: string): FigureMerge {
    return this.#figures.get(name)?.merge ?? 'sum';
  }

  /** Names of all sections, in order. */
  get sectionNames(): readonly string[] {
    return [...this.#sections.keys()];
  }

  /** The value of one field as text, undefined where there is none. */
  valueOf(section: string, field: string, shard: Shard): string | undefined {
    const read = this.#sections.get(section)?.fields.get(field);
    return read === undefined ? undefined : String(read(shard, figuresOf(shard)));
  }

  /**
   * The text of INFO.
   * @param asked section names as the client wrote them; unknown ones are passed over
   * @param figures of the whole process; default: of the shard, which is all there is
   */
  render(asked: readonly string[], shard: Shard, figures = figuresOf(shard, asked)): string {
    const words = wordsOf(asked);
    const parts: string[] = [];
    for (const section of this.#sections.values()) {
      if (isShown(section, words)) parts.push(renderSection(section, shard, figures));
    }
    return parts.join('\r\n');
  }

  #sectionOf(name: string): Section {
    this.addSection(name, name.charAt(0).toUpperCase() + name.slice(1));
    const found = this.#sections.get(name);
    if (found === undefined) throw new Error(`INFO section ${name} was just added`);
    return found;
  }
}

/** Names of sections as they are compared. */
function wordsOf(asked: readonly string[]): Set<string> {
  const words = new Set(asked.map((word) => word.toLowerCase()));
  if (words.size === 0) words.add('default');
  return words;
}

function isShown(section: Section, words: ReadonlySet<string>): boolean {
  if (words.has(section.name) || words.has('everything')) {
    return section.visibility !== 'named' || words.has(section.name);
  }
  if (words.has('all')) return section.visibility === 'default' || section.visibility === 'all';
  return words.has('default') && section.visibility === 'default';
}

function renderSection(section: Section, shard: Shard, figures: EngineFigures): string {
  let text = `# ${section.title}\r\n`;
  for (const [name, read] of section.fields) text += `${name}:${String(read(shard, figures))}\r\n`;
  for (const lines of section.lines) {
    for (const line of lines(shard, figures)) text += `${line}\r\n`;
  }
  return text;
}
