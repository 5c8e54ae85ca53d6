// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/module_view.hpp"

#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "hsm/card.hpp"

namespace k7::tool {
namespace {

/// What the driver says, without the card.
std::string trouble_from_driver(const hsm::BoundCard &card) {
    if (card.state == hsm::CardState::operational)
        return {};
    std::string text = to_string(card.state);
    if (card.reason != hsm::Reason::none)
        text += ": " + to_string(card.reason);
    return text;
}

ModuleView unanswered(const hsm::BoundCard &card, Contact contact, const std::string &why) {
    ModuleView view;
    view.card = card;
    view.contact = contact;
    view.contact_text = why;
    view.trouble = trouble_from_driver(card);
    return view;
}

ModuleView ask(const hsm::BoundCard &card) {
    if (!card.accessible)
        return unanswered(card, Contact::no_access, card.access_reason);
    ModuleView view = unanswered(card, Contact::no_answer, {});
    try {
        const hsm::Card open = hsm::Card::open(card.node);
        view.driver = open.info();
        view.identity = open.identity();
        view.status = open.status();
        view.trouble = open.trouble();
        view.contact = Contact::answered;
    } catch (const hsm::Error &error) {
        view.contact = error.kind() == hsm::ErrorKind::permission ? Contact::no_access : Contact::no_answer;
        view.contact_text = error.message();
    }
    return view;
}

/// Ask in a thread that may be left behind: an ioctl to a dead card cannot be called off from here.
std::future<ModuleView> ask_aside(const hsm::BoundCard &card) {
    std::packaged_task<ModuleView()> task([card] { return ask(card); });
    std::future<ModuleView> answer = task.get_future();
    std::thread(std::move(task)).detach();
    return answer;
}

} // namespace

bool ModuleView::healthy() const {
    return state() == hsm::CardState::operational && trouble.empty() && contact != Contact::no_answer;
}

std::string ModuleView::reason() const {
    if (contact == Contact::no_answer)
        return contact_text.empty() ? "the card does not answer" : contact_text;
    if (!trouble.empty())
        return trouble;
    if (contact == Contact::no_access)
        return "operational as the driver says; the card itself was not asked: " + contact_text;
    return "operational";
}

std::vector<ModuleView> ask_modules(const std::vector<hsm::BoundCard> &cards, std::chrono::milliseconds timeout) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    std::vector<std::future<ModuleView>> answers;
    answers.reserve(cards.size());
    for (const hsm::BoundCard &card : cards)
        answers.push_back(ask_aside(card));
    std::vector<ModuleView> views;
    for (std::size_t index = 0; index < cards.size(); ++index) {
        if (answers[index].wait_until(until) == std::future_status::ready)
            views.push_back(answers[index].get());
        else
            views.push_back(unanswered(cards[index], Contact::no_answer,
                                       "no answer within " + std::to_string(timeout.count()) + " ms"));
    }
    return views;
}

} // namespace k7::tool
