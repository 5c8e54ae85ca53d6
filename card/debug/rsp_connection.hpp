// SPDX-License-Identifier: GPL-2.0-or-later
//
// Packets of gdb's Remote Serial Protocol over a stream ("Overview" in the gdb manual, appendix Remote Protocol).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "card/file_descriptor.hpp"

namespace k7::card {

/// A stream to a debugger, which is not trusted: lengths are limited, and who does not read is left after some seconds.
class RspConnection {
  public:
    static constexpr std::size_t kPacketMax = 0x2000;

    enum class Event { Nothing, Packet, Interrupt, Closed };

    /// A connected socket; closed at the end.
    explicit RspConnection(FileDescriptor socket);
    /// A pair of descriptors that stay open.
    RspConnection(int in, int out) : in_(in), out_(out) {}

    /// The next thing that the debugger says, or Nothing after @p patience. @param packet its content
    Event receive(std::string &packet, std::chrono::milliseconds patience);
    void send(std::string_view content);
    /// After this, neither side acknowledges.
    void stop_acknowledging() { acknowledge_ = false; }
    [[nodiscard]] bool closed() const { return closed_; }

  private:
    bool fill(std::chrono::milliseconds patience);
    std::optional<Event> parse(std::string &packet);
    bool take_packet(std::string &packet, std::size_t end);
    void write(std::string_view text);

    const FileDescriptor socket_; ///< what in_ and out_ are, unless they are somebody else's
    const int in_;
    const int out_;
    bool acknowledge_ = true;
    bool closed_ = false;
    std::string received_;
    std::string last_sent_; ///< to send again
};

} // namespace k7::card
