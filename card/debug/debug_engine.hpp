// SPDX-License-Identifier: GPL-2.0-or-later
//
// An FM's CPU under a debugger, a profile, or both: runs the real one in small steps. Slow only while somebody wants to
// know each instruction; without a debugger there it runs in long slices.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "card/debug/debug_port.hpp"
#include "card/debug/profile.hpp"
#include "card/fm/engine.hpp"

namespace k7::card {

class DebugEngine final : public fm::FmEngine {
  public:
    /// @param port, profile may be null; they and the references outlive this. @throws fm::ElfError
    DebugEngine(std::uint32_t fm_id, std::span<const std::byte> elf, fm::ServiceHandler &services,
                const std::atomic<bool> &kill, DebugPort *port, Profile *profile);
    ~DebugEngine() override;

    void begin(std::uint32_t address, std::span<const std::uint32_t> arguments, std::uint64_t budget) override;
    /// A slice is a promise to be short, so nothing is debugged in one: it pauses at once when that is wanted.
    fm::Outcome resume(std::uint64_t slice) override;

    void map_message(std::span<const std::byte> request) override { cpu_->map_message(request); }
    void unmap_message() override { cpu_->unmap_message(); }
    [[nodiscard]] std::optional<std::span<const std::byte>> readable(std::uint32_t address,
                                                                     std::uint32_t length) const override {
        return cpu_->readable(address, length);
    }
    [[nodiscard]] std::optional<std::span<std::byte>> writable(std::uint32_t address, std::uint32_t length) override {
        return cpu_->writable(address, length);
    }
    [[nodiscard]] std::array<std::uint32_t, 32> registers() const override { return cpu_->registers(); }
    [[nodiscard]] std::uint32_t pc() const override { return cpu_->pc(); }
    void set_pc(std::uint32_t pc) override { cpu_->set_pc(pc); }
    void set_register(std::size_t index, std::uint32_t value) override { cpu_->set_register(index, value); }
    [[nodiscard]] std::vector<std::uint32_t> backtrace(std::uint32_t pc, std::size_t limit) const override {
        return cpu_->backtrace(pc, limit);
    }
    [[nodiscard]] std::uint32_t entry() const override { return cpu_->entry(); }

  private:
    /// The services, none of which takes long when the FM runs to its end in steps.
    class Services final : public fm::ServiceHandler {
      public:
        explicit Services(fm::ServiceHandler &services) : services_(services) {}
        fm::ServiceResult service(fm::FmEngine &engine, std::uint32_t number,
                                  const std::array<std::uint32_t, 6> &arguments) override {
            return services_.service(engine, number, arguments);
        }
        [[nodiscard]] bool takes_long(std::uint32_t number,
                                      const std::array<std::uint32_t, 6> &arguments) const override {
            return !to_the_end && services_.takes_long(number, arguments);
        }
        bool to_the_end = false;

      private:
        fm::ServiceHandler &services_;
    };

    fm::Outcome run();
    std::optional<Stop> run_a_while(Session *session);
    std::optional<Stop> step(Session *session);
    [[nodiscard]] std::optional<Stop> reason_to_stop(Session &session);
    [[nodiscard]] bool stops_at_end(const Session &session) const;
    [[nodiscard]] bool ends_with(Go go);

    const std::uint32_t fm_id_;
    Services services_;
    const std::atomic<bool> &kill_;
    DebugPort *const port_;
    Profile::Counts *const counts_;
    Profile *const profile_;
    std::unique_ptr<fm::FmEngine> cpu_;
    fm::Outcome outcome_; ///< of the last step or slice
    bool begun_ = false;  ///< a call that has run no instruction yet
};

} // namespace k7::card
