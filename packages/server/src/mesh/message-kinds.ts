/**
 * Messages between workers: their kinds and header words, a, b and c, and their bodies, in words.
 * What is longer than a message goes by reference, and whoever lent it hears when it is free.
 * Numbers never leave the process.
 */
import { COMMAND_COUNT_MAX, DATABASE_COUNT, assert } from '@kora/core';

// Lane of requests, origin to owner.

/** Window, place, call. Body: arguments | bytes of each | arguments, padded to 4 [| tracker]. */
export const KIND_REQUEST = 1;
/** The same for a long one. Body: byte of the block | parcel | arguments | tracker. */
export const KIND_PARCEL = 2;
/**
 * Window, first place, requests | BURST_TRACKS | BURST_REMEMBERS. Body: [tracker |] requests of one
 * connection (burst-message.hot.ts).
 */
export const KIND_BURST = 21;
/** Handle. Body: a part (part-block.ts). */
export const KIND_INTENT = 9;
/** The same for a long one. Body: byte of the part | its bytes | parcel. */
export const KIND_INTENT_AT = 10;

// Lane of replies, owner to origin.

/** Window, place, 1 = the last piece. Body: RESP bytes. */
export const KIND_REPLY = 3;
/**
 * Window, a place, replies. Body: place from that one on:16 | bytes:16 | of each | RESP bytes.
 * All of them are whole, and their places ascend.
 */
export const KIND_REPLIES = 22;
/** Window, place, loan. Body: byte in the owner's memory | bytes. */
export const KIND_LENT = 4;
/** Window, place: the reply broke off, so the connection has to end. */
export const KIND_LOST = 5;
/** Parcel: it was copied. */
export const KIND_ACCEPT = 7;
/** Window, place: the reply was whole before. */
export const KIND_END = 8;
/** Handle, 0 = of the answer that comes, 1 + shard = about its keys. Body: RESP or records. */
export const KIND_PIECE = 11;
/** Handle, 1 = accepted. */
export const KIND_ANSWER = 12;

// Lane of replies, origin to owner.

/** Loan: its bytes were copied. */
export const KIND_RETURN = 6;
/** Handle, 1 = then release. */
export const KIND_RUN = 13;
/** Handle. */
export const KIND_RELEASE = 14;
/** Handle. */
export const KIND_ABORT = 15;
/** Low and high word of a client id: its watches end. */
export const KIND_UNWATCH = 16;
/** Handle, 1 = lost. Body: records for the next step of the part. */
export const KIND_CARGO = 17;

/** Handle, what to do (script-words.ts). Body: index of a command | commands to run. */
export const KIND_STEP = 18;

/** Topic, number, 1 = the last piece. Body: bytes (notes.ts). */
export const KIND_NOTE = 19;
/** Topic, number, 1 = it is whole, 0 = it broke off. No body: the note had none, or it ended. */
export const KIND_NOTE_END = 20;

// A call: remembers, 1 bit | tracks, 1 | uncounted, 1 | no touch, 1 | RESP3, 1 | database, 4 |
//   command, 10.

export const CALL_COMMAND_BITS = 10;
export const CALL_COMMAND_MASK = (1 << CALL_COMMAND_BITS) - 1;
export const CALL_DB_MASK = 15;
/** All bits of a call. */
export const CALL_MASK = (1 << 17) - 1;
export const CALL_RESP3 = 1 << 14;
export const CALL_NO_TOUCH = 1 << 15;
/** Another shard's part of the same command is counted. */
export const CALL_UNCOUNTED = 1 << 16;
/** The client tracks keys: its number is known. */
export const CALL_TRACKS = 1 << 17;
/** What the command reads is remembered for it. */
export const CALL_REMEMBERS = 1 << 18;

/** In the header of a burst, beside the number of its requests: as CALL_TRACKS, of all of them. */
export const BURST_TRACKS = 1 << 8;
/** What those of them that only read have read is remembered. */
export const BURST_REMEMBERS = 1 << 9;
export const BURST_COUNT_MASK = BURST_TRACKS - 1;

assert(COMMAND_COUNT_MAX <= 1 << CALL_COMMAND_BITS, 'a command index fits a call');
assert(DATABASE_COUNT <= CALL_DB_MASK + 1, 'a database number fits a call');
