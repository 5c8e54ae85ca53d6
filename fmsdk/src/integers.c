/* SPDX-License-Identifier: Apache-2.0 */
/* Integers in a stream: big-endian, whatever the FM CPU is. */
#include <fm/svc.h>

/* An integer that does not fit is not taken in part: the position stays where it was. */
static bool read_integer(HI_MsgHandle token, uint32_t size, uint64_t *value)
{
    uint32_t available;
    const uint8_t *bytes = SVC_IO_GetReadBuffer(token, &available);
    *value = 0;
    if (bytes == NULL || available < size)
        return false;
    for (uint32_t i = 0; i < size; i++)
        *value = *value << 8 | bytes[i];
    return SVC_IO_UpdateReadPointer(token, size) == FMSW_OK;
}

static bool write_integer(HI_MsgHandle token, uint32_t size, uint64_t value)
{
    uint8_t bytes[8];
    for (uint32_t i = size; i > 0; i--, value >>= 8)
        bytes[i - 1] = (uint8_t)value;
    return SVC_IO_Write(token, bytes, size) == size;
}

bool SVC_IO_Read8(HI_MsgHandle token, uint8_t *value)
{
    uint64_t wide;
    bool done = read_integer(token, sizeof *value, &wide);
    *value = (uint8_t)wide;
    return done;
}

bool SVC_IO_Read16(HI_MsgHandle token, uint16_t *value)
{
    uint64_t wide;
    bool done = read_integer(token, sizeof *value, &wide);
    *value = (uint16_t)wide;
    return done;
}

bool SVC_IO_Read32(HI_MsgHandle token, uint32_t *value)
{
    uint64_t wide;
    bool done = read_integer(token, sizeof *value, &wide);
    *value = (uint32_t)wide;
    return done;
}

bool SVC_IO_Read64(HI_MsgHandle token, uint64_t *value)
{
    return read_integer(token, sizeof *value, value);
}

bool SVC_IO_Write8(HI_MsgHandle token, uint8_t value)
{
    return write_integer(token, sizeof value, value);
}

bool SVC_IO_Write16(HI_MsgHandle token, uint16_t value)
{
    return write_integer(token, sizeof value, value);
}

bool SVC_IO_Write32(HI_MsgHandle token, uint32_t value)
{
    return write_integer(token, sizeof value, value);
}

bool SVC_IO_Write64(HI_MsgHandle token, uint64_t value)
{
    return write_integer(token, sizeof value, value);
}
