// SPDX-License-Identifier: GPL-2.0-or-later
//
// The C ABI. No exception leaves this file, and no argument of a well-meaning caller aborts.
#pragma GCC visibility push(default)
#include "card/k7card.h"
#pragma GCC visibility pop

#include <algorithm>
#include <cstring>
#include <exception>
#include <span>
#include <string_view>

#include "card/card.hpp"

struct k7card {
    k7::card::Card card;
};

namespace {

void put_text(std::string_view text, char *to, std::size_t size) {
    if (!to || size == 0)
        return;
    const std::size_t length = std::min(text.size(), size - 1);
    std::memcpy(to, text.data(), length);
    to[length] = '\0';
}

const char *host_error(const k7card_host *host) {
    if (!host)
        return "no host was given";
    if (host->size < sizeof(k7card_host) || host->abi != K7CARD_ABI)
        return "the host was built for another version of the card's ABI";
    if (!host->dma_read || !host->dma_write || !host->interrupt)
        return "the host lacks a callback for DMA or interrupts";
    return nullptr;
}

} // namespace

struct k7card *k7card_create(const struct k7card_host *host, const struct k7card_property *properties, size_t count,
                             char *error, size_t error_size) {
    if (const char *reason = host_error(host)) {
        put_text(reason, error, error_size);
        return nullptr;
    }
    try {
        return new k7card{{*host, std::span(properties, properties ? count : 0)}};
    } catch (const std::exception &failure) {
        put_text(failure.what(), error, error_size);
        return nullptr;
    }
}

void k7card_destroy(struct k7card *card) {
    delete card;
}

uint32_t k7card_mmio_read(struct k7card *card, uint64_t offset, unsigned size) {
    try {
        return card->card.mmio_read(offset, size);
    } catch (const std::exception &) {
        return 0;
    }
}

void k7card_mmio_write(struct k7card *card, uint64_t offset, uint32_t value, unsigned size) {
    try {
        card->card.mmio_write(offset, value, size);
    } catch (const std::exception &) {
        // Out of memory for a log line: the write has been done or ignored, as it should.
    }
}

void k7card_reset(struct k7card *card, enum k7card_reset_kind kind) {
    try {
        card->card.reset(kind);
    } catch (const std::exception &) {
        // Nothing here throws but a mutex that the system refuses; there is nobody to tell.
    }
}

int k7card_set_property(struct k7card *card, const char *name, const char *value, char *error, size_t error_size) {
    try {
        card->card.set_property(name ? name : "", value ? value : "");
        return 0;
    } catch (const std::exception &failure) {
        put_text(failure.what(), error, error_size);
        return -1;
    }
}

int k7card_get_property(struct k7card *card, const char *name, char *value, size_t size) {
    try {
        const auto text = card->card.get_property(name ? name : "");
        if (!text)
            return -1;
        put_text(*text, value, size);
        return 0;
    } catch (const std::exception &) {
        return -1;
    }
}
