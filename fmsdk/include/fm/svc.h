/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/svc.h
 * The message services: request in, reply out. Every call takes the token that the handler got; any other token is
 * refused. Names follow the public FM SDK documentation ("Message Streaming Functions", SVC_SendReply); where that
 * shows no prototype, the shape is k7's own and docs/fm-sdk.md says so.
 */
#ifndef FM_SVC_H
#define FM_SVC_H

#include <fm/fmsw.h>

FM_BEGIN_DECLS

/**
 * End the message. Call it once per message; the reply is what was written by then.
 * @param token               the message
 * @param applicationErrorCode the FM's own status for the host, 0 for success by custom
 * @return FMSW_OK, or FMSW_BAD_TOKEN (also for a second reply)
 */
FMSW_STATUS SVC_SendReply(HI_MsgHandle token, uint32_t applicationErrorCode);

/**
 * Take the buffer that the reply is built in and set the reply's length. A second call changes the length; bytes
 * already written stay.
 * @param token       the message
 * @param replyLength bytes, at most what the host takes (SVC_GetUserReplyBufLen)
 * @return the buffer, zero-filled at first, valid until SVC_SendReply; NULL when token or length are refused
 */
void *SVC_GetReplyBuffer(HI_MsgHandle token, uint32_t replyLength);

/** @return bytes of reply that the host takes, at most K7_FM_MESSAGE_MAX; 0 for a bad token */
uint32_t SVC_GetUserReplyBufLen(HI_MsgHandle token);

/** @return bytes of the whole request, read or not; 0 for a bad token */
uint32_t SVC_GetRequestLength(HI_MsgHandle token);

/* ---- Streaming --------------------------------------------------------------
 * The request is read from its start, the reply is written from its start. SVC_IO_Read and SVC_IO_Write move bytes
 * as they are. Integers travel big-endian, most significant byte first, whatever the host and the card are.
 */

/**
 * Read the next bytes of the request.
 * @return bytes read, fewer than @p length only at the end of the request; 0 also when token or buffer are refused
 */
uint32_t SVC_IO_Read(HI_MsgHandle token, void *buffer, uint32_t length);

/** Append bytes to the reply. @return bytes written: @p length, or 0 when refused (bad token, memory, no room) */
uint32_t SVC_IO_Write(HI_MsgHandle token, const void *buffer, uint32_t length);

/** Read one big-endian integer. @return true, or false when the request holds too few bytes (*value is then 0) */
bool SVC_IO_Read8(HI_MsgHandle token, uint8_t *value);
bool SVC_IO_Read16(HI_MsgHandle token, uint16_t *value);
bool SVC_IO_Read32(HI_MsgHandle token, uint32_t *value);
bool SVC_IO_Read64(HI_MsgHandle token, uint64_t *value);

/** Append one integer, big-endian. @return true, or false when the reply has no room for it */
bool SVC_IO_Write8(HI_MsgHandle token, uint8_t value);
bool SVC_IO_Write16(HI_MsgHandle token, uint16_t value);
bool SVC_IO_Write32(HI_MsgHandle token, uint32_t value);
bool SVC_IO_Write64(HI_MsgHandle token, uint64_t value);

/** @return where the next unread byte of the request lies; NULL for a bad token. Read only. */
const void *SVC_IO_GetReadPointer(HI_MsgHandle token);

/** The unread part of the request. @param length receives its bytes. @return its start; NULL for a bad token */
const void *SVC_IO_GetReadBuffer(HI_MsgHandle token, uint32_t *length);

/** Skip @p length bytes of the request. @return FMSW_OK, FMSW_BAD_TOKEN, or FMSW_BAD_LENGTH beyond the end */
FMSW_STATUS SVC_IO_UpdateReadPointer(HI_MsgHandle token, uint32_t length);

/** @return where the next byte of the reply goes; NULL for a bad token */
void *SVC_IO_GetWritePointer(HI_MsgHandle token);

/** The free part of the reply. @param length receives its bytes. @return its start; NULL for a bad token */
void *SVC_IO_GetWriteBuffer(HI_MsgHandle token, uint32_t *length);

/**
 * Make @p length bytes that were stored at SVC_IO_GetWritePointer() part of the reply.
 * @return FMSW_OK, FMSW_BAD_TOKEN, or FMSW_BAD_LENGTH when the host does not take so many
 */
FMSW_STATUS SVC_IO_UpdateWritePointer(HI_MsgHandle token, uint32_t length);

FM_END_DECLS

#endif
