// SPDX-License-Identifier: GPL-2.0-or-later
//
// The core of a faulted FM: the part of its own memory that explains the fault, as struct k7_fault_core has it. It may
// hold secrets of the FM, so it is wiped where it was, is kept under the key of the SMFS, and ends with that key.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <span>

#include "card/fm/engine.hpp"
#include "card/smfs/vault.hpp"
#include "card/store/store.hpp"

namespace k7::card {

/// Bytes of a core in the clear; wiped at the end.
class Core {
  public:
    explicit Core(Bytes bytes) : bytes_(std::move(bytes)) {}
    ~Core();
    Core(const Core &) = delete;
    Core &operator=(const Core &) = delete;
    Core(Core &&) noexcept = default;
    Core &operator=(Core &&) = delete;

    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

  private:
    Bytes bytes_;
};

/// Put K7_FAULT_KEY_HANDLE in the place of each of @p handles in @p bytes, aligned or not.
void hide_handles(std::span<std::byte> bytes, const std::set<std::uint32_t> &handles);

/// Of an FM that has just faulted at data address @p address, K7_FAULT_CORE_BYTES of memory at most: the stack around
/// its end, then pages that registers point to, data, heap, and the rest of the stack. Requests and replies are the
/// host's and never in it. @param elf that @p engine was made from @param handles hidden in it
[[nodiscard]] std::shared_ptr<const Core> take_core(const fm::FmEngine &engine, std::span<const std::byte> elf,
                                                    std::uint32_t address, const std::set<std::uint32_t> &handles);

/// For Store::add_fault_report(). @p core may be null, and outlives what is returned.
[[nodiscard]] Store::SealCore core_seal(const SmfsVault &vault, const Core *core);

/// @param sequence as Store::fault_core(). @return nothing when there is none, or none that this card can read
[[nodiscard]] std::optional<Core> read_core(Store &store, const SmfsVault &vault, std::uint32_t sequence);

} // namespace k7::card
