// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/debug/rsp_connection.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace k7::card {
namespace {

constexpr char kInterrupt = '\x03';
constexpr std::size_t kChecksum = 3; ///< '#' and two digits
constexpr time_t kSendSeconds = 5;

std::uint8_t checksum(std::string_view content) {
    std::uint8_t sum = 0;
    for (const char c : content)
        sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t>(c));
    return sum;
}

bool is_checksum(std::string_view digits, std::uint8_t wanted) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    return error == std::errc{} && end == digits.data() + digits.size() && value == wanted;
}

} // namespace

RspConnection::RspConnection(FileDescriptor socket)
    : socket_(std::move(socket)), in_(socket_.get()), out_(socket_.get()) {
    const timeval limit{.tv_sec = kSendSeconds, .tv_usec = 0};
    setsockopt(in_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

RspConnection::Event RspConnection::receive(std::string &packet, std::chrono::milliseconds patience) {
    auto event = parse(packet);
    if (!event && !closed_ && fill(patience))
        event = parse(packet);
    return event.value_or(closed_ ? Event::Closed : Event::Nothing);
}

/// @return whether anything came
bool RspConnection::fill(std::chrono::milliseconds patience) {
    pollfd wait{.fd = in_, .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, static_cast<int>(patience.count())) <= 0)
        return false;
    std::array<char, 4096> bytes{};
    const ssize_t size = read(in_, bytes.data(), bytes.size());
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (size <= 0 || received_.size() > 2 * kPacketMax) {
        closed_ = true;
        return false;
    }
    received_.append(bytes.data(), static_cast<std::size_t>(size));
    return true;
}

/// The first thing that is whole in the bytes received so far.
std::optional<RspConnection::Event> RspConnection::parse(std::string &packet) {
    while (!received_.empty()) {
        if (received_.front() == '$') {
            const std::size_t end = received_.find('#');
            if (end == std::string::npos || end + kChecksum > received_.size())
                return std::nullopt;
            if (take_packet(packet, end))
                return Event::Packet;
            continue;
        }
        const char c = received_.front();
        received_.erase(0, 1);
        if (c == kInterrupt)
            return Event::Interrupt;
        if (c == '-')
            write(last_sent_);
    }
    return std::nullopt;
}

/// The packet that ends at @p end. @return whether it is sound
bool RspConnection::take_packet(std::string &packet, std::size_t end) {
    const std::size_t begin = received_.rfind('$', end) + 1; // whatever came before it was cut short
    packet = received_.substr(begin, end - begin);
    const bool sound = is_checksum(std::string_view(received_).substr(end + 1, 2), checksum(packet));
    received_.erase(0, end + kChecksum);
    if (acknowledge_)
        write(sound ? "+" : "-");
    return sound;
}

void RspConnection::send(std::string_view content) {
    char sum[4];
    std::snprintf(sum, sizeof(sum), "#%02x", checksum(content));
    last_sent_ = "$" + std::string(content) + sum;
    write(last_sent_);
}

void RspConnection::write(std::string_view text) {
    while (!text.empty() && !closed_) {
        ssize_t size = ::send(out_, text.data(), text.size(), MSG_NOSIGNAL);
        if (size < 0 && errno == ENOTSOCK)
            size = ::write(out_, text.data(), text.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            closed_ = true;
        else
            text.remove_prefix(static_cast<std::size_t>(size));
    }
}

} // namespace k7::card
