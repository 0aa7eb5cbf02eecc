/**
 * Attaches observability to a worker. The slow log has ids of the whole process; a slow call of
 * another worker's client is logged there, for only that worker knows the client's address and
 * name. It travels as a note ahead of the reply, so the connection is still known by the window in
 * which it waits. Where many notes wait already the call is logged here, without a client.
 */
import type { ClientState, ComposedShard } from '@kora/core';
import type { Observation, SlowCall } from '@kora/observability';
import { observe, SlowLogIds } from '@kora/observability';
import { AskingClient } from '../mesh/asking-client.ts';
import { NoteTopic } from '../mesh/note-topics.ts';
import { PartClient } from '../mesh/part-client.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';

/** A call in a note: whose it is, and what it was. Words have one character a byte. */
interface SentCall extends SlowCall {
  /** Of a part of a command of several shards; else the window in which the client waits. */
  readonly clientId?: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Observes the worker's shard. */
export function observeWorker(worker: Worker, composed: ComposedShard): Observation {
  const { mesh } = worker;
  if (mesh === null) return observe(composed);
  const observation = observe(composed, {
    slowLogIds: new SlowLogIds(mesh.words.slowLog),
    forwardSlow: (client, call) => forward(worker, observation, client, call),
  });
  mesh.notes.on(NoteTopic.SlowCall, (_from, window, body) => {
    // The boundary between threads: `forward` of the same program wrote it.
    const call = JSON.parse(decoder.decode(body)) as SentCall;
    const session = call.clientId === undefined
      ? waitingIn(worker, window)
      : worker.sessions.byId(call.clientId);
    observation.logCall(call, session?.address ?? '', session?.name ?? '');
  });
  return observation;
}

function waitingIn({ sessions }: Worker, window: number): Session | undefined {
  return sessions.open().find((session) => session.window?.index === window);
}

/** False: the client is one of this worker. */
function forward(
  worker: Worker, observation: Observation, client: ClientState, call: SlowCall,
): boolean {
  const isAsking = client instanceof AskingClient;
  if (!isAsking && !(client instanceof PartClient)) return false;
  if (client.workerIndex !== worker.shard.index) {
    return isAsking
      ? send(worker, client.workerIndex, client.window, call)
      : send(worker, client.workerIndex, -1, { ...call, clientId: client.clientId });
  }
  const session = isAsking
    ? waitingIn(worker, client.window)
    : worker.sessions.byId(client.clientId);
  observation.logCall(call, session?.address ?? '', session?.name ?? '');
  return true;
}

function send({ mesh }: Worker, to: number, window: number, call: SentCall): boolean {
  if (mesh === null || mesh.notes.isCrowded(to)) return false;
  const bytes = encoder.encode(JSON.stringify(call));
  return mesh.notes.send(to, NoteTopic.SlowCall, window, (sink) => {
    sink.raw(bytes);
  });
}
