/**
 * One of several workers on node:net: its engine, its room, and the ports by which workers wake
 * each other. The thread lives in Node's loop and has no descriptor to wait for; a message to a
 * port is what ends such a wait. Whether one is needed is said by the word of news
 * (docs/internals/mesh.md): it is asked at the end of every turn, which is the last thing of a
 * round of the loop. Whoever publishes before that sees the worker awake, and the next turn finds
 * it; whoever publishes later rings, and the message waits in the port if the loop is not there
 * yet: no wake-up is lost.
 * Cost: 8 us of CPU for one ring, both ends (2026-11-20, Xeon 2.5 GHz). Why not
 *   Atomics.waitAsync: docs/adr/0018.
 */
import { NodeEngine } from './io/node-engine.ts';
import { portSharing, sharingNote } from './io/node-listening.ts';
import type { RoomHost, RoomPlan } from './shard-room.ts';
import { ShardRoom } from './shard-room.ts';
import type { NodeIo } from './thread-messages.ts';

export class NodeThread {
  readonly #plan: RoomPlan;
  readonly #io: NodeIo;
  #engine: NodeEngine | undefined;

  constructor(plan: RoomPlan, io: NodeIo) {
    this.#plan = plan;
    this.#io = io;
  }

  /**
   * Makes the room; nothing is listened on yet.
   * @param onTurn called at the end of every turn
   * @throws {Fault} as ShardRoom
   */
  open(host: RoomHost, onTurn: () => void): ShardRoom {
    const { bells, reason } = this.#io;
    const engine = new NodeEngine({
      index: this.#plan.mesh?.index ?? 0,
      mayRest: () => {
        onTurn();
        return room.mayWait();
      },
      ring: (worker) => {
        bells[worker]?.postMessage(0);
      },
    });
    const why = `${reason}${sharingNote(portSharing())}`;
    const room: ShardRoom = new ShardRoom(this.#plan, engine, why, host);
    this.#engine = engine;
    return room;
  }

  /** Hears the others from now on, and takes the first turn: they may have written already. */
  begin(): void {
    for (const bell of this.#io.bells) {
      if (bell === null) continue;
      bell.on('message', () => {
        this.#engine?.wake();
      });
      // The room's end is the thread's, whoever else is still there.
      bell.unref();
    }
    this.#engine?.wake();
  }
}
