/**
 * A call whose reply is to come: the promise that the program has, and what the ways between know
 * of it. Millions of these live at once when a program calls without waiting, and the collector has
 * to walk all of them, so each is few objects: the promise's functions are caught by one executor
 * for all, which needs no closure of its own (two objects of seven, and a fifth of the time).
 */
import { assert } from '@kora/core';
import type { ReplyValue } from '../open-values.ts';

/** What a promise's executor is given. */
type Resolve = (value: never) => void;
type Reject = (cause: Error) => void;

let caughtResolve: Resolve | null = null;
let caughtReject: Reject | null = null;

function catchFunctions(resolve: Resolve, reject: Reject): void {
  caughtResolve = resolve;
  caughtReject = reject;
}

/** What a slot knows of its calls. */
export abstract class OpenCall {
  /** Of BulkForm. */
  readonly form: number;
  /** What its connection notes of it; see WorkersClient. */
  weight = 0;
  /** The database that its connection has when this EXEC has run, -1 = no other. */
  db = -1;
  /** Selections before it. */
  selectCount = 0;
  /** The next of its slot. */
  next: OpenCall | null = null;

  constructor(form: number) {
    this.form = form;
  }

  /** The reply has come. */
  abstract resolve(value: ReplyValue): void;
  /** It was refused, or there will be no reply. */
  abstract reject(cause: Error): void;
}

/** A call of the program's. */
export class ProgramCall<Result> extends OpenCall {
  readonly promise: Promise<Result>;
  readonly #make: (value: ReplyValue) => Result;
  readonly #resolve: (value: Result) => void;
  readonly #reject: Reject;

  /** @param make what the program is given of the reply; does not throw */
  constructor(form: number, make: (value: ReplyValue) => Result) {
    super(form);
    this.#make = make;
    this.promise = new Promise<Result>(catchFunctions);
    assert(caughtResolve !== null && caughtReject !== null, 'an executor runs at once');
    // A boundary of types: this very promise's executor has just put it there.
    this.#resolve = caughtResolve as (value: Result) => void;
    this.#reject = caughtReject;
  }

  resolve(value: ReplyValue): void {
    this.#resolve(this.#make(value));
  }

  reject(cause: Error): void {
    this.#reject(cause);
  }
}

/** A call that the program knows nothing of. */
export class HiddenCall extends OpenCall {
  resolve(): void {
    return;
  }

  reject(): void {
    return;
  }
}
