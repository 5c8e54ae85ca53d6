/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file hsm/md.h
 * Messages to Functionality Modules (FMs) from C: the calls of the field's message dispatch library, over libhsm.
 *
 * Names, meanings and the order of arguments follow the public documentation of such libraries (Thales Luna 7 FM SDK,
 * "MD_API/MD_SendRecieve"; ProtectToolkit-C 5.9.1, "Message Dispatch API": MD_Initialize, the rule that HSMs are counted
 * once, lists of {pointer, length} that NULL and 0 end). The numbers of MDR_*, S_* and MDP_* are this project's own:
 * compile programs against this header, nothing is binary compatible with a product.
 *
 * Which HSMs: those that the driver has bound, in the order of their nodes, so that /dev/k7pf0 has index 0 where no node
 * is missing. When the environment has K7HSM_CARDS, its cards instead: selectors as the tools' --card takes them (node,
 * ESN, PCI address, sim:STOREFILE[,property=value...]) with ';' between them. Programs that run with more privilege than
 * their caller do not look at it.
 *
 * Threads: all calls may come from several threads at the same time. MD_Finalize waits for nothing; calls that are under
 * way end as they would without it. A child of fork() is not initialised: it calls MD_Initialize for itself.
 *
 * Link with -lhsm. The library is C++ inside; no exception leaves these calls.
 */
#ifndef HSM_MD_H
#define HSM_MD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MD_EXPORT __attribute__((visibility("default")))

/** What a call returns. */
typedef enum MD_RV {
    MDR_OK = 0,
    MDR_UNSUCCESSFUL = 1,           /**< failed, for a reason that has no code of its own: MD_LastErrorText() */
    MDR_NOT_INITIALIZED = 2,        /**< MD_Initialize has not been called, or MD_Finalize since */
    MDR_INVALID_HSM_INDEX = 3,      /**< not below the count of MD_GetHsmCount() */
    MDR_INVALID_PARAMETER = 4,      /**< a pointer is NULL that must not be, a length or value is not allowed */
    MDR_INSUFFICIENT_RESOURCES = 5, /**< no memory on the host or on the HSM */
    MDR_INTERNAL_ERROR = 6,         /**< the HSM is halted, failed, gone or does not answer: MD_GetHsmState() */
    MDR_OPERATION_CANCELLED = 7,    /**< the HSM was reset while the message was under way: the FM may have handled it */
    MDR_TIMEOUT = 8,                /**< no answer within the time given */
    MDR_PERMISSION_DENIED = 9,      /**< the process may not use the node, or may not reset the HSM */
    MDR_FM_NOT_REGISTERED = 10,     /**< no FM of that number runs and has registered a handler */
    MDR_FM_DISPATCH_BLOCKED = 11    /**< the firmware runs but serves no FM: maintenance, or not initialised */
} MD_RV;

/** State of an HSM. */
typedef enum HsmState_t {
    S_NOT_RESPONDING = 0,   /**< gone from the bus, or no channel to it can be opened */
    S_BOOT_LOADER = 1,      /**< its firmware does not run: starting, or stopped on purpose */
    S_NORMAL_OPERATION = 2, /**< serves messages */
    S_PRE_INIT = 3,         /**< not initialised */
    S_MAINTENANCE = 4,      /**< the firmware runs without FMs */
    S_HALTED = 5,           /**< an FM or the firmware has halted it */
    S_FAILED = 6,           /**< hardware or store failed */
    S_TAMPERED = 7
} HsmState_t;

/** What MD_GetParameter can tell. */
typedef enum MD_Parameter_t {
    MDP_MAX_BUFFER_LENGTH = 1 /**< uint32_t: bytes that one message may have, in each direction, buffers added up */
} MD_Parameter_t;

/** One piece of a message. A list of them is ended by one whose pData is NULL and whose length is 0. */
typedef struct MD_Buffer_t {
    uint8_t *pData; /**< may be NULL only when length is 0 */
    uint32_t length;
} MD_Buffer_t;

/**
 * Count the HSMs and give each its index, once: HSMs that come or go later change neither, until MD_Finalize and
 * MD_Initialize are called again. Opens none of them. When the library is initialised already, nothing happens.
 * @return MDR_OK, also when there is no HSM; MDR_UNSUCCESSFUL when they cannot be counted
 */
