/**
 * The settings of one engine: values by name, changed all together or not at all, with listeners
 * that make them act. CONFIG GET, SET and REWRITE, configuration files and options are written over
 * this one table. A change is parsed and checked wholly, then stored, then announced; an applier
 * that refuses (a port that cannot be had) puts everything back. One per engine, whatever its
 * number of shards; the values that hot code needs are copied into ShardSettings by
 * `bindShardSettings`.
 */
import { assert } from '../assert.ts';
import { globMatch } from '../bytes/glob.ts';
import { ReplyError } from '../errors/reply-error.ts';
import { coreSettings } from './core-settings.ts';
import { serverSettings } from './server-settings.ts';
import type { Setting, SettingValue } from './setting.ts';

/** Makes a changed value act. Returns null, or why it cannot; then the change is undone. */
export type SettingApplier = (value: SettingValue) => string | null;

/** One found setting: the name to show (the client's spelling for an exact name) and its value. */
export interface FoundSetting {
  readonly name: string;
  readonly text: string;
}

interface PlannedChange {
  readonly asked: string;
  readonly setting: Setting;
  readonly value: SettingValue;
}

/** Table of settings and their values. */
export class Settings {
  /** Every setting, in the table's order. */
  readonly definitions: readonly Setting[];
  readonly #byName = new Map<string, Setting>();
  /** Every name as bytes, made once: a client may ask for many patterns. */
  readonly #nameBytes = new Map<string, Uint8Array>();
  readonly #values = new Map<string, SettingValue>();
  readonly #appliers = new Map<string, SettingApplier[]>();
  /** What CONFIG GET shows instead of a value. */
  readonly #shown = new Map<string, string>();

