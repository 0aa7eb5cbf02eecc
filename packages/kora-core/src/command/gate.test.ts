/**
 * What may refuse or delay a command before it runs, in Redis's order, and that nothing has
 * happened then.
 */
import { describe, expect, it } from 'vitest';
import { ClientFlag } from './client-state.ts';
import { CommandDriver } from '../testing/command-driver.ts';

const NOAUTH = '-"NOAUTH Authentication required."';
const OOM = `-"OOM command not allowed when used memory > 'maxmemory'."`;

describe('the gate', () => {
  it('echoes unknown commands, bounded and without line ends', () => {
    const driver = new CommandDriver();
    expect(driver.run('NO\r\nSUCH', 'a\nb')).toBe(
      `-"ERR unknown command 'NO  SUCH', with args beginning with: 'a b' "`,
    );
    const long = driver.run('NOSUCH', 'a'.repeat(500));
    expect(long).toContain(`'${'a'.repeat(128)}' `);
    expect(long).not.toContain('a'.repeat(129));
    expect(driver.run('CONFIG', 'nope')).toBe(
      `-"ERR unknown subcommand 'nope'. Try CONFIG HELP."`,
    );
    expect(driver.run('NOSUCH', 'b'.repeat(70_000))).toContain(`'${'b'.repeat(128)}' `);
    // A zero byte ends what is echoed, not the name that is looked up.
    expect(driver.run('CONFIG', 'RESETSTAT\0x')).toBe(
      `-"ERR unknown subcommand 'RESETSTAT'. Try CONFIG HELP."`,
    );
  });

  it('checks the number of arguments before the password', () => {
    const driver = new CommandDriver();
    driver.client.isAuthenticated = false;
    expect(driver.run('GET')).toBe(`-"ERR wrong number of arguments for 'get' command"`);
    expect(driver.run('GET', 'a')).toBe(NOAUTH);
    driver.client.flags |= ClientFlag.Internal;
    expect(driver.run('GET', 'a')).toBe('_');
  });

  it('refuses writes that may grow above maxmemory, and only those', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', 1);
    driver.run('CONFIG', 'SET', 'maxmemory', 1);
    expect(driver.run('SET', 'b', 1)).toBe(OOM);
    expect(driver.run('GET', 'b')).toBe('_');
    expect(driver.run('GET', 'a')).toBe('$"1"');
    driver.run('CONFIG', 'SET', 'maxmemory', 0);
    expect(driver.run('SET', 'b', 1)).toBe('+"OK"');
  });

  it('parks writers while paused, readers only when asked, and neither has an effect', () => {
    const driver = new CommandDriver();
    const { shard, client } = driver;
    shard.pause.start(shard.nowMs + 1000, false, shard.nowMs);
    expect(driver.offer(client, ['SET', 'a', new Uint8Array(100_000)])).toBeNull();
    expect(driver.run('GET', 'a')).toBe('_');
    expect(driver.run('DBSIZE')).toBe(':0');
    shard.pause.start(shard.nowMs + 1000, true, shard.nowMs);
    expect(driver.offer(client, ['GET', 'a'])).toBeNull();
    driver.clock.advance(1001);
    expect(driver.run('SET', 'a', 1)).toBe('+"OK"');
  });

  it('counts refused commands apart from failed ones', () => {
    const driver = new CommandDriver();
    driver.run('GET');
    driver.client.isAuthenticated = false;
    driver.run('GET', 'a');
    const get = driver.registry.byName('get')!;
    expect(driver.shard.stats.rejected[get.index]).toBe(2);
    expect(driver.shard.stats.calls[get.index]).toBe(0);
  });
});
