/**
 * Numbers of the io_uring interface that the engine uses, by the kernel's names without their
 * prefix. They are part of the kernel's ABI: they never change. Source: linux/io_uring.h (MIT).
 */

// Operations.
export const OP_FSYNC = 3;
export const OP_SENDMSG = 9;
export const OP_TIMEOUT = 11;
export const OP_TIMEOUT_REMOVE = 12;
export const OP_ACCEPT = 13;
export const OP_ASYNC_CANCEL = 14;
export const OP_READ = 22;
export const OP_WRITE = 23;
export const OP_SEND = 26;
export const OP_RECV = 27;
export const OP_MSG_RING = 40;
/** Operations that a probe asks about. */
export const OP_COUNT = 64;

// Flags of a submission.
export const SQE_BUFFER_SELECT = 1 << 5;
/** A success posts no completion. */
export const SQE_CQE_SKIP = 1 << 6;
/** In ioprio of RECV and of ACCEPT. */
export const RECV_MULTISHOT = 1 << 1;
export const ACCEPT_MULTISHOT = 1 << 0;
/** Of TIMEOUT_REMOVE: the timeout gets another time instead. */
export const TIMEOUT_UPDATE = 1 << 1;
export const FSYNC_DATASYNC = 1 << 0;
/** In the flags of WRITE: RWF_DSYNC, durable when it ends. */
export const WRITE_DSYNC = 1 << 1;
/** A flag that no kernel knows: it answers EINVAL, as a refused flag does (for tests). */
export const PRIORITY_UNKNOWN = 1 << 15;

// Flags of a completion.
export const CQE_BUFFER = 1 << 0;
export const CQE_MORE = 1 << 1;
export const CQE_BUFFER_SHIFT = 16;

// Set-up and registration.
export const SETUP_CQSIZE = 1 << 3;
export const SETUP_CLAMP = 1 << 4;
export const SETUP_COOP_TASKRUN = 1 << 8;
export const SETUP_SINGLE_ISSUER = 1 << 12;
export const SETUP_DEFER_TASKRUN = 1 << 13;
export const FEAT_SINGLE_MMAP = 1 << 0;
export const FEAT_NODROP = 1 << 1;
export const ENTER_GETEVENTS = 1 << 0;
/** In the flags of the submission queue: completions wait for room. */
export const SQ_CQ_OVERFLOW = 1 << 1;
export const REGISTER_PROBE = 8;
export const REGISTER_BUFFER_RING = 22;
export const UNREGISTER_BUFFER_RING = 23;
export const OFFSET_RING = 0;
export const OFFSET_SQES = 0x10000000;
export const OP_SUPPORTED = 1;

// Of the socket interface.
export const MSG_PEEK = 0x2;
export const MSG_DONTWAIT = 0x40;
/** Of a send: one that is cut short has failed. */
export const MSG_WAITALL = 0x100;
export const MSG_NOSIGNAL = 0x4000;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;