  /** @param more settings of other packages, after the core's */
  constructor(more: readonly Setting[] = []) {
    this.definitions = [...coreSettings, ...serverSettings, ...more];
    for (const setting of this.definitions) {
      for (const name of [setting.name, ...setting.aliases]) {
        assert(!this.#byName.has(name), `setting ${name} is defined once`);
        this.#byName.set(name, setting);
        this.#nameBytes.set(name, latin1Bytes(name));
      }
      this.#values.set(setting.name, setting.initial);
    }
  }

  /** The setting of that name or alias, in any case. */
  find(name: string): Setting | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  /** Value as CONFIG GET shows it. The name must exist. */
  text(name: string): string {
    return this.#valueOf(name).text;
  }

  /** CONFIG GET shows this from now on: what follows from other settings. The name must exist. */
  showAs(name: string, text: string): void {
    const setting = this.find(name);
    assert(setting !== undefined, `setting ${name} exists`);
    this.#shown.set(setting.name, text);
  }

  /** Value as a number: bytes, counts, places in an enum's list, 0 or 1. The name must exist. */
  number(name: string): number {
    return this.#valueOf(name).number;
  }

  /** True when a boolean setting is `yes`. The name must exist. */
  isOn(name: string): boolean {
    return this.#valueOf(name).number === 1;
  }

  /** Calls `apply` at every later change of the setting, before the change is answered. */
  onChange(name: string, apply: SettingApplier): void {
    const setting = this.find(name);
    assert(setting !== undefined, `setting ${name} exists`);
    const appliers = this.#appliers.get(setting.name);
    if (appliers === undefined) this.#appliers.set(setting.name, [apply]);
    else appliers.push(apply);
  }

  /** As onChange, and calls `apply` at once with the value in force. */
  bind(name: string, apply: (value: SettingValue) => void): void {
    apply(this.#valueOf(name));
    this.onChange(name, (value) => {
      apply(value);
      return null;
    });
  }

  /** CONFIG GET: exact names and globs, each setting once per name shown. */
  match(patterns: readonly string[]): FoundSetting[] {
    const found = new Map<string, FoundSetting>();
    for (const pattern of new Set(patterns)) {
      if (!/[*?[]/.test(pattern)) {
        const setting = this.find(pattern);
        const key = pattern.toLowerCase();
        if (setting === undefined || found.has(key)) continue;
        found.set(key, { name: pattern, text: this.#textShown(setting) });
        continue;
      }
      const bytes = latin1Bytes(pattern);
      for (const [name, nameBytes] of this.#nameBytes) {
        if (found.has(name) || !matches(bytes, nameBytes)) continue;
        const setting = this.find(name);
        if (setting !== undefined) found.set(name, { name, text: this.#textShown(setting) });
      }
    }
    return [...found.values()];
  }

  #textShown({ name }: Setting): string {
    return this.#shown.get(name) ?? this.text(name);
  }

  /**
   * CONFIG SET: all pairs or none.
   * @param pairs name and value, as the client wrote them
   * @returns the error reply, or null when all are in force
   */
  change(pairs: readonly (readonly [string, string])[]): ReplyError | null {
    const planned = this.#plan(pairs, false);
    return planned instanceof ReplyError ? planned : this.#enact(planned);
  }

  /** What `change` would answer to these pairs before it asks those who apply them. */
  check(pairs: readonly (readonly [string, string])[]): ReplyError | null {
    const planned = this.#plan(pairs, false);
    return planned instanceof ReplyError ? planned : null;
  }

  /**
   * Sets values at start: immutable ones too. Appliers run as for `change`.
   * @returns the text of the refusal with the setting's name, or null
   */
  load(pairs: readonly (readonly [string, string])[]): string | null {
    const planned = this.#plan(pairs, true);
    const error = planned instanceof ReplyError ? planned : this.#enact(planned);
    return error === null ? null : error.text.replace(/^ERR /, '');
  }

  /** Settings whose value is not the default, in the table's order. */
  changed(): readonly Setting[] {
    return this.definitions.filter((item) => this.text(item.name) !== item.initial.text);
  }

  #valueOf(name: string): SettingValue {
    const setting = this.find(name);
    const value = setting === undefined ? undefined : this.#values.get(setting.name);
    assert(value !== undefined, `setting ${name} exists`);
    return value;
  }

  #plan(
    pairs: readonly (readonly [string, string])[], isStart: boolean,
  ): PlannedChange[] | ReplyError {
    const found: { asked: string; setting: Setting; text: string }[] = [];
    for (const [asked, text] of pairs) {
      const setting = this.find(asked);
      if (setting === undefined) return unknownSetting(asked);
      const refusal = isStart ? null : this.#refusalToChange(setting);
      if (refusal !== null) return changeFailed(asked, refusal);
      const isTwice = found.some((item) => item.asked.toLowerCase() === asked.toLowerCase());
      if (isTwice && !isStart) return changeFailed(asked, 'duplicate parameter');
      found.push({ asked, setting, text });
    }
    const planned: PlannedChange[] = [];
    for (const { asked, setting, text } of found) {
      const earlier = planned.find((change) => change.setting === setting);
      const current = earlier?.value.text ?? this.text(setting.name);
      const value = setting.parse(text, current);
      if ('refusal' in value) return changeFailed(asked.toLowerCase(), value.refusal);
      if (earlier !== undefined) planned.splice(planned.indexOf(earlier), 1);
      planned.push({ asked, setting, value });
    }
    return planned;
  }

  #refusalToChange(setting: Setting): string | null {
    if (!setting.isMutable) return "can't set immutable config";
    const isGuarded = setting.isProtected && this.text('enable-protected-configs') === 'no';
    return isGuarded ? "can't set protected config" : null;
  }

  /** Stores and announces; on a refusal everything is as before. */
  #enact(planned: readonly PlannedChange[]): ReplyError | null {
    const before = planned.map(({ setting }) => this.#valueOf(setting.name));
    for (const { setting, value } of planned) this.#values.set(setting.name, value);
    for (let i = 0; i < planned.length; i++) {
      const change = planned[i];
      const old = before[i];
      if (change === undefined || old === undefined || old.text === change.value.text) continue;
      const refusal = this.#announce(change.setting.name, change.value);
      if (refusal === null) continue;
      this.#undo(planned, before, i);
      return changeFailed(change.asked, refusal);
    }
    return null;
  }

  #announce(name: string, value: SettingValue): string | null {
    for (const apply of this.#appliers.get(name) ?? []) {
      const refusal = apply(value);
      if (refusal !== null) return refusal;
    }
    return null;
  }

  /** Puts the old values back and announces those whose change was announced. */
  #undo(
    planned: readonly PlannedChange[], before: readonly SettingValue[], last: number,
  ): void {
    planned.forEach(({ setting }, i) => {
      const old = before[i];
      if (old !== undefined) this.#values.set(setting.name, old);
    });
    for (let i = last; i >= 0; i--) {
      const change = planned[i];
      const old = before[i];
      if (change === undefined || old === undefined || old.text === change.value.text) continue;
      this.#announce(change.setting.name, old);
    }
  }
}

function matches(pattern: Uint8Array, name: Uint8Array): boolean {
  return globMatch(pattern, 0, pattern.length, name, 0, name.length, true);
}

function latin1Bytes(text: string): Uint8Array {
  // A loop: an engine makes those of all names, which a callback for each letter took most of.
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function unknownSetting(name: string): ReplyError {
  return new ReplyError(
    `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`,
  );
}

function changeFailed(name: string, refusal: string): ReplyError {
  return new ReplyError(
    `ERR CONFIG SET failed (possibly related to argument '${name}') - ${refusal}`,
  );
}
