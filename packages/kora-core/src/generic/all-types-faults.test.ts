/**
 * Bad input and short memory, for every type alike: a damaged payload of DUMP is refused or gives a
 * value that is whole, and never leaks; a command that meets the end of memory, at whichever
 * reserve and with however few pages, answers an OOM error and has changed nothing.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../admin/shard-check.ts';
import { verify } from '../assert.ts';
import { DUMP_FOOTER_BYTES, writeDumpFooter } from '../bytes/rdb-string.ts';
import { SeededChance } from '../platform/platform.ts';
import type { DriverArgument } from '../testing/command-driver.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { latin1Bytes } from '../testing/latin1-text.ts';
import { refuseReserves, starveOfPages } from '../testing/memory-faults.ts';
import type { TemplateType } from '../testing/random-type-commands.ts';
import { RandomTypeCommands } from '../testing/random-type-commands.ts';

const TYPES: readonly TemplateType[] = ['list', 'set', 'zset', 'hash', 'stream', 'vector'];
const START_MS = 1_700_000_000_000;
const SETTINGS = { 'enable-debug-command': 'yes' };
/** Payloads that are damaged, and how often each. */
const PAYLOADS = 40;
const DAMAGES = 60;
/** Commands that meet the end of memory, of each type. */
const COMMANDS = 25;
const HISTORY = 40;

function bytesOf(text: string): Uint8Array {
  return latin1Bytes(text);
}

/** The payload with a few bytes changed, cut or added, under a sound footer. */
function damaged(payload: Uint8Array, random: RandomTypeCommands): Uint8Array {
  let body = payload.slice(0, payload.length - DUMP_FOOTER_BYTES);
  const kind = random.below(10);
  if (kind === 0) body = body.slice(0, 1 + random.below(body.length));
  if (kind === 1) body = Uint8Array.from([...body, ...body.slice(random.below(body.length))]);
  for (let times = 1 + random.below(3); times > 0 && kind > 0; times--) {
    body[random.below(body.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
  }
  const sealed = new Uint8Array(body.length + DUMP_FOOTER_BYTES);
  sealed.set(body);
  writeDumpFooter(sealed, 0, body.length);
  return sealed;
}

describe('damaged payloads', () => {
  for (const [i, type] of TYPES.entries()) {
    it(`of type ${type} are refused or whole, and never leak`, () => {
      const seed = 300 + i;
      const driver = new CommandDriver({ seed, startMs: START_MS, settings: SETTINGS });
      const random = new RandomTypeCommands(new SeededChance(seed), [type]);
      const base = driver.memory.arenaAllocator.usedBytes();
      const counts = { refused: 0, accepted: 0 };
      verify.enabled = true;
      try {
        for (let round = 0; round < PAYLOADS; round++) {
          for (let step = 0; step < 12; step++) driver.reply(...random.next());
          const dump = driver.reply('DUMP', random.key());
          if (dump.kind !== 'bulk') continue;
          driver.settle();
          let used = driver.memory.usedBytes();
          for (let times = 0; times < DAMAGES; times++) {
            const payload = damaged(bytesOf(dump.text), random);
            const reply = driver.run('RESTORE', 'damaged', '0', payload);
            const where = `seed ${seed} round ${round}/${times}: ${reply}`;
            expect(driver.errors, where).toEqual([]);
            if (reply === '+"OK"') {
              checkShard(driver.shard);
              driver.run('DEL', 'damaged');
              driver.settle();
              used = driver.memory.usedBytes(); // A deadline may have left its record.
              counts.accepted++;
            } else {
              expect(reply, where).toMatch(/^-"(ERR Bad data format|OOM .*)"$/);
              counts.refused++;
            }
            driver.settle();
            expect(driver.memory.usedBytes(), where).toBe(used);
          }
        }
        driver.emptyCompletely();
        expect(driver.memory.arenaAllocator.usedBytes(), `seed ${seed}`).toBe(base);
      } finally {
        verify.enabled = false;
      }
      expect(counts.refused).toBeGreaterThan(100);
      expect(counts.accepted).toBeGreaterThan(10);
    });
  }
});

describe('commands that meet the end of memory', () => {
  for (const [i, type] of TYPES.entries()) {
    it(`change nothing: ${type}`, () => {
      const seed = 400 + i;
      const random = new RandomTypeCommands(new SeededChance(seed), [type]);
      const before: DriverArgument[][] = [];
      const options = { seed, startMs: START_MS, settings: SETTINGS };
      const probe = new CommandDriver(options);
      let refusals = 0;
      for (let n = 0; n < COMMANDS; n++) {
        for (let step = 0; step < HISTORY / COMMANDS; step++) {
          const args = random.next();
          if (probe.reply(...args).kind !== 'error') before.push(args);
        }
        const command = random.next();
        if (probe.reply(...command).kind === 'error') continue;
        refusals += refuseReserves({ before, options }, command);
        if (n % 4 === 0) refusals += starveOfPages({ before, options }, command);
        before.push(command);
      }
      expect(refusals).toBeGreaterThan(8);
    });
  }
});
