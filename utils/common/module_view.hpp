// SPDX-License-Identifier: GPL-2.0-or-later
//
// What enquiry knows about one module: from sysfs always, from the card itself if it may be asked and answers in time.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "hsm/enumerate.hpp"
#include "hsm/types.hpp"

namespace k7::tool {

/// Whether the card itself was asked, and how that went.
enum class Contact { answered, no_access, no_answer };

struct ModuleView {
    hsm::BoundCard card;
    Contact contact = Contact::no_answer;
    std::string contact_text; ///< why it did not answer
    std::optional<hsm::Identity> identity;
    std::optional<hsm::CardStatus> status;
    std::optional<hsm::DriverInfo> driver;
    std::string trouble; ///< what the card or the driver says is wrong; empty: nothing

    [[nodiscard]] hsm::CardState state() const { return status ? status->state : card.state; }
    /// The explicit verdict: operational, answering if it could be asked, and nothing wrong.
    [[nodiscard]] bool healthy() const;
    /// Why it is not healthy, or what the verdict rests on; one line.
    [[nodiscard]] std::string reason() const;
};

/// Ask all @p cards at the same time and take what came after @p timeout; a hung card costs no more than that.
std::vector<ModuleView> ask_modules(const std::vector<hsm::BoundCard> &cards, std::chrono::milliseconds timeout);

} // namespace k7::tool
