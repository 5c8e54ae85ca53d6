/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Status codes of the card, in completions and in the mailbox. One line a code:
 * K7_STATUS(name, number, text for people). Numbers never change their meaning.
 */
#ifndef K7_STATUS_H
#define K7_STATUS_H

#define K7_STATUS_LIST(K7_STATUS) \
	K7_STATUS(OK, 0x00, "success") \
	K7_STATUS(UNKNOWN_COMMAND, 0x01, "the card does not know this command") \
	K7_STATUS(BAD_LENGTH, 0x02, "wrong length of request or reply buffer") \
	K7_STATUS(BAD_FIELD, 0x03, "a field of the request has a value that is not allowed") \
	K7_STATUS(BAD_STATE, 0x04, "not allowed in the card's present state") \
	K7_STATUS(BUSY, 0x05, "the card is busy with something that excludes this") \
	K7_STATUS(DMA_ERROR, 0x06, "the card could not read or write host memory") \
	K7_STATUS(NOT_FOUND, 0x07, "no such object on the card") \
	K7_STATUS(EXISTS, 0x08, "the object exists already") \
	K7_STATUS(STORE_FULL, 0x09, "no room left in the card's store") \
	K7_STATUS(STORE_ERROR, 0x0a, "the card could not read or write its store") \
	K7_STATUS(DENIED, 0x0b, "not permitted") \
	K7_STATUS(ABORTED, 0x0c, "aborted before it was done") \
	K7_STATUS(INTERNAL, 0x0d, "the firmware failed inside itself") \
	K7_STATUS(IMAGE_FORMAT, 0x10, "the file is not a signed FM image") \
	K7_STATUS(IMAGE_SIGNATURE, 0x11, "the signature does not fit the image") \
	K7_STATUS(IMAGE_CERTIFICATE, 0x12, "the certificate may not sign FMs for this card") \
	K7_STATUS(IMAGE_HEADER, 0x13, "the FM header is wrong") \
	K7_STATUS(IMAGE_ELF, 0x14, "the ELF file is not a valid FM") \
	K7_STATUS(IMAGE_TOO_LARGE, 0x15, "the image is larger than the card takes") \
	K7_STATUS(IMAGE_OLDER, 0x16, "the FM on the card has a higher version than the image") \
	K7_STATUS(FM_NOT_FOUND, 0x20, "no FM with this ID is loaded") \
	K7_STATUS(FM_NOT_STARTED, 0x21, "the FM is loaded but not started") \
	K7_STATUS(FM_NO_HANDLER, 0x22, "the FM registered no dispatch handler") \
	K7_STATUS(FM_NO_REPLY, 0x23, "the FM returned without sending a reply") \
	K7_STATUS(FM_FAULT, 0x24, "the FM faulted and the card has halted") \
	K7_STATUS(FM_ISOLATED, 0x25, "the FM faulted and is stopped, the card goes on") \
	K7_STATUS(SMFS_NOT_ACTIVE, 0x30, "the SMFS is not activated") \
	K7_STATUS(NOT_INITIALISED, 0x40, "the HSM is not initialised") \
	K7_STATUS(LOGIN_REQUIRED, 0x41, "the HSM SO must log in first") \
	K7_STATUS(BAD_PASSWORD, 0x42, "wrong password") \
	K7_STATUS(ZEROIZED, 0x43, "wrong password for the third time: the HSM is zeroized") \
	K7_STATUS(FMS_NOT_ALLOWED, 0x44, "the HSM's policy does not allow FMs")

enum k7_status {
#define K7_STATUS_ENUM(name, number, text) K7_ST_##name = number,
	K7_STATUS_LIST(K7_STATUS_ENUM)
#undef K7_STATUS_ENUM
};

#endif /* K7_STATUS_H */
