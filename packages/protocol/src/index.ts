/**
 * The public door of @kora/protocol: RESP2 and RESP3 to and from bytes, without dependencies.
 *   server side: RequestParser in, the write... functions out
 *   client side: encodeRequest out, ReplyDecoder in
 */
export { BULK_BYTES_CEILING, replyLimits, requestLimits } from './limits.ts';
export {
  UNAUTHENTICATED_ARGUMENTS_MAX, UNAUTHENTICATED_BULK_BYTES_MAX,
} from './limits.ts';
export type { ReplyLimits, RequestLimits } from './limits.ts';
export { ProtocolError } from './protocol-error.ts';

export {
  PARSE_BIG, PARSE_ERROR, PARSE_MORE, PARSE_REQUEST, RequestParser,
} from './request-parser.hot.ts';
export { splitInlineArguments } from './inline-arguments.ts';
export type { ArgumentSink } from './inline-arguments.ts';

export { encodeRequest, encodeRequestInto, requestBytes } from './request-encoder.ts';
export type { RequestArgument } from './request-encoder.ts';

export {
  writeArrayHeader, writeAttributeHeader, writeBigInteger, writeBigNumber3, writeBoolean3,
  writeBulkHeader, writeBulkText, writeCrlf, writeDecimal, writeDouble2, writeDouble3,
  writeDoubleText3, writeError, writeInteger, writeInteger64, writeMapHeader, writeNull2,
  writeNull3, writeNullArray2, writeOk, writePushHeader, writeSetHeader, writeSimple,
  writeVerbatim3,
} from './reply-encoder.hot.ts';
export {
  CRLF_BYTES, DOUBLE_BULK_BYTES_MAX, DOUBLE_BYTES_MAX, HEADER_BYTES_MAX, INTEGER_BYTES_MAX,
  NULL_BYTES_MAX, bigNumberBytesMax, bulkTextBytesMax, lineBytesMax,
} from './reply-room.ts';
export { DOUBLE_TEXT_BYTES_MAX, doubleText } from './double-text.ts';
export { utf8Bytes, writeLineText, writeUtf8 } from './utf8.hot.ts';

export { ReplyDecoder } from './reply-decoder.ts';
export { replyNodes, replyNodesWithAttributes } from './reply-nodes.ts';
export { replyValues, replyValuesWithBytes } from './reply-values.ts';
export { ErrorReply, PushReply } from './resp-types.ts';
export type {
  AggregateType, ReplyBuilder, RespNode, RespPair, RespValue,
} from './resp-types.ts';
