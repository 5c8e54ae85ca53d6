// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm_host/core.hpp"

#include <algorithm>
#include <cstring>
#include <openssl/crypto.h>
#include <set>

#include "card/smfs/seal.hpp"
#include "k7/fault_report.h"
#include "k7/fm_abi.h"

namespace k7::card {

static_assert(sizeof(k7_fault_core) == 144);
static_assert(K7_FAULT_CORE_RANGES * K7_FM_PAGE == K7_FAULT_CORE_BYTES, "each page may be a range of its own");

namespace {

constexpr std::size_t kSp = 2;
constexpr std::size_t kPages = K7_FAULT_CORE_BYTES / K7_FM_PAGE;
constexpr std::size_t kInnermostStack = 8; ///< pages of stack that nothing else may take the room of
constexpr std::uint32_t kStackBase = K7_FM_STACK_TOP - K7_FM_STACK_SIZE;

/// The pages of a core: those that come first stay.
class Pages {
  public:
    Pages(const fm::FmEngine &engine, std::span<const std::byte> elf) : engine_(engine), memory_(fm::own_memory(elf)) {}

    [[nodiscard]] const std::vector<fm::Range> &memory() const { return memory_; }

    /// The page of @p address, if it is the FM's own.
    void add(std::uint32_t address) {
        const bool own = std::ranges::any_of(
            memory_, [=](const fm::Range &range) { return address - range.address < range.length; });
        if (own && pages_.size() < kPages)
            pages_.insert(address / K7_FM_PAGE * K7_FM_PAGE);
    }

    /// Pages of @p range that hold anything. All-zero ones say nothing that is worth the room of others.
    void add_used(const fm::Range &range) {
        for (std::uint32_t at = range.address; at < range.address + range.length; at += K7_FM_PAGE)
            if (!is_zero(at))
                add(at);
    }

    [[nodiscard]] Bytes bytes() const {
        k7_fault_core header{};
        header.version = K7_FAULT_CORE_VERSION;
        Bytes core(sizeof(header));
        core.reserve(sizeof(header) + pages_.size() * K7_FM_PAGE);
        for (const std::uint32_t page : pages_) {
            const auto content = page_at(page);
            core.insert(core.end(), content.begin(), content.end());
            add_to_ranges(header, page);
        }
        header.size = static_cast<std::uint32_t>(core.size());
        std::memcpy(core.data(), &header, sizeof(header));
        return core;
    }

  private:
    [[nodiscard]] std::span<const std::byte> page_at(std::uint32_t page) const {
        return engine_.readable(page, K7_FM_PAGE).value();
    }
    [[nodiscard]] bool is_zero(std::uint32_t page) const {
        return std::ranges::all_of(page_at(page), [](std::byte byte) { return byte == std::byte{0}; });
    }
    static void add_to_ranges(k7_fault_core &header, std::uint32_t page) {
        if (header.range_count != 0) {
            k7_fault_core_range &last = header.ranges[header.range_count - 1];
            if (last.address + last.length == page) {
                last.length += K7_FM_PAGE;
                return;
            }
        }
        header.ranges[header.range_count++] = {page, K7_FM_PAGE};
    }

    const fm::FmEngine &engine_;
    const std::vector<fm::Range> memory_;
    std::set<std::uint32_t> pages_;
};

/// Where a core belongs in the store. SMFS nodes have numbers from 1 on.
SealPlace place_of(std::uint32_t sequence, std::uint32_t generation) {
    return {-std::int64_t{sequence}, generation, 0};
}

} // namespace

Core::~Core() {
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

void hide_handles(std::span<std::byte> bytes, const std::set<std::uint32_t> &handles) {
    constexpr std::uint32_t kHidden = K7_FAULT_KEY_HANDLE;
    std::uint32_t word = 0;
    if (handles.empty())
        return;
    for (std::size_t at = 0; at + sizeof(word) <= bytes.size(); ++at) {
        std::memcpy(&word, bytes.data() + at, sizeof(word));
        if (handles.contains(word))
            std::memcpy(bytes.data() + at, &kHidden, sizeof(kHidden));
    }
}

std::shared_ptr<const Core> take_core(const fm::FmEngine &engine, std::span<const std::byte> elf, std::uint32_t address,
                                      const std::set<std::uint32_t> &handles) {
    Pages pages(engine, elf);
    const auto registers = engine.registers();
    const std::uint32_t stack = std::max(registers[kSp], kStackBase); // below it: the stack has overflowed
    for (std::size_t page = 0; page < kInnermostStack; ++page)
        pages.add(stack + static_cast<std::uint32_t>(page) * K7_FM_PAGE);
    pages.add(address);
    for (const std::uint32_t value : registers)
        pages.add(value);
    for (const fm::Range &range : pages.memory())
        pages.add_used(range);
    Bytes bytes = pages.bytes();
    hide_handles(std::span(bytes).subspan(sizeof(k7_fault_core)), handles);
    return std::make_shared<const Core>(std::move(bytes));
}

Store::SealCore core_seal(const SmfsVault &vault, const Core *core) {
    if (core == nullptr)
        return {};
    return [core, generation = vault.facts().generation, key = vault.core_key()](std::uint32_t sequence) {
        Bytes plain(core->bytes().begin(), core->bytes().end());
        std::memcpy(plain.data() + offsetof(k7_fault_core, sequence), &sequence, sizeof(sequence));
        Bytes sealed = seal(key, place_of(sequence, generation), plain);
        OPENSSL_cleanse(plain.data(), plain.size());
        return sealed;
    };
}

// One that does not open was sealed under a key that was erased, or has rotted: no reason for the card to fail.
std::optional<Core> read_core(Store &store, const SmfsVault &vault, std::uint32_t sequence) {
    const auto stored = store.fault_core(sequence);
    if (!stored || stored->sealed.size() < kSealOverhead)
        return std::nullopt;
    Bytes plain(stored->sealed.size() - kSealOverhead);
    if (!unseal(vault.core_key(), place_of(stored->sequence, vault.facts().generation), stored->sealed, plain))
        return std::nullopt;
    return Core(std::move(plain));
}

} // namespace k7::card
