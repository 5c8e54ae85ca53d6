// SPDX-License-Identifier: GPL-2.0-or-later
//
// One request on its way through the firmware: checked, its payload read, its handler run, its reply written. It may be
// paused in its handler and go on in another thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "card/firmware/command.hpp"
#include "card/firmware/fm_upload.hpp"
#include "card/rings/ring_server.hpp"

namespace k7::card {

/// Where a request payload goes. FM_LOAD_DATA goes where it is to stay, if it fits there; what is larger than the
/// buffer has memory of its own, which is given back.
class RequestRoom {
  public:
    RequestRoom(std::span<std::byte> buffer, std::optional<FmUpload> &upload, const k7_sqe &sqe);
    ~RequestRoom();
    RequestRoom(const RequestRoom &) = delete;
    RequestRoom &operator=(const RequestRoom &) = delete;

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

  private:
    std::unique_ptr<std::byte[]> bulk_;
    std::span<std::byte> bytes_;
    std::span<std::byte> wiped_;
};

class Execution {
  public:
    /// The buffers have K7_PAYLOAD_MAX bytes each; what was used of them is wiped in the end.
    Execution(Firmware &firmware, RingServer &rings, const Request &request, std::span<std::byte> request_buffer,
              std::span<std::byte> reply_buffer);
    ~Execution();
    Execution(const Execution &) = delete;
    Execution &operator=(const Execution &) = delete;

    /// Run the command or go on with it. @param slice as of FmEngine::resume()
    /// @return whether it has ended, and was completed. @throws what ends the firmware
    bool run(std::uint64_t slice);

  private:
    void prepare();
    void complete(Completion completion);

    Firmware &firmware_;
    RingServer &rings_;
    const Request request_;
    const std::span<std::byte> request_buffer_;
    Reply reply_;
    const CommandEntry *entry_ = nullptr; ///< once prepared
    std::optional<RequestRoom> room_;
};

} // namespace k7::card
