/**
 * A case is played as it is written: from a flushed engine, stopping at the first wrong reply,
 * with settings put back and clean-ups run; and an engine that is gone is given up on. Played
 * against a toy engine, so every verdict is known beforehand.
 */
import { describe, expect, it } from 'vitest';
import { parseCaseFile, type ConformanceCase } from './case-file.ts';
import type { Connection, Driver } from './drivers/driver.ts';
import { embeddedDriver } from './drivers/embedded-driver.ts';
import { Player } from './play.ts';
import { toyEngine } from './testing/toy-engine.ts';

const TIMING = { replyMsMax: 20, settleMs: 1 };

function caseOf(...lines: string[]): ConformanceCase {
  return parseCaseFile('sample', ['# sample', ...lines].join('\n')).cases[0]!;
}

describe('Player', () => {
  it('passes a case whose replies are as recorded, with texts saved on the way', async () => {
    const player = new Player(embeddedDriver(toyEngine()), TIMING);
    const played = caseOf('> SET k v', '< +"OK"', '> GET k', '< {save=x,type} $""',
      '> SET k2 ${x}x', '< +"OK"', '@b > GET k2', '@b < $"vx"', '@b < nothing');
    expect(await player.play(played)).toBeUndefined();
  });

  it('stops at the first wrong reply and says which request it answers', async () => {
    const engine = toyEngine();
    const played = caseOf('@b > SET k v', '@b < +"OK"', '> GET k', '< $"w"', '> SET never sent');
    expect(await new Player(embeddedDriver(engine), TIMING).play(played)).toEqual({
      line: 5, request: 'GET k', reason: 'wrong reply', wanted: '$"w"', got: '$"v"',
    });
    expect(engine.requests).toEqual(['FLUSHALL', 'SET k v', 'GET k']);
  });

  it('fails on a reply where nothing may come, and on an engine that throws', async () => {
    const player = new Player(embeddedDriver(toyEngine()), TIMING);
    const eager = await player.play(caseOf('> GET k', '< nothing'));
    expect(eager).toMatchObject({ wanted: 'no reply', got: '_' });
    const open = await player.play(caseOf('> GET k', '< _', '< closed'));
    expect(open).toMatchObject({ wanted: 'the connection closed', got: '(open)' });
    const boom = await player.play(caseOf('> BOOM', '< {any} ?'));
    expect(boom?.got).toBe('(unreadable: thrown: TypeError: broken)');
    const silent = await player.play(caseOf('> GET k', '< _', '< _'));
    expect(silent?.got).toBe('(timeout)');
  });

  it('puts settings back and cleans up, also after a failure', async () => {
    const engine = toyEngine();
    const played = caseOf('! config hz 50', '! after SET cleaned up', '> GET k', '< $"wrong"');
    await new Player(embeddedDriver(engine), TIMING).play(played);
    expect(engine.requests).toEqual([
      'FLUSHALL', 'CONFIG GET hz', 'CONFIG SET hz 50', 'GET k', 'SET cleaned up',
      'CONFIG SET hz 10',
    ]);
  });

  it('names a macro that is not known instead of sending it', async () => {
    const player = new Player(embeddedDriver(toyEngine()), TIMING);
    const failure = await player.play(caseOf('> GET ${nobody}', '< _'));
    expect(failure?.reason).toBe('unknown macro ${nobody}');
  });

  it('gives up on an engine that leaves three flushes in a row unanswered', async () => {
    let openedCount = 0;
    const open = (): Promise<Connection> => {
      openedCount += 1;
      return Promise.reject(new Error('refused'));
    };
    const gone: Driver = { name: 'resp2', protocol: '2', open, openAdmin: open };
    const player = new Player(gone, TIMING);
    const reasons: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      reasons.push((await player.play(caseOf('> GET k', '< _')))?.reason ?? '');
    }
    expect(reasons[0]).toBe('no answer to FLUSHALL (closed: Error: refused)');
    expect(reasons.slice(3)).toEqual(Array(2).fill('given up: 3 times no answer to FLUSHALL'));
    expect(openedCount).toBe(3);
  });

  it('tries a case that depends on time twice, others once', async () => {
    const engine = toyEngine();
    const player = new Player(embeddedDriver(engine), TIMING);
    await player.playPatiently(caseOf('> GET k', '< $"wrong"'));
    expect(engine.requests.filter((request) => request === 'GET k')).toHaveLength(1);
    await player.playPatiently(caseOf('> GET k', '. sleep 1', '< $"wrong"'));
    expect(engine.requests.filter((request) => request === 'GET k')).toHaveLength(3);
  });
});
