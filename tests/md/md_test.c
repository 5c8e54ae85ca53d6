/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The C calls of hsm/md.h, by a C program. It takes the cards that MD_Initialize finds (K7HSM_CARDS, or this host's);
 * the first must run the FMs echo (a000), crashy (a002) and slow (see SLOW); the others must be as delivered, not
 * initialised. It halts the first card and brings it back.
 *
 * md_test COUNT    with the number of cards that there must be. Prints a line for what is wrong; exits 0 or 1.
 */
#define _DEFAULT_SOURCE /* fork, waitpid; pthread.h's own needs */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hsm/md.h"

#define ECHO 0xa000
#define CRASHY 0xa002
#define SLOW 0xa0fa
#define NOBODY 0xafff
#define FM_FAULT 1u /* enum k7_reason */
#define MESSAGE_MAX 65536u
#define THREADS 4
#define ROUNDS 50

static unsigned failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);                                                        \
            printf("line %d: not %s (%s)\n", __LINE__, #condition, MD_LastErrorText());                                \
        }                                                                                                              \
    } while (0)

static MD_RV call(uint16_t fm, const char *request, char *reply, uint32_t room, uint32_t *received, uint32_t *status)
{
    uint8_t copy[256];
    uint32_t length = (uint32_t)strlen(request);
    MD_Buffer_t sent[] = {{copy, length}, {NULL, 0}};
    MD_Buffer_t taken[] = {{(uint8_t *)reply, room}, {NULL, 0}};

    memcpy(copy, request, length);
    return MD_SendReceive(0, 0, fm, sent, 0, taken, received, status);
}

/* Does echo answer with what was sent? */
static bool echoes(const char *text)
{
    char reply[256] = "";
    uint32_t received = 0, status = 99;

    return call(ECHO, text, reply, sizeof reply, &received, &status) == MDR_OK && status == 0 &&
           received == strlen(text) && memcmp(reply, text, received) == 0;
}

static HsmState_t state_of(uint32_t index, uint32_t *why)
{
    HsmState_t state = S_NOT_RESPONDING;

    CHECK(MD_GetHsmState(index, &state, why) == MDR_OK);
    return state;
}

static void nothing_works_uninitialized(void)
{
    HsmState_t state;
    uint32_t value;

    CHECK(MD_GetHsmCount(&value) == MDR_NOT_INITIALIZED);
    CHECK(strstr(MD_LastErrorText(), "MD_Initialize") != NULL);
    CHECK(MD_GetHsmState(0, &state, &value) == MDR_NOT_INITIALIZED);
    CHECK(MD_ResetHsm(0) == MDR_NOT_INITIALIZED);
    CHECK(MD_SendReceive(0, 0, ECHO, NULL, 0, NULL, NULL, NULL) == MDR_NOT_INITIALIZED);
    CHECK(MD_GetParameter(MDP_MAX_BUFFER_LENGTH, &value, sizeof value) == MDR_NOT_INITIALIZED);
    MD_Finalize();
}

static void counting(uint32_t expected)
{
    uint32_t count = 99;

    CHECK(MD_Initialize() == MDR_OK);
    CHECK(MD_Initialize() == MDR_OK);
    CHECK(MD_GetHsmCount(&count) == MDR_OK);
    CHECK(count == expected);
    CHECK(MD_LastErrorText()[0] == '\0');
    CHECK(MD_GetHsmCount(NULL) == MDR_INVALID_PARAMETER);
}

static void parameters(void)
{
    uint32_t value = 0;

    CHECK(MD_GetParameter(MDP_MAX_BUFFER_LENGTH, &value, sizeof value) == MDR_OK);
    CHECK(value == MESSAGE_MAX);
    CHECK(MD_GetParameter(MDP_MAX_BUFFER_LENGTH, &value, 2) == MDR_INVALID_PARAMETER);
    CHECK(MD_GetParameter(MDP_MAX_BUFFER_LENGTH, NULL, sizeof value) == MDR_INVALID_PARAMETER);
    CHECK(MD_GetParameter((MD_Parameter_t)77, &value, sizeof value) == MDR_INVALID_PARAMETER);
}

