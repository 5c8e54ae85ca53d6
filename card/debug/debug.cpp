// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/debug/debug.hpp"

#include "card/debug/debug_engine.hpp"
#include "card/debug/debug_port.hpp"
#include "card/debug/profile.hpp"
#include "k7/hw.h"

namespace k7::card {

bool DebugOptions::valid_place(std::string_view place) {
    return place == "stdio" || (place.starts_with("unix:") && place.size() > 5) ||
           (place.starts_with("wait:") && place.size() > 5);
}

Debug::Debug(const DebugOptions &options) {
    if (!options.place.empty())
        port_ = std::make_unique<DebugPort>(options.place, options.fm_id);
    if (!options.profile.empty())
        profile_ = std::make_unique<Profile>(options.profile);
}

Debug::~Debug() = default;

std::uint32_t Debug::features() const {
    return port_ || profile_ ? K7_FEATURE_DEBUG : 0;
}

std::unique_ptr<fm::FmEngine> Debug::make_engine(std::uint32_t fm_id, std::span<const std::byte> elf,
                                                 fm::ServiceHandler &services, const std::atomic<bool> &kill) {
    if (features() == 0)
        return fm::make_rv32im_engine(elf, services, kill);
    return std::make_unique<DebugEngine>(fm_id, elf, services, kill, port_.get(), profile_.get());
}

} // namespace k7::card
