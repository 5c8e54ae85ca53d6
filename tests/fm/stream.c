/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream: the stream dispatch. FM ID a0f7. The first byte of the request chooses:
 *   'U' text         replies text in upper case, moved in pieces of 7 bytes with SVC_IO_Read and SVC_IO_Write
 *   'P' text         the same, in place through the read and write pointers
 *   'I' u8 u16 u32 u64   big-endian; replies each plus 1, big-endian
 *   'L'              replies two big-endian u32: length of the request, bytes that the host takes
 * Status 0; 1 when a service gave something unexpected; 2 for another first byte or too few integers.
 */
#include <ctype.h>
#include <fm/fm.h>

DEFINE_FM_HEADER(0xa0f7, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "stream");

enum status { DONE = 0, WRONG = 1, BAD_REQUEST = 2 };

static uint32_t upper_in_pieces(HI_MsgHandle token)
{
    char piece[7];
    for (uint32_t length; (length = SVC_IO_Read(token, piece, sizeof piece)) > 0;) {
        for (uint32_t i = 0; i < length; i++)
            piece[i] = (char)toupper(piece[i]);
        if (SVC_IO_Write(token, piece, length) != length)
            return WRONG;
    }
    return DONE;
}

static uint32_t upper_in_place(HI_MsgHandle token)
{
    uint32_t length, room;
    const char *from = SVC_IO_GetReadBuffer(token, &length);
    char *to = SVC_IO_GetWriteBuffer(token, &room);
    if (from != SVC_IO_GetReadPointer(token) || to != SVC_IO_GetWritePointer(token) || room < length)
        return WRONG;
    for (uint32_t i = 0; i < length; i++)
        to[i] = (char)toupper(from[i]);
    if (SVC_IO_UpdateReadPointer(token, length) != FMSW_OK || SVC_IO_UpdateWritePointer(token, length) != FMSW_OK)
        return WRONG;
    /* Both are at their ends now. */
    bool at_end = SVC_IO_GetReadPointer(token) == from + length && SVC_IO_GetWritePointer(token) == to + length;
    return at_end && SVC_IO_UpdateReadPointer(token, 1) == FMSW_BAD_LENGTH ? DONE : WRONG;
}

static uint32_t add_one_to_each(HI_MsgHandle token)
{
    uint8_t byte;
    uint16_t half;
    uint32_t word;
    uint64_t wide;
    if (!SVC_IO_Read8(token, &byte) || !SVC_IO_Read16(token, &half) || !SVC_IO_Read32(token, &word) ||
        !SVC_IO_Read64(token, &wide))
        return BAD_REQUEST;
    bool written = SVC_IO_Write8(token, (uint8_t)(byte + 1)) && SVC_IO_Write16(token, (uint16_t)(half + 1)) &&
                   SVC_IO_Write32(token, word + 1) && SVC_IO_Write64(token, wide + 1);
    return written && !SVC_IO_Read8(token, &byte) ? DONE : WRONG;
}

static uint32_t lengths(HI_MsgHandle token)
{
    bool written = SVC_IO_Write32(token, SVC_GetRequestLength(token)) &&
                   SVC_IO_Write32(token, SVC_GetUserReplyBufLen(token));
    return written ? DONE : WRONG;
}

static void on_message(HI_MsgHandle token)
{
    uint8_t verb = 0;
    uint32_t status = BAD_REQUEST;
    SVC_IO_Read8(token, &verb);
    if (verb == 'U')
        status = upper_in_pieces(token);
    else if (verb == 'P')
        status = upper_in_place(token);
    else if (verb == 'I')
        status = add_one_to_each(token);
    else if (verb == 'L')
        status = lengths(token);
    SVC_SendReply(token, status);
}

FM_RV Startup(void)
{
    return FMSW_RegisterStreamDispatch(GetFMID(), on_message);
}
