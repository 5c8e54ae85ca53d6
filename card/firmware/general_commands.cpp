// SPDX-License-Identifier: GPL-2.0-or-later
//
// Commands that need no FM.
#include <openssl/rand.h>

#include "card/firmware/firmware.hpp"

namespace k7::card {

template <>
void handle<K7_CMD_NOP>(Firmware &, const Command &) {}

// What the driver aborts was found when the command was fetched (rings/ring_server.cpp); here is only what else ends.
template <>
void handle<K7_CMD_CHANNEL_CLOSE>(Firmware &firmware, const Command &command) {
    if (firmware.upload() && firmware.upload()->channel() == command.channel)
        firmware.upload().reset();
    firmware.roles().logout(command.channel);
    command.reply.result = command.aborted_requests;
}

template <>
void handle<K7_CMD_ABORT>(Firmware &, const Command &command) {
    command.reply.result = command.aborted_requests;
}

template <>
void handle<K7_CMD_GET_RANDOM>(Firmware &, const Command &command) {
    const std::uint32_t wanted = command.args[0];
    if (wanted == 0 || wanted > K7_PAYLOAD_MAX)
        throw Error(K7_ST_BAD_FIELD, "random bytes wanted: " + std::to_string(wanted) + ", allowed: 1 to 65536");
    const auto bytes = command.reply.claim(wanted);
    if (RAND_bytes(reinterpret_cast<unsigned char *>(bytes.data()), static_cast<int>(bytes.size())) != 1)
        throw Error(K7_ST_INTERNAL, "the random generator failed");
}

} // namespace k7::card
