/**
 * The shapes of replies as JavaScript values, written straight into the sink and by real commands.
 */
import { ReplyError, WorkerMemory } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { openSync } from './kora.ts';
import { KoraReplyError } from './kora-reply-error.ts';
import { MemoryWindow } from './memory-window.ts';
import { BulkForm } from './open-values.ts';
import { ValueSink } from './value-sink.ts';

function newSink(): ValueSink {
  const memory = WorkerMemory.create({ lowBytes: 1024 * 1024, bytesMax: 64 * 1024 * 1024 });
  return new ValueSink(memory, new MemoryWindow(memory));
}

function value(write: (sink: ValueSink) => void, form: number = BulkForm.Text): unknown {
  const sink = newSink();
  sink.begin(form);
  write(sink);
  expect(sink.isUnfinished).toBe(false);
  return sink.take();
}

describe('ValueSink', () => {
  it('has a JavaScript value for every sort of reply', () => {
    expect(value((sink) => { sink.ok(); })).toBe('OK');
    expect(value((sink) => { sink.simple('PONG'); })).toBe('PONG');
    expect(value((sink) => { sink.integer(-3); })).toBe(-3);
    expect(value((sink) => { sink.integer64(5n); })).toBe(5);
    expect(value((sink) => { sink.integer64(2n ** 62n); })).toBe(2n ** 62n);
    expect(value((sink) => { sink.bulkText('é'); })).toBe('é');
    expect(value((sink) => { sink.bulkText('é'); }, BulkForm.Bytes)).toEqual(
      Uint8Array.of(0xc3, 0xa9),
    );
    expect(value((sink) => { sink.bulkBytes(Uint8Array.of(0x61)); })).toBe('a');
    expect(value((sink) => { sink.null(); })).toBeNull();
    expect(value((sink) => { sink.nullArray(); })).toBeNull();
    expect(value((sink) => { sink.boolean(true); })).toBe(true);
    expect(value((sink) => { sink.double(0.5); })).toBe(0.5);
    expect(value((sink) => { sink.bigNumber('123456789012345678901'); })).toBe(
      123456789012345678901n,
    );
    expect(value((sink) => { sink.verbatim('txt', 'text'); })).toBe('text');
  });

  it('builds lists, maps and sets within each other', () => {
    const write = (sink: ValueSink): void => {
      sink.array(4);
      sink.map(2);
      sink.simple('a');
      sink.array(0);
      sink.simple('b');
      sink.set(2);
      sink.integer(1);
      sink.integer(2);
      sink.push(1);
      sink.null();
      sink.error(new ReplyError('WRONGTYPE no'));
      sink.map(0);
    };
    const [map, push, error, empty] = value(write) as unknown[];
    expect(map).toEqual(new Map<string, unknown>([['a', []], ['b', new Set([1, 2])]]));
    expect([push, empty]).toEqual([[null], new Map()]);
    expect(error).toBeInstanceOf(KoraReplyError);
    expect(error).toMatchObject({ code: 'WRONGTYPE', message: 'WRONGTYPE no' });
  });

  it('takes many bulk strings at once, short and long ones, wherever they lie', () => {
    const memory = WorkerMemory.create({ lowBytes: 1024 * 1024, bytesMax: 64 * 1024 * 1024 });
    const texts = ['', 'a', 'é', 'x'.repeat(300_000)];
    const at = memory.arenaAllocator.alloc(400_000) * 8;
    const list = memory.lowAllocator.alloc(texts.length * 8) * 8;
    let next = at + 3;
    for (const [i, text] of texts.entries()) {
      const bytes = Buffer.from(text);
      new Uint8Array(memory.memory.buffer).set(bytes, next);
      memory.i32[list / 4 + i * 2] = next;
      memory.i32[list / 4 + i * 2 + 1] = bytes.length;
      next += bytes.length;
    }
    for (const form of [BulkForm.Text, BulkForm.Bytes]) {
      const sink = new ValueSink(memory, new MemoryWindow(memory));
      sink.begin(form);
      sink.array(texts.length + 1);
      sink.bulkMany(list, texts.length);
      sink.bulkMany(list, 0);
      sink.integer(7);
      const wanted = texts.map((text) => form === BulkForm.Text
        ? text : new Uint8Array(Buffer.from(text)));
      expect(sink.take()).toEqual([...wanted, 7]);
    }
  });

  it('keeps a reply that is an error apart, and one that broke off', () => {
    const sink = newSink();
    sink.begin(BulkForm.Text);
    sink.error(new ReplyError('ERR no'));
    expect(sink.refusal?.text).toBe('ERR no');
    sink.begin(BulkForm.Text);
    sink.array(2);
    sink.integer(1);
    expect(sink.isUnfinished).toBe(true);
    sink.begin(BulkForm.Text);
    sink.integer(7);
    expect([sink.refusal, sink.isUnfinished, sink.take()]).toEqual([null, false, 7]);
  });

  it('shows what commands answer', () => {
    using db = openSync();
    db.call('MSET', 'a', '1', 'b', Uint8Array.of(0xff));
    expect(db.call('MGET', 'a', 'c')).toEqual(['1', null]);
    expect(db.callBytes('MGET', 'a', 'b')).toEqual([Uint8Array.of(0x31), Uint8Array.of(0xff)]);
    expect(db.call('GET', 'b')).toBe('\ufffd');
    expect(db.call('CONFIG', 'GET', 'databases')).toEqual(new Map([['databases', '16']]));
    expect(db.call('INCRBYFLOAT', 'f', 1.25)).toBe('1.25');
    expect(db.call('INFO', 'server')).toMatch(/kora_version:/);
    expect(db.call('TIME')).toHaveLength(2);
  });
});