MD_EXPORT MD_RV MD_Initialize(void);

/** Give everything back that MD_Initialize and later calls took. Harmless when nothing is initialised. */
MD_EXPORT void MD_Finalize(void);

/**
 * How many HSMs MD_Initialize has found; their indices are 0 to one less.
 * @param pHsmCount set on success
 * @return MDR_OK, MDR_NOT_INITIALIZED, MDR_INVALID_PARAMETER
 */
MD_EXPORT MD_RV MD_GetHsmCount(uint32_t *pHsmCount);

/**
 * State of an HSM, whatever it is: a halted one answers as well.
 * @param pState     set on success
 * @param pErrorCode why it is in that state (enum k7_reason of k7/hw.h), 0: no reason; may be NULL
 * @return MDR_OK, MDR_NOT_INITIALIZED, MDR_INVALID_HSM_INDEX, MDR_INVALID_PARAMETER, MDR_PERMISSION_DENIED
 */
MD_EXPORT MD_RV MD_GetHsmState(uint32_t hsmIndex, HsmState_t *pState, uint32_t *pErrorCode);

/**
 * Restart the HSM's firmware and its FMs, and wait until it is up again: FMs that were loaded since the last start run
 * from now on. An HSM that halts again while it starts is MDR_INTERNAL_ERROR. Needs CAP_SYS_ADMIN; messages under way
 * end with MDR_OPERATION_CANCELLED.
 * @return MDR_OK, MDR_NOT_INITIALIZED, MDR_INVALID_HSM_INDEX, MDR_PERMISSION_DENIED, MDR_INTERNAL_ERROR, MDR_TIMEOUT
 */
MD_EXPORT MD_RV MD_ResetHsm(uint32_t hsmIndex);

/**
 * Send a message to an FM and wait for its reply. What is in them is between the FM and its host program; bytes arrive
 * as they are, and the library wipes its own copies.
 * @param originatorId 0. Other values are for servers that pass on the messages of others, which is not supported
 * @param fmNumber     FM ID, as DEFINE_FM_HEADER has it
 * @param pReq         pieces of the request, sent one after the other; not changed. NULL: an empty request
 * @param timeout      longest wait for the reply in milliseconds; 0: the driver's default, 30 s
 * @param pResp        buffers that the reply fills, one after the other. Their sum is what the FM is told that the host
 *                     takes. NULL: no reply is wanted but its status
 * @param pReceivedLen set to the length of the reply on success; may be NULL
 * @param pFmStatus    set to the status that the FM gave to SVC_SendReply on success; may be NULL
 * @return MDR_OK: the FM has answered, see *pFmStatus. MDR_NOT_INITIALIZED, MDR_INVALID_HSM_INDEX, MDR_INVALID_PARAMETER
 *         (also a request longer than MDP_MAX_BUFFER_LENGTH), MDR_INSUFFICIENT_RESOURCES, MDR_FM_NOT_REGISTERED,
 *         MDR_FM_DISPATCH_BLOCKED, MDR_INTERNAL_ERROR (the FM has halted the HSM, or it was halted before),
 *         MDR_OPERATION_CANCELLED, MDR_TIMEOUT, MDR_PERMISSION_DENIED, MDR_UNSUCCESSFUL (also a handler that has sent no
 *         reply)
 */
MD_EXPORT MD_RV MD_SendReceive(uint32_t hsmIndex, uint32_t originatorId, uint16_t fmNumber, MD_Buffer_t *pReq,
                               uint32_t timeout, MD_Buffer_t *pResp, uint32_t *pReceivedLen, uint32_t *pFmStatus);

/**
 * A property of the library.
 * @param pValue   set on success
 * @param valueLen bytes at pValue: exactly those of the parameter's type
 * @return MDR_OK, MDR_NOT_INITIALIZED, MDR_INVALID_PARAMETER
 */
MD_EXPORT MD_RV MD_GetParameter(MD_Parameter_t parameter, void *pValue, uint32_t valueLen);

/**
 * Why the last call of this thread did not return MDR_OK: cause, object and remedy in one line, for logs and people.
 * An addition of this project's.
 * @return never NULL; empty after a success. Valid until the next call of this thread
 */
MD_EXPORT const char *MD_LastErrorText(void);

#ifdef __cplusplus
}
#endif

#endif /* HSM_MD_H */
