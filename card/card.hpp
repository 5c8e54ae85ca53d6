// SPDX-License-Identifier: GPL-2.0-or-later
//
// A whole card, put together.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "card/boot_loader/boot_loader.hpp"
#include "card/context.hpp"

namespace k7::card {

/// What k7card.h describes, in C++. Thread-safe.
class Card {
  public:
    /// @throws Error
    Card(const k7card_host &host, std::span<const k7card_property> properties)
        : context_(host, parse_options(properties)), boot_loader_(context_) {}

    std::uint32_t mmio_read(std::uint64_t offset, unsigned size) { return context_.registers.read(offset, size); }
    void mmio_write(std::uint64_t offset, std::uint32_t value, unsigned size) {
        context_.registers.write(offset, value, size);
    }
    void reset(k7card_reset_kind kind) { boot_loader_.reset(kind); }

    /// @throws Error
    void set_property(std::string_view name, std::string_view value);
    [[nodiscard]] std::optional<std::string> get_property(std::string_view name);

  private:
    Context context_;
    BootLoader boot_loader_;
};

} // namespace k7::card
