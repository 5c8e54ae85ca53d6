/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fm/fmsw.h
 * The FM dispatch switch: how messages from the host reach an FM. An FM registers exactly one handler, in Startup().
 * Names and shapes follow the public FM SDK documentation ("FM Dispatch Switch"); numbers are k7's own.
 */
#ifndef FM_FMSW_H
#define FM_FMSW_H

#include <fm/types.h>
#include <k7/fm_abi.h>

FM_BEGIN_DECLS

/** Result of the dispatch and of the general services. */
typedef uint32_t FMSW_STATUS;
#define FMSW_OK K7_FM_OK                                              /**< done */
#define FMSW_BAD_POINTER K7_FM_E_BAD_POINTER                          /**< memory that the FM may not use so */
#define FMSW_INSUFFICIENT_RESOURCES K7_FM_E_INSUFFICIENT_RESOURCES    /**< the card lacks memory or handles */
#define FMSW_BAD_FM_NUMBER K7_FM_E_BAD_FM_NUMBER                      /**< not this FM's own ID */
#define FMSW_ALREADY_REGISTERED K7_FM_E_ALREADY_REGISTERED            /**< the FM has a handler */
#define FMSW_BAD_TOKEN K7_FM_E_BAD_TOKEN                              /**< not the running message */
#define FMSW_BAD_LENGTH K7_FM_E_BAD_LENGTH                            /**< longer than allowed */
#define FMSW_NOT_READY K7_FM_E_NOT_READY                              /**< the card cannot do this now */

/** Number that names an FM in the switch: its FM ID. */
typedef uint32_t FMSW_FmNumber_t;

/**
 * Handler with random access: the whole request lies in memory.
 * @param token     names the message in every SVC_ call
 * @param reqBuffer the request, read only; writing to it is a fault. Valid until SVC_SendReply.
 * @param reqLength bytes of request, 0 .. K7_FM_MESSAGE_MAX. The request is the host's: trust none of it.
 */
typedef void (*FMSW_RandomDispatchFn_t)(HI_MsgHandle token, void *reqBuffer, uint32_t reqLength);

/** Handler that reads and writes through the SVC_IO_ calls of fm/svc.h. */
typedef void (*FMSW_StreamDispatchFn_t)(HI_MsgHandle token);

/**
 * Register the handler for messages to this FM.
 * @param fmNumber GetFMID()
 * @param dispatch the handler; it must answer with SVC_SendReply before it returns
 * @return FMSW_OK, FMSW_BAD_FM_NUMBER, FMSW_ALREADY_REGISTERED or FMSW_BAD_POINTER
 */
FMSW_STATUS FMSW_RegisterRandomDispatch(FMSW_FmNumber_t fmNumber, FMSW_RandomDispatchFn_t dispatch);

/** As FMSW_RegisterRandomDispatch, for a stream handler. */
FMSW_STATUS FMSW_RegisterStreamDispatch(FMSW_FmNumber_t fmNumber, FMSW_StreamDispatchFn_t dispatch);

/** @return this FM's ID, as in its header */
FMSW_FmNumber_t GetFMID(void);

FM_END_DECLS

#endif
