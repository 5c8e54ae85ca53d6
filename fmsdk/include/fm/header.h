/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/header.h
 * The header that names an FM to the card and to the administrator.
 */
#ifndef FM_HEADER_H
#define FM_HEADER_H

#include <k7/fm_abi.h>

/** An FM version for DEFINE_FM_HEADER: @p major and @p minor are 0 .. 255; tools print "major.minor". */
#define FM_MAKE_VERSION(major, minor) ((((major) & 0xffu) << 8) | ((minor) & 0xffu))

/**
 * Define the FM's header. Use it once, at file scope; the linker refuses an FM without it.
 * @param FM_NUMBER       FM ID, 0xa000 .. 0xafff. Loading an FM whose ID is on the card replaces that FM.
 * @param FM_VERSION      FM_MAKE_VERSION(major, minor): major in the high byte, as the Luna documentation has it
 * @param FM_SERIAL_NO    the developer's serial number, 32 bits
 * @param MANUFACTURER_ID string literal of at most 32 characters
 * @param PRODUCT_ID      string literal of at most 16 characters: the FM's name in listings
 */
#define DEFINE_FM_HEADER(FM_NUMBER, FM_VERSION, FM_SERIAL_NO, MANUFACTURER_ID, PRODUCT_ID)                             \
    K7_FM_ASSERT((FM_NUMBER) >= K7_FM_ID_MIN && (FM_NUMBER) <= K7_FM_ID_MAX, "an FM ID is 0xa000 .. 0xafff");          \
    K7_FM_ASSERT(sizeof(MANUFACTURER_ID) <= 33, "the manufacturer has at most 32 characters");                         \
    K7_FM_ASSERT(sizeof(PRODUCT_ID) <= 17, "the product has at most 16 characters");                                   \
    extern const struct k7_fm_header fm_header;                                                                        \
    __attribute__((used, section(".fm_header"))) const struct k7_fm_header fm_header = {                               \
        .magic = K7_FM_HEADER_MAGIC,                                                                                   \
        .header_version = K7_FM_HEADER_VERSION,                                                                        \
        .fm_id = (FM_NUMBER),                                                                                          \
        .fm_version = (FM_VERSION),                                                                                    \
        .reserved0 = 0,                                                                                                \
        .serial = (FM_SERIAL_NO),                                                                                      \
        .reserved1 = 0,                                                                                                \
        .manufacturer = MANUFACTURER_ID,                                                                               \
        .product = PRODUCT_ID,                                                                                         \
    }

#endif
