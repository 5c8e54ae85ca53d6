// SPDX-License-Identifier: GPL-2.0-or-later
//
// A card that lies in its completions, so that drivers can be tested against one. Two hooks of the ring server: which
// completions are written for a request, and what is in each. Both cost one atomic load while no fault is set.
#pragma once

#include <utility>

#include "card/faults.hpp"
#include "k7/hw.h"

namespace k7::card {

/// Change @p entry, the completion of @p request, as the fault that is set wants it; called just before it is written.
void falsify_completion(Faults &faults, const k7_sqe &request, k7_cqe &entry);

/// Completions that a request gets.
struct Telling {
    bool false_before = false; ///< one with @ref false_tag before the true one
    bool twice = false;        ///< the true one twice
    std::uint32_t false_tag = 0;
};

[[nodiscard]] Telling choose_telling(Faults &faults, std::uint32_t tag);

/// Write the completion of @p request, and those that are lies.
/// @param has_room whether the ring has room for one completion more than it must have; else the lie waits
/// @param write writes the completion of the request that it is given. @return its result for the true completion
template <class Request, class HasRoom, class Write>
bool tell_completion(Faults &faults, const Request &request, HasRoom &&has_room, Write &&write) {
    if (faults.none() || !has_room())
        return write(request);
    const Telling telling = choose_telling(faults, request.sqe.tag);
    if (telling.false_before) {
        Request lie = request;
        lie.sqe.tag = telling.false_tag;
        write(std::as_const(lie));
    }
    const bool written = write(request);
    return telling.twice ? write(request) : written;
}

} // namespace k7::card
