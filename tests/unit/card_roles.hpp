// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tests of roles and policies have in common: the commands of the HSM SO, and a card that may have none.
#pragma once

#include "tests/unit/card_fixture.hpp"

namespace k7::test {

inline constexpr const char *kWrong = "not the password";
inline constexpr const char *kOther = "another password";

inline Bytes init_request(const std::string &label, std::string_view password) {
    k7_hsm_init init{};
    label.copy(init.label, sizeof(init.label));
    Bytes request(sizeof(init));
    std::memcpy(request.data(), &init, sizeof(init));
    const Bytes rest = bytes_of(password);
    request.insert(request.end(), rest.begin(), rest.end());
    return request;
}

inline CommandReply init(Ring &ring, const std::string &label, std::string_view password) {
    return ring.command(K7_CMD_HSM_INIT, init_request(label, password));
}

inline CommandReply login(Ring &ring, std::string_view password, std::uint32_t channel = 1) {
    k7_sqe entry = ring.entry(K7_CMD_HSM_LOGIN, bytes_of(password));
    entry.channel = channel;
    return *ring.send(entry);
}

inline CommandReply set_policy(Ring &ring, std::uint32_t number, std::uint32_t value, std::uint32_t channel = 1) {
    k7_sqe entry = ring.entry(K7_CMD_POLICY_SET, {}, number);
    entry.arg[1] = value;
    entry.channel = channel;
    return *ring.send(entry);
}

/// A card with its ring, whether initialised or not.
struct AnyCard {
    explicit AnyCard(const Properties &properties = {}) : host(properties), ring(host, 0) { start(); }
    void start() {
        if (!eventually([&] { return firmware_runs(host); }) || ring.enable() != K7_RING_ENABLED)
            throw std::runtime_error("the card did not start");
    }
    CardHost host;
    Ring ring;
};

} // namespace k7::test
