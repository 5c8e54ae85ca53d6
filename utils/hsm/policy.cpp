// SPDX-License-Identifier: GPL-2.0-or-later
//
// The policies: hsm policy list, hsm policy set.
#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "k7/payload.h"
#include "utils/common/password.hpp"
#include "utils/hsm/command.hpp"

namespace k7::tool::hsm_tool {
namespace {

/// A policy's words. One that a newer card has goes by its number.
struct PolicyName {
    std::uint32_t number;
    const char *name;
    const char *values[2]; ///< of 0 and 1
    const char *text;
};
constexpr PolicyName kNames[] = {
    {K7_POLICY_FM, "fm", {"off", "on"}, "FMs may be loaded and run"},
    {K7_POLICY_SMFS_AUTO_ACTIVATION, "smfs-auto-activation", {"off", "on"}, "a start activates the SMFS"},
    {K7_POLICY_FAULT, "fault", {"halt", "isolate"}, "what a fault of an FM ends: the card, or that FM alone"},
};

const PolicyName *name_of(std::uint32_t number) {
    const auto *const found = std::ranges::find(kNames, number, &PolicyName::number);
    return found == std::end(kNames) ? nullptr : found;
}

std::optional<std::uint32_t> number_in(const std::string &text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::string policy_text(std::uint32_t number) {
    const PolicyName *const known = name_of(number);
    return known != nullptr ? known->name : std::to_string(number);
}

std::string value_text(std::uint32_t number, std::uint32_t value) {
    const PolicyName *const known = name_of(number);
    return known != nullptr && value < 2 ? known->values[value] : std::to_string(value);
}

std::uint32_t parse_policy(const std::string &text) {
    for (const PolicyName &known : kNames)
        if (text == known.name)
            return known.number;
    if (const auto number = number_in(text))
        return *number;
    throw hsm::Error(hsm::ErrorKind::usage, "'" + text + "' is no policy", "`hsm policy list` shows them");
}

std::uint32_t parse_value(std::uint32_t policy, const std::string &text) {
    const PolicyName *const known = name_of(policy);
    for (std::uint32_t value = 0; known != nullptr && value < 2; ++value)
        if (text == known->values[value])
            return value;
    if (const auto value = number_in(text))
        return *value;
    throw hsm::Error(hsm::ErrorKind::usage, "'" + text + "' is no value of policy " + policy_text(policy),
                     known == nullptr ? "give a number"
                                      : std::string("give ") + known->values[0] + " or " + known->values[1]);
}

hsm::Policy find(const hsm::Card &card, std::uint32_t number) {
    const std::vector<hsm::Policy> policies = card.policies();
    const auto found = std::ranges::find(policies, number, &hsm::Policy::number);
    if (found == policies.end())
        throw hsm::Error(hsm::ErrorKind::not_found, "the card has no policy " + std::to_string(number),
                         "`hsm policy list` shows those that it has");
    return *found;
}

std::string loss_of(const Context &context, const hsm::Policy &policy, std::uint32_t value) {
    if (!policy.destructive || policy.value == value)
        return {};
    const hsm::CardStatus status = context.card.status();
    std::string loss = fms_loss(status) + smfs_loss(status);
    if (policy.number == K7_POLICY_FM && value != 0 && !status.fms_were_allowed)
        loss += "  that this HSM never took FMs: it stays on record for good\n";
    return loss;
}

} // namespace

int list_policies(const Context &context) {
    Json list = Json::array();
    for (const hsm::Policy &policy : context.card.policies()) {
        const PolicyName *const known = name_of(policy.number);
        context.tool.line(std::to_string(policy.number) + "  " + policy_text(policy.number) + " = " +
                          value_text(policy.number, policy.value) +
                          (known != nullptr ? std::string("  ") + known->text : "") +
                          (policy.destructive ? "; a change erases FMs and SMFS" : ""));
        list.push_back({{"number", policy.number},
                        {"name", policy_text(policy.number)},
                        {"value", policy.value},
                        {"value_text", value_text(policy.number, policy.value)},
                        {"maximum", policy.maximum},
                        {"destructive", policy.destructive}});
    }
    context.tool.result({{"card", context.card.name()}, {"policies", list}});
    return kExitDone;
}

void declare_set_policy(CommandLine &line, Options &options) {
    line.add("POLICY", options.policy, "Name or number, as `hsm policy list` shows it").required();
    line.add("VALUE", options.value, "on or off, halt or isolate, or a number").required();
    line.add_password_option(options.password_file);
    line.add_yes_option(options.yes);
}

int set_policy(const Context &context) {
    const std::uint32_t number = parse_policy(context.options.policy);
    const std::uint32_t value = parse_value(number, context.options.value);
    context.card.require_firmware("set policy " + policy_text(number));
    const hsm::Policy before = find(context.card, number);
    const std::string text = policy_text(number) + " = " + value_text(number, value);
    confirm(context, {"policy", "Type the card's ESN to set " + text, loss_of(context, before, value)});
    carry_out(context, "policy-" + policy_text(number) + "-" + value_text(number, value), [&] {
        login(context.tool, context.card, context.options.password_file);
        context.card.set_policy(number, value);
        verify(find(context.card, number).value == value, "the policy has another value");
    });
    context.tool.line("Policy " + text + (before.value == value ? ", as it was" : "") + "; verified.");
    context.tool.result({{"card", context.card.name()},
                         {"policy", policy_text(number)},
                         {"number", number},
                         {"before", before.value},
                         {"value", value},
                         {"verified", true}});
    return kExitDone;
}

} // namespace k7::tool::hsm_tool
