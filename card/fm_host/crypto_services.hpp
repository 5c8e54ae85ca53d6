// SPDX-License-Identifier: GPL-2.0-or-later
//
// The services of cryptography of one FM: its keys and digest objects by handle, and the table of what it can ask for.
// As with all services every argument is the FM's, so hostile.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "card/context.hpp"
#include "card/fm/engine.hpp"
#include "card/fm_host/digests.hpp"
#include "card/fm_host/key_objects.hpp"
#include "card/fm_host/mechanisms.hpp"
#include "card/fm_host/work_budget.hpp"

namespace k7::card {

class CryptoServices {
  public:
    using Arguments = std::array<std::uint32_t, 6>;

    /// @param work what they spend from; must outlive this
    /// @param kill ends what takes long; must outlive this
    CryptoServices(Smfs &smfs, const SmfsOwner &owner, WorkBudget &work, const std::atomic<bool> &kill)
        : kill_(kill), work_(work), objects_(smfs, owner) {}

    [[nodiscard]] static bool has(std::uint32_t number) { return find(number) != nullptr; }
    /// May it take longer than some microseconds? Those that work with a key do.
    [[nodiscard]] static bool takes_long(std::uint32_t number, const Arguments &arguments);
    /// @return what the FM gets. @throws FmRefusal, FmOverwork, SmfsError, StoreError
    std::uint32_t serve(fm::FmEngine &engine, std::uint32_t number, const Arguments &arguments);
    /// Of the keys that there are.
    [[nodiscard]] std::set<std::uint32_t> key_handles() const;
    void forget_keys() {
        keys_.clear();
        digests_.clear();
    }

  private:
    using Handler = std::uint32_t (CryptoServices::*)(fm::FmEngine &engine, const Arguments &arguments);
    struct Entry {
        std::uint32_t number;
        Handler handler;
        int length_argument; ///< the service is short when this argument is small; kNever, kAlways
    };
    static constexpr int kAlwaysShort = -1;
    static constexpr int kNeverShort = -2;
    static const std::array<Entry, 18> kEntries;
    [[nodiscard]] static const Entry *find(std::uint32_t number);

    std::uint32_t digest(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t digest_open(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t digest_update(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t digest_final(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t digest_close(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t key_generate(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t key_import(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t key_export(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t key_public(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t key_info(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t key_delete(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t key_derive(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t key_store(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t key_load(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t encrypt(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t decrypt(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t sign(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t verify(fm::FmEngine &engine, const Arguments &arguments);

    [[nodiscard]] const Key &key_at(std::uint32_t handle) const;
    [[nodiscard]] Digest &digest_at(std::uint32_t handle);
    /// Where the handle of a new key goes, which there must be room for.
    [[nodiscard]] std::span<std::byte> room_for_key(fm::FmEngine &engine, std::uint32_t address) const;
    std::uint32_t keep(Key key, std::span<std::byte> handle_to);
    [[nodiscard]] static std::uint32_t first_handle();
    [[nodiscard]] std::uint32_t new_handle();

    struct Asked;
    [[nodiscard]] Asked operation_at(fm::FmEngine &engine, std::uint32_t address) const;
    std::uint32_t transform(fm::FmEngine &engine, std::uint32_t address, Mechanism::Transform Mechanism::*which,
                            bool private_only);

    const std::atomic<bool> &kill_;
    WorkBudget &work_;
    KeyObjects objects_;
    std::map<std::uint32_t, Key> keys_; ///< by handle
    std::map<std::uint32_t, Digest> digests_;
    std::uint32_t next_handle_ = first_handle();
};

} // namespace k7::card
