/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatch switch and the messages of fm/fmsw.h and fm/svc.h. */
#include <fm/ecall.h>
#include <fm/svc.h>

/* Services that give a length or an address never reach this; at or above it the result is an FMSW_ error. */
#define FIRST_ERROR 0x80000000u

FMSW_STATUS FMSW_RegisterRandomDispatch(FMSW_FmNumber_t fmNumber, FMSW_RandomDispatchFn_t dispatch)
{
    return fm_ecall(K7_FM_SVC_REGISTER_RANDOM, fmNumber, (uint32_t)(uintptr_t)dispatch, 0, 0, 0);
}

FMSW_STATUS FMSW_RegisterStreamDispatch(FMSW_FmNumber_t fmNumber, FMSW_StreamDispatchFn_t dispatch)
{
    return fm_ecall(K7_FM_SVC_REGISTER_STREAM, fmNumber, (uint32_t)(uintptr_t)dispatch, 0, 0, 0);
}

FMSW_FmNumber_t GetFMID(void)
{
    return fm_ecall(K7_FM_SVC_GET_FMID, 0, 0, 0, 0, 0);
}

FMSW_STATUS SVC_SendReply(HI_MsgHandle token, uint32_t applicationErrorCode)
{
    return fm_ecall(K7_FM_SVC_SEND_REPLY, token, applicationErrorCode, 0, 0, 0);
}

void *SVC_GetReplyBuffer(HI_MsgHandle token, uint32_t replyLength)
{
    uint32_t result = fm_ecall(K7_FM_SVC_REPLY_BUFFER, token, replyLength, 0, 0, 0);
    return result < FIRST_ERROR ? (void *)(uintptr_t)result : NULL;
}

/* A length, or 0 where the service refused. */
static uint32_t length_or_zero(uint32_t result)
{
    return result < FIRST_ERROR ? result : 0;
}

uint32_t SVC_GetUserReplyBufLen(HI_MsgHandle token)
{
    return length_or_zero(fm_ecall(K7_FM_SVC_IO_REPLY_CAPACITY, token, 0, 0, 0, 0));
}

uint32_t SVC_GetRequestLength(HI_MsgHandle token)
{
    return length_or_zero(fm_ecall(K7_FM_SVC_IO_REQUEST_LENGTH, token, 0, 0, 0, 0));
}

uint32_t SVC_IO_Read(HI_MsgHandle token, void *buffer, uint32_t length)
{
    return length_or_zero(fm_ecall(K7_FM_SVC_IO_READ, token, fm_address(buffer), length, 0, 0));
}

uint32_t SVC_IO_Write(HI_MsgHandle token, const void *buffer, uint32_t length)
{
    return length_or_zero(fm_ecall(K7_FM_SVC_IO_WRITE, token, fm_address(buffer), length, 0, 0));
}

/* ---- The request and the reply where they lie ---- */

static uint32_t read_position(HI_MsgHandle token, uint32_t advance)
{
    return fm_ecall(K7_FM_SVC_IO_READ_POSITION, token, advance, 0, 0, 0);
}

static uint32_t write_position(HI_MsgHandle token, uint32_t advance)
{
    return fm_ecall(K7_FM_SVC_IO_WRITE_POSITION, token, advance, 0, 0, 0);
}

const void *SVC_IO_GetReadPointer(HI_MsgHandle token)
{
    uint32_t position = read_position(token, 0);
    return position < FIRST_ERROR ? (const void *)(uintptr_t)(K7_FM_REQUEST_BASE + position) : NULL;
}

const void *SVC_IO_GetReadBuffer(HI_MsgHandle token, uint32_t *length)
{
    uint32_t position = read_position(token, 0);
    *length = position < FIRST_ERROR ? SVC_GetRequestLength(token) - position : 0;
    return SVC_IO_GetReadPointer(token);
}

FMSW_STATUS SVC_IO_UpdateReadPointer(HI_MsgHandle token, uint32_t length)
{
    uint32_t result = read_position(token, length);
    return result < FIRST_ERROR ? FMSW_OK : result;
}

void *SVC_IO_GetWritePointer(HI_MsgHandle token)
{
    uint32_t position = write_position(token, 0);
    return position < FIRST_ERROR ? (void *)(uintptr_t)(K7_FM_REPLY_BASE + position) : NULL;
}

void *SVC_IO_GetWriteBuffer(HI_MsgHandle token, uint32_t *length)
{
    uint32_t position = write_position(token, 0);
    *length = position < FIRST_ERROR ? SVC_GetUserReplyBufLen(token) - position : 0;
    return SVC_IO_GetWritePointer(token);
}

FMSW_STATUS SVC_IO_UpdateWritePointer(HI_MsgHandle token, uint32_t length)
{
    uint32_t result = write_position(token, length);
    return result < FIRST_ERROR ? FMSW_OK : result;
}
