/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * @file k7card.h
 * The C ABI of libk7card.so: a whole virtual HSM card without its PCI shell.
 *
 * The host of a card is whatever plays the PCIe bus: the QEMU device
 * card/qemu/k7-hsm.c, or libhsm's in-process transport. The host hands register
 * accesses in and gets DMA and interrupts back through callbacks.
 *
 * Threads: the card runs its boot loader and its firmware in threads of its own.
 * k7card_mmio_read(), k7card_mmio_write(), k7card_reset() and the property calls
 * may come from any thread, also at the same time, and never wait for the
 * firmware, a Functionality Module (FM) or the store: a vCPU may call them. What
 * they may take:
 *   - A write to a ring's doorbell serves short commands itself when the
 *     firmware's thread has nothing to do: it fetches what the ring holds, runs at
 *     most 32 commands, begins none later than 50 microseconds after the first,
 *     and runs at most 20000 instructions of the FM that a command calls, with at
 *     most 32 short services of the FM's. The rest is left to the firmware's
 *     thread.
 *   - k7card_reset() waits for a DMA copy (64 KiB at most) or an interrupt
 *     callback that runs in another thread while the reset comes in.
 *   - No other call waits for a callback that runs in another thread. So a host
 *     may hold a lock in k7card_mmio_write() that its DMA callbacks wait for when
 *     a thread of the card calls them, as long as those that come from inside
 *     k7card_mmio_write() do without.
 * k7card_create() and k7card_destroy() may take as long as opening and closing the
 * store takes (milliseconds, a second at most).
 */
#ifndef K7CARD_H
#define K7CARD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Raised by every change that a host built against the old header would not survive. */
#define K7CARD_ABI 1

/** Bytes of BAR0. Accesses are 4 bytes wide and 4-byte aligned (include/k7/hw.h). */
#define K7CARD_BAR0_SIZE 0x10000u

/** Interrupt vectors: 0 for events, 1 + N for ring pair N. */
#define K7CARD_VECTORS 17u

struct k7card;

/** Levels for k7card_host.log. */
enum k7card_log_level {
    K7CARD_LOG_DEBUG = 0,
    K7CARD_LOG_INFO = 1,
    K7CARD_LOG_WARNING = 2,
    K7CARD_LOG_GUEST_ERROR = 3, /**< the driver broke a rule of docs/card-interface.md */
    K7CARD_LOG_ERROR = 4,
};

/**
 * What the card needs of its host. Callbacks come from the card's threads, and
 * from a thread that is inside a k7card_*() call; never after k7card_destroy()
 * has returned. A callback must not call back into k7card_destroy().
 */
struct k7card_host {
    uint32_t size; /**< sizeof(struct k7card_host) of the caller */
    uint32_t abi;  /**< K7CARD_ABI of the caller */
    void *opaque;  /**< handed back as the first argument of each callback */

    /**
     * Copy @p len bytes from bus address @p addr. Returns 0, or -1 when any byte
     * could not be read (@p buf is then undefined). Must not wait for a vCPU. Called
     * by the thread that is inside k7card_mmio_write(), too.
     */
    int (*dma_read)(void *opaque, uint64_t addr, void *buf, size_t len);
    /** Copy @p len bytes to bus address @p addr. Returns 0 or -1 as dma_read does. */
    int (*dma_write)(void *opaque, uint64_t addr, const void *buf, size_t len);
    /** Raise MSI-X vector @p vector (0 .. K7CARD_VECTORS - 1). Also from inside k7card_mmio_write(). Must not wait. */
    void (*interrupt)(void *opaque, unsigned vector);
    /** First and last thing each card thread calls. May be NULL. */
    void (*thread_start)(void *opaque);
    void (*thread_stop)(void *opaque);
    /** One line of text without a newline; never a payload byte. May be NULL. */
    void (*log)(void *opaque, enum k7card_log_level level, const char *line);
};

/**
 * A property as text. Names and values are listed in docs/card-interface.md:
 *   store   path of the store file, made when missing; "" keeps it in memory
 *   esn     electronic serial number XXXX-XXXX-XXXX (upper case hex); for a new
 *           store only: an existing store with another ESN is refused
 *   fault   fault to play (see there), "none" for none; settable while it runs
 */
struct k7card_property {
    const char *name;
    const char *value;
};

/** How a card is reset. All of them end with the boot loader starting anew. */
enum k7card_reset_kind {
    K7CARD_RESET_POWER = 0, /**< cold start: also clears the `fault` property */
    K7CARD_RESET_BUS = 1,   /**< conventional or secondary bus reset */
    K7CARD_RESET_FLR = 2,   /**< function level reset */
};

/**
 * Make a card and switch it on: the boot loader runs when this returns, the
 * firmware starts by itself a little later (watch the STATE register).
 *
 * @param host        callbacks; copied
 * @param properties  @p count pairs; copied; an unknown name is an error
 * @param error       where a one-line reason goes on failure; may be NULL
 * @param error_size  bytes at @p error
 * @return the card, or NULL (error is filled). Ends with k7card_destroy().
 */
struct k7card *k7card_create(const struct k7card_host *host, const struct k7card_property *properties, size_t count,
                             char *error, size_t error_size);

/** Switch off and free: stops the threads, closes the store. NULL is allowed. */
void k7card_destroy(struct k7card *card);

/**
 * Read a register of BAR0. @p size other than 4, a misaligned or an unknown
 * offset reads as 0 and is logged; with the link down everything reads as ones.
 */
uint32_t k7card_mmio_read(struct k7card *card, uint64_t offset, unsigned size);

/** Write a register of BAR0; what cannot be written is ignored and logged. */
void k7card_mmio_write(struct k7card *card, uint64_t offset, uint32_t value, unsigned size);

/**
 * Reset the card. Returns at once; after the return no DMA and no interrupt of
 * the time before the reset happens any more, and STATE reads K7_STATE_BOOT
 * until the firmware runs again.
 */
void k7card_reset(struct k7card *card, enum k7card_reset_kind kind);

/**
 * Set a property of a running card (only `fault` can be).
 * @return 0, or -1 with a one-line reason in @p error.
 */
int k7card_set_property(struct k7card *card, const char *name, const char *value, char *error, size_t error_size);

/**
 * Read a property into @p value (always terminated, cut at @p size).
 * @return 0, or -1 when there is no such property.
 */
int k7card_get_property(struct k7card *card, const char *name, char *value, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* K7CARD_H */
