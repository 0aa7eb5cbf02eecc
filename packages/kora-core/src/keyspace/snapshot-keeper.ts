/**
 * What the key space tells a snapshot that is being taken (snapshot/shard-snapshot.ts): which
 * entries are about to change or to go, before they do.
 *
 * The bit ENTRY_SNAPSHOT of an entry says whether the snapshot is done with it. It is not set and
 * cleared but changes its meaning: entries whose bit equals `Keyspace.snapshotPhase` are saved, or
 * came after the cut. Every entry that gets a place in a database gets that bit, so between
 * snapshots all are alike, and a snapshot begins by turning the phase over: nothing is cleared.
 * Since the bit goes with the entry, neither the order of lines, splits, merges, moves between
 * databases nor SWAPDB matter.
 * Cost while no snapshot runs: a load and a branch in a lookup for a change.
 */
import type { Database } from './database.ts';

/** A snapshot that is being taken. None of its methods changes what the databases hold. */
export interface SnapshotKeeper {
  /** Saves the entry, unless it is saved, or is none (0): it is about to change. */
  beforeChange(db: Database, ref: number): void;
  /**
   * The entry is about to lose its place and its value. Small ones are saved, others are taken
   * over.
   * @returns true when block and value belong to the snapshot from now on
   */
  takeOver(db: Database, ref: number): boolean;
  /** As `takeOver`, for an entry of a database that was taken away (FLUSHALL). */
  takeDetached(indexAtCut: number, ref: number): boolean;
  /** False while what is saved waits for the disk: what has been removed may wait as well. */
  mayFree(): boolean;
  /**
   * Works on what has been taken over, which waits to be freed. @returns false when there is
   * nothing
   */
  freeSome(): boolean;
  /** A slice of what is left of a snapshot that was given up. @returns true when more waits */
  maintain(): boolean;
}
