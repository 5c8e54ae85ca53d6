// SPDX-License-Identifier: GPL-2.0-or-later
//
// An open /dev/k7pfN and its ioctls, with nothing between the test and the driver. Every call returns 0 or a negative
// errno.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <poll.h>
#include <span>
#include <string>
#include <sys/ioctl.h>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "k7/hw.h"
#include "k7/payload.h"
#include "k7/status.h"
#include "linux/k7hsm.h"

namespace k7test {

/// A zeroed argument of an ioctl that knows its size.
template <typename Argument>
Argument sized() {
    Argument argument{};
    argument.size = sizeof(argument);
    return argument;
}

class Node {
  public:
    explicit Node(const std::string &path, int flags = O_RDWR) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {}
    Node(Node &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Node(const Node &) = delete;
    Node &operator=(Node) = delete;
    ~Node() { close(); }

    void close() {
        if (fd_ >= 0)
            ::close(std::exchange(fd_, -1));
    }

    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool good() const { return fd_ >= 0; }

    int call(unsigned long number, void *argument) const { return ::ioctl(fd_, number, argument) == 0 ? 0 : -errno; }

    int info(k7_ioc_info &info) const {
        info = sized<k7_ioc_info>();
        return call(K7_IOC_INFO, &info);
    }

    [[nodiscard]] k7_ioc_info info() const {
        k7_ioc_info result;
        (void)info(result);
        return result;
    }

    [[nodiscard]] std::uint32_t state() const { return K7_STATE_GET(info().card_state); }

    int query(std::uint32_t what, std::span<std::byte> reply, k7_ioc_query &query) const {
        query = sized<k7_ioc_query>();
        query.query = what;
        query.data_addr = reinterpret_cast<std::uintptr_t>(reply.data());
        query.data_len = static_cast<std::uint32_t>(reply.size());
        return call(K7_IOC_QUERY, &query);
    }

    static k7_ioc_request request(std::uint32_t opcode, std::span<std::byte> reply = {}, std::uint32_t arg0 = 0) {
        auto request = sized<k7_ioc_request>();
        request.opcode = opcode;
        request.arg[0] = arg0;
        request.out_addr = reinterpret_cast<std::uintptr_t>(reply.data());
        request.out_len = static_cast<std::uint32_t>(reply.size());
        return request;
    }

    /// @return 0 only when the card said OK as well
    int send(k7_ioc_request request) const {
        const int result = call(K7_IOC_REQUEST, &request);
        return result == 0 && request.card_status != K7_ST_OK ? -EPROTO : result;
    }

    int nop(std::uint32_t timeout_ms = 0) const {
        k7_ioc_request nop = request(K7_CMD_NOP);
        nop.timeout_ms = timeout_ms;
        return send(nop);
    }

    /// Log the HSM SO in on this file, with the password of the guest's cards.
    int login() const {
        const char *const name = std::getenv("K7HSM_PASSWORD_FILE"); // tests/vm/init
        std::ifstream file(name != nullptr ? name : "");
        std::string password;
        std::getline(file, password);
        k7_ioc_request login = request(K7_CMD_HSM_LOGIN);
        login.in_addr = reinterpret_cast<std::uintptr_t>(password.data());
        login.in_len = static_cast<std::uint32_t>(password.size());
        return send(login);
    }

    static k7_submission submission(std::uint32_t opcode, std::uint64_t user_data = 0, std::span<std::byte> reply = {},
                                    std::uint32_t arg0 = 0) {
        k7_submission submission{};
        submission.opcode = opcode;
        submission.user_data = user_data;
        submission.arg[0] = arg0;
        submission.out_addr = reinterpret_cast<std::uintptr_t>(reply.data());
        submission.out_len = static_cast<std::uint32_t>(reply.size());
        return submission;
    }

    static k7_ioc_submit submit_argument(std::span<const k7_submission> submissions) {
        auto submit = sized<k7_ioc_submit>();
        submit.submissions_addr = reinterpret_cast<std::uintptr_t>(submissions.data());
        submit.count = static_cast<std::uint32_t>(submissions.size());
        submit.entry_size = sizeof(k7_submission);
        return submit;
    }

    /// @return how many were taken, or a negative errno
    int submit(std::span<const k7_submission> submissions) const {
        k7_ioc_submit submit = submit_argument(submissions);
        const int result = call(K7_IOC_SUBMIT, &submit);
        return result == 0 ? static_cast<int>(submit.count) : result;
    }
    int submit(const k7_submission &submission) const { return submit(std::span(&submission, 1)); }

    static k7_ioc_collect collect_argument(std::span<k7_completion> room, std::uint32_t wait,
                                           std::uint32_t timeout_ms = 30000) {
        auto collect = sized<k7_ioc_collect>();
        collect.completions_addr = reinterpret_cast<std::uintptr_t>(room.data());
        collect.count = static_cast<std::uint32_t>(room.size());
        collect.entry_size = sizeof(k7_completion);
        collect.wait = wait;
        collect.timeout_ms = timeout_ms;
        return collect;
    }

    /// @return how many were collected, or a negative errno
    int collect(std::span<k7_completion> room, std::uint32_t wait, std::uint32_t timeout_ms = 30000) const {
        k7_ioc_collect collect = collect_argument(room, wait, timeout_ms);
        const int result = call(K7_IOC_COLLECT, &collect);
        return result == 0 ? static_cast<int>(collect.count) : result;
    }

    int claim(std::uint32_t action) const {
        auto claim = sized<k7_ioc_claim>();
        claim.action = action;
        return call(K7_IOC_CLAIM, &claim);
    }

    int reset(std::uint32_t kind, std::uint32_t mode = K7_MODE_OPERATIONAL, k7_ioc_reset *answer = nullptr) const {
        auto reset = sized<k7_ioc_reset>();
        reset.kind = kind;
        reset.mode = mode;
        const int result = call(K7_IOC_RESET, &reset);
        if (answer != nullptr)
            *answer = reset;
        return result;
    }

    int erase(std::uint32_t target, k7_ioc_erase *answer = nullptr) const {
        auto erase = sized<k7_ioc_erase>();
        erase.target = target;
        const int result = call(K7_IOC_ERASE, &erase);
        if (answer != nullptr)
            *answer = erase;
        return result;
    }

    int event(k7_ioc_event &event, std::uint32_t timeout_ms, std::uint32_t mask = 0) const {
        event = sized<k7_ioc_event>();
        event.mask = mask;
        event.timeout_ms = timeout_ms;
        return call(K7_IOC_EVENT, &event);
    }

    /// Events that wait on this file now.
    std::uint32_t take_events() const {
        k7_ioc_event taken;
        return event(taken, 0) == 0 ? taken.events : 0;
    }

    /// @return revents, 0 after the timeout
    [[nodiscard]] short wait(int timeout_ms, short events = POLLPRI) const {
        pollfd poller{fd_, events, 0};
        return ::poll(&poller, 1, timeout_ms) > 0 ? poller.revents : short{0};
    }

  private:
    int fd_;
};

/// First line of a file, empty when it cannot be read.
inline std::string first_line(const std::string &path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

} // namespace k7test
