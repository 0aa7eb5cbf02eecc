/**
 * The command table: finds an entry by the bytes of its name, whatever their case. A perfect-enough
 * hash of length and letters into an open-addressed table; a find costs one hash, one probe and one
 * comparison, and allocates nothing. Packages add their entries when an engine is composed; then
 * the table is frozen.
 */
import { assert } from '../assert.ts';
import { equalsIgnoreCase } from '../bytes/ascii.hot.ts';
import type { Command } from './spec.ts';

/** Commands and subcommands one engine may have. */
export const COMMAND_COUNT_MAX = 1024;
const TABLE_SIZE = 4096;

export class CommandRegistry {
  /** Every command and subcommand, by its index. */
  readonly commands: Command[] = [];
  readonly #byName = new Map<string, Command>();
  readonly #table = new Int16Array(TABLE_SIZE).fill(-1);
  readonly #names: Uint8Array[] = [];

  /** Adds entries; a subcommand (`CONFIG|GET`) needs its container first. */
  add(entries: readonly Command[]): void {
    for (const entry of entries) {
      assert(!this.#byName.has(entry.name), `command ${entry.name} is defined once`);
      assert(this.commands.length < COMMAND_COUNT_MAX, 'the command table is bounded');
      // A copy: entries are shared by all engines of a process, places in a table are not.
      const command: Command = {
        ...entry, index: this.commands.length, subcommands: new Map<string, Command>(),
      };
      this.commands.push(command);
      this.#byName.set(command.name, command);
      const bar = command.name.indexOf('|');
      this.#names.push(nameBytes(command.name.toUpperCase()));
      if (bar < 0) {
        this.#place(command);
        continue;
      }
      const container = this.#byName.get(command.name.slice(0, bar));
      assert(container !== undefined, `${command.name} has a container`);
      container.subcommands.set(command.name.slice(bar + 1), command);
    }
  }

  /** By name in any case; a subcommand as `config|get`. */
  byName(name: string): Command | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  /** Command whose name is these bytes (no subcommand), or undefined. */
  find(low: Uint8Array, at: number, bytes: number): Command | undefined {
    let probe = hashName(low, at, bytes);
    for (;;) {
      const index = this.#table[probe] ?? -1;
      if (index < 0) return undefined;
      const name = this.#names[index];
      if (name !== undefined && equalsIgnoreCase(low, at, bytes, name)) return this.commands[index];
      probe = (probe + 1) & (TABLE_SIZE - 1);
    }
  }

  #place(command: Command): void {
    const name = this.#names[command.index];
    if (name === undefined) return;
    let probe = hashName(name, 0, name.length);
    while ((this.#table[probe] ?? -1) >= 0) probe = (probe + 1) & (TABLE_SIZE - 1);
    this.#table[probe] = command.index;
  }
}

function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(name.length);
  for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
  return bytes;
}

/** Length, first, middle and last letter, without case. */
function hashName(u8: Uint8Array, at: number, bytes: number): number {
  let hash = bytes;
  const end = at + Math.min(bytes, 24);
  for (let i = at; i < end; i++) hash = Math.imul(hash, 31) + ((u8[i] ?? 0) | 0x20);
  return (hash ^ (hash >>> 12)) & (TABLE_SIZE - 1);
}
