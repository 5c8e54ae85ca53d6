/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/fm.h
 * All of the FM SDK. An FM is one C or C++ file that includes this, defines its header and its Startup():
 *
 *     #include <fm/fm.h>
 *     DEFINE_FM_HEADER(0xa123, FM_MAKE_VERSION(1, 0), 1, "Example Ltd", "hello");
 *     static void on_message(HI_MsgHandle token, void *request, uint32_t length) { SVC_SendReply(token, 0); }
 *     FM_RV Startup(void) { return FMSW_RegisterRandomDispatch(GetFMID(), on_message); }
 *
 * FMs are single-threaded: the card makes one call at a time, and global variables keep their values between calls
 * until the card's firmware restarts. docs/fm-sdk.md is the tutorial.
 */
#ifndef FM_FM_H
#define FM_FM_H

#include <fm/crypto.h>
#include <fm/debug.h>
#include <fm/fmsw.h>
#include <fm/header.h>
#include <fm/smfs.h>
#include <fm/svc.h>
#include <fm/system.h>
#include <fm/types.h>

#endif
