// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where a debugger comes in: a Unix socket that its owner alone may open, or standard input and output. One debugger
// and one FM at a time. Used by whoever runs FMs, which is one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "card/debug/session.hpp"
#include "card/file_descriptor.hpp"

namespace k7::card {

class DebugPort {
  public:
    /// @param place see DebugOptions::valid_place(). @throws Error BAD_FIELD when the socket cannot be made
    DebugPort(const std::string &place, std::uint32_t fm_id);
    ~DebugPort();
    DebugPort(const DebugPort &) = delete;
    DebugPort &operator=(const DebugPort &) = delete;

    /// The debugger of the FM @p fm_id, if there is one; waits for it where the place says so, until @p kill.
    Session *session(std::uint32_t fm_id, const std::atomic<bool> &kill);
    /// Close the connection to a debugger that has gone.
    void forget_if_over();
    /// Would session() give one, or wait for one?
    [[nodiscard]] bool wanted(std::uint32_t fm_id) const;

  private:
    void listen(const std::string &path);
    [[nodiscard]] bool somebody_waits(int patience_ms) const;
    bool accept();

    std::uint32_t fm_id_; ///< whose debugger this is; 0: not decided
    std::string path_;
    FileDescriptor listener_;
    bool wait_ = false; ///< for the first debugger
    std::unique_ptr<Session> session_;
};

} // namespace k7::card