static void indices(uint32_t count)
{
    HsmState_t state;

    for (uint32_t bad = count; bad != 0; bad = bad == UINT32_MAX ? 0 : UINT32_MAX) {
        CHECK(MD_GetHsmState(bad, &state, NULL) == MDR_INVALID_HSM_INDEX);
        CHECK(MD_ResetHsm(bad) == MDR_INVALID_HSM_INDEX);
        CHECK(MD_SendReceive(bad, 0, ECHO, NULL, 0, NULL, NULL, NULL) == MDR_INVALID_HSM_INDEX);
    }
    for (uint32_t index = 0; index < count; ++index) {
        uint32_t why = 99;
        HsmState_t expected = index == 0 ? S_NORMAL_OPERATION : S_PRE_INIT;
        CHECK(state_of(index, &why) == expected && why == 0);
        CHECK(state_of(index, NULL) == expected);
    }
    CHECK(MD_GetHsmState(0, NULL, NULL) == MDR_INVALID_PARAMETER);
}

static void pieces(void)
{
    uint8_t first[] = "one ", second[] = "two ", third[] = "three", a[3], b[8], c[64];
    MD_Buffer_t sent[] = {{first, 4}, {second, 0}, {second, 4}, {third, 5}, {NULL, 0}};
    MD_Buffer_t taken[] = {{a, sizeof a}, {b, 0}, {b, sizeof b}, {c, sizeof c}, {NULL, 0}};
    uint32_t received = 0, status = 99;

    memset(c, 'x', sizeof c);
    CHECK(MD_SendReceive(0, 0, ECHO, sent, 0, taken, &received, &status) == MDR_OK);
    CHECK(status == 0 && received == 13);
    CHECK(memcmp(a, "one", 3) == 0 && memcmp(b, " two thr", 8) == 0 && memcmp(c, "eexx", 4) == 0);
    CHECK(MD_SendReceive(0, 0, ECHO, sent, 0, taken, NULL, NULL) == MDR_OK);
    CHECK(MD_SendReceive(0, 0, ECHO, NULL, 0, NULL, &received, &status) == MDR_OK);
    CHECK(received == 0 && status == 0);
    /* The FM sees that the host takes nothing. */
    CHECK(MD_SendReceive(0, 0, ECHO, sent, 0, NULL, &received, &status) == MDR_OK);
    CHECK(received == 0 && status != 0);
    taken[1].length = 0;
    taken[1].pData = NULL; /* the end, earlier: three bytes of room */
    CHECK(MD_SendReceive(0, 0, ECHO, sent, 0, taken, &received, &status) == MDR_OK);
    CHECK(received == 0 && status != 0);
}

static void wrong_messages(void)
{
    uint8_t byte = 0;
    MD_Buffer_t null_with_length[] = {{NULL, 5}, {NULL, 0}};
    MD_Buffer_t good[] = {{&byte, 1}, {NULL, 0}};

    CHECK(MD_SendReceive(0, 0, ECHO, null_with_length, 0, good, NULL, NULL) == MDR_INVALID_PARAMETER);
    CHECK(MD_SendReceive(0, 0, ECHO, good, 0, null_with_length, NULL, NULL) == MDR_INVALID_PARAMETER);
    CHECK(MD_SendReceive(0, 7, ECHO, good, 0, good, NULL, NULL) == MDR_INVALID_PARAMETER);
    CHECK(MD_SendReceive(0, 0, NOBODY, good, 0, good, NULL, NULL) == MDR_FM_NOT_REGISTERED);
    CHECK(strstr(MD_LastErrorText(), "afff") != NULL);
    CHECK(MD_SendReceive(0, 0, 0, good, 0, good, NULL, NULL) == MDR_FM_NOT_REGISTERED);
}

static void largest_message(void)
{
    uint8_t *sent = malloc(2 * MESSAGE_MAX), *taken = malloc(2 * MESSAGE_MAX);
    uint32_t received = 0, status = 99;

    for (uint32_t at = 0; at < 2 * MESSAGE_MAX; ++at)
        sent[at] = (uint8_t)(at * 7 + at / 256);
    MD_Buffer_t from[] = {{sent, 1}, {sent + 1, MESSAGE_MAX - 1}, {NULL, 0}};
    MD_Buffer_t to[] = {{taken, 2 * MESSAGE_MAX}, {NULL, 0}};
    CHECK(MD_SendReceive(0, 0, ECHO, from, 0, to, &received, &status) == MDR_OK);
    CHECK(received == MESSAGE_MAX && memcmp(sent, taken, MESSAGE_MAX) == 0);
    ++from[1].length;
    CHECK(MD_SendReceive(0, 0, ECHO, from, 0, to, &received, &status) == MDR_INVALID_PARAMETER);
    from[0].length = from[1].length = UINT32_MAX; /* their sum has more than 32 bits; nothing of it is read */
    CHECK(MD_SendReceive(0, 0, ECHO, from, 0, to, &received, &status) == MDR_INVALID_PARAMETER);
    free(sent);
    free(taken);
}

