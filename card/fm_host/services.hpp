// SPDX-License-Identifier: GPL-2.0-or-later
//
// What an FM can ask of the card: the `ecall`s of include/k7/fm_abi.h. Every argument is the FM's, so hostile: memory
// is reached only through the engine's readable() and writable(), tokens and handles are looked up, lengths compared
// by subtraction.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "card/context.hpp"
#include "card/fm/engine.hpp"
#include "card/fm_host/timers.hpp"
#include "card/fm_host/work_budget.hpp"
#include "card/smfs/smfs.hpp"

namespace k7::card {

class CryptoServices;

/// How an FM wants to be called.
struct Dispatch {
    enum class Kind { None, Random, Stream };
    Kind kind = Kind::None;
    std::uint32_t address = 0;
};

/// The message that an FM is working on.
struct Message {
    std::uint32_t token = 0; ///< 0: there is no message, or it has ended
    std::span<const std::byte> request;
    std::uint32_t capacity = 0; ///< bytes of reply that the host takes
    std::uint32_t read_position = 0;
    std::uint32_t reply_length = 0;
    bool replied = false;
    std::uint32_t status = 0; ///< the FM's own
};

/// The services of one FM.
class FmServices final : public fm::ServiceHandler {
  public:
    using Arguments = std::array<std::uint32_t, 6>;

    /// @param kill ends a service that takes long; must outlive this
    FmServices(Context &card, Smfs &smfs, const SmfsOwner &owner, const std::atomic<bool> &kill);
    ~FmServices() override;

    fm::ServiceResult service(fm::FmEngine &engine, std::uint32_t number, const Arguments &arguments) override;
    /// Those that touch the store or work with keys, and those that are told to do much.
    [[nodiscard]] bool takes_long(std::uint32_t number, const Arguments &arguments) const override;

    [[nodiscard]] const Dispatch &dispatch() const { return dispatch_; }
    /// Open a message. @return its token
    std::uint32_t begin(std::span<const std::byte> request, std::uint32_t capacity);
    /// Close it, replied or not.
    Message end();
    /// Work begins that is no message: a timer's.
    void begin_without_message();
    [[nodiscard]] FmTimers &timers() { return timers_; }
    /// Go on with what a service could not throw through the FM: a broken store.
    void rethrow_failure();
    /// Wipe the FM's keys and digest objects.
    void forget_keys();
    [[nodiscard]] std::set<std::uint32_t> key_handles() const;
    /// The FM does not run again: that, its timers, and the files and searches that it left open.
    void give_back();

  private:
    using Handler = std::uint32_t (FmServices::*)(fm::FmEngine &engine, const Arguments &arguments);
    struct Entry {
        std::uint32_t number = 0;
        Handler handler = nullptr;
        std::uint32_t cost = 1;             ///< in the units of K7_FM_WORK_MAX, besides that of what its lengths name
        std::array<int, 2> lengths{-1, -1}; ///< arguments that say how much there is to do; -1: none
    };
    static const std::array<Entry, 64> kEntries; ///< by number
    static constexpr std::array<Entry, 64> make_entries();
    [[nodiscard]] static std::size_t bytes_of(const Entry &entry, const Arguments &arguments);
    std::uint32_t serve(fm::FmEngine &engine, std::uint32_t number, const Arguments &arguments);

    // services.cpp
    std::uint32_t register_handler(Dispatch::Kind kind, const Arguments &arguments);
    std::uint32_t register_random(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t register_stream(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t send_reply(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t get_fm_id(fm::FmEngine &, const Arguments &) { return owner_.fm_id; }
    std::uint32_t reply_buffer(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t io_read(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t io_write(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t io_read_position(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t io_request_length(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t io_reply_capacity(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t io_write_position(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t log(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t time(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t monotonic(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t random(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t timer_start(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t timer_stop(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t sha256(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t hmac_sha256(fm::FmEngine &engine, const Arguments &arguments);

    // smfs_services.cpp: these throw SmfsError
    std::uint32_t smfs_create_dir(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_create_file(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_open(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_close(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t smfs_read(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_write(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_delete(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_rename(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_attr(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_free(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_find_init(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_find(fm::FmEngine &engine, const Arguments &arguments);
    std::uint32_t smfs_find_close(fm::FmEngine &, const Arguments &arguments);
    std::uint32_t smfs_file_attr(fm::FmEngine &engine, const Arguments &arguments);
    [[nodiscard]] std::int64_t file_of(std::uint32_t handle) const;

    [[nodiscard]] bool is_token(std::uint32_t token) const { return token != 0 && token == message_.token; }

    Context &card_;
    Smfs &smfs_;
    const SmfsOwner owner_;
    const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();

    FmTimers timers_;
    WorkBudget work_;
    const std::unique_ptr<CryptoServices> crypto_;
    Dispatch dispatch_;
    Message message_;
    std::uint32_t next_token_;
    std::exception_ptr failure_;

    struct Search {
        std::vector<SmfsName> names;
        std::size_t next = 0;
    };
    std::map<std::uint32_t, Smfs::Hold> open_files_; ///< by handle
    std::map<std::uint32_t, Search> searches_;
    std::uint32_t next_handle_ = 1;
};

} // namespace k7::card