static void *talk(void *who)
{
    char text[32];

    for (int round = 0; round < ROUNDS; ++round) {
        snprintf(text, sizeof text, "thread %d round %d", *(int *)who, round);
        CHECK(echoes(text));
    }
    return NULL;
}

static void threads(void)
{
    pthread_t thread[THREADS];
    int number[THREADS];

    for (int i = 0; i < THREADS; ++i) {
        number[i] = i;
        pthread_create(&thread[i], NULL, talk, &number[i]);
    }
    for (int round = 0; round < ROUNDS; ++round)
        CHECK(state_of(0, NULL) == S_NORMAL_OPERATION);
    for (int i = 0; i < THREADS; ++i)
        pthread_join(thread[i], NULL);
}

static void *talk_to_the_end(void *unused)
{
    MD_RV result;

    (void)unused;
    do {
        char reply[16];
        uint32_t received;
        result = call(ECHO, "on and on", reply, sizeof reply, &received, NULL);
    } while (result == MDR_OK);
    CHECK(result == MDR_NOT_INITIALIZED);
    return NULL;
}

/* The end under the feet of threads that talk; then all of it again. */
static void finalize_meanwhile(void)
{
    pthread_t thread[THREADS];

    for (int i = 0; i < THREADS; ++i)
        pthread_create(&thread[i], NULL, talk_to_the_end, NULL);
    CHECK(echoes("they talk"));
    MD_Finalize();
    for (int i = 0; i < THREADS; ++i)
        pthread_join(thread[i], NULL);
    nothing_works_uninitialized();
    CHECK(MD_Initialize() == MDR_OK);
    CHECK(echoes("again"));
}

/* A child is not initialised, and what it does is nothing to its parent. */
static void children(void)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        uint32_t count;
        failures = 0;
        CHECK(MD_GetHsmCount(&count) == MDR_NOT_INITIALIZED);
        MD_Finalize();
        CHECK(MD_SendReceive(0, 0, ECHO, NULL, 0, NULL, NULL, NULL) == MDR_NOT_INITIALIZED);
        CHECK(MD_Initialize() == MDR_OK);
        CHECK(MD_GetHsmCount(&count) == MDR_OK);
        fflush(stdout);
        _exit(failures == 0 ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(echoes("the parent goes on"));
}

static void times(void)
{
    uint8_t text[] = "400000000", byte; /* instructions: far more than a millisecond of them */
    MD_Buffer_t sent[] = {{text, sizeof text - 1}, {NULL, 0}};
    MD_Buffer_t taken[] = {{&byte, 1}, {NULL, 0}};

    MD_RV result = MDR_OK;
    for (int i = 0; i < 10 && result == MDR_OK; ++i) /* who is left aside for long finds the reply */
        result = MD_SendReceive(0, 0, SLOW, sent, 1, taken, NULL, NULL);
    CHECK(result == MDR_TIMEOUT);
    CHECK(MD_ResetHsm(0) == MDR_OK);
    CHECK(echoes("after the reset"));
}

static void a_halted_hsm(uint32_t count)
{
    char reply[64];
    uint32_t why = 99;

    CHECK(call(CRASHY, "crash", reply, sizeof reply, NULL, NULL) == MDR_INTERNAL_ERROR);
    CHECK(strstr(MD_LastErrorText(), "HALTED") != NULL);
    CHECK(state_of(0, &why) == S_HALTED && why == FM_FAULT);
    CHECK(call(ECHO, "hello", reply, sizeof reply, NULL, NULL) == MDR_INTERNAL_ERROR);
    for (uint32_t other = 1; other < count; ++other)
        CHECK(state_of(other, NULL) == S_PRE_INIT);
    CHECK(MD_ResetHsm(0) == MDR_OK);
    CHECK(state_of(0, &why) == S_NORMAL_OPERATION && why == 0);
    CHECK(echoes("it is back"));
}

int main(int argc, char **argv)
{
    uint32_t count = argc == 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;

    if (count == 0) {
        fprintf(stderr, "usage: md_test COUNT\n");
        return 2;
    }
    nothing_works_uninitialized();
    counting(count);
    parameters();
    indices(count);
    pieces();
    wrong_messages();
    largest_message();
    threads();
    finalize_meanwhile();
    children();
    times();
    a_halted_hsm(count);
    MD_Finalize();
    nothing_works_uninitialized();
    if (failures == 0)
        printf("ok\n");
    return failures == 0 ? 0 : 1;
}
