// SPDX-License-Identifier: GPL-2.0-or-later
//
// Cutting the power of a card at a chosen file operation.
#pragma once

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/aftermath_crash_vfs.hpp"
#include "tests/unit/card_fixture.hpp"

namespace k7::test {

/// With sanitizers, where a new process takes many times as long, only some of the moments are played.
#ifdef __SANITIZE_ADDRESS__
inline constexpr int kMomentStep = 9;
#else
inline constexpr int kMomentStep = 1;
#endif

/// Run @p body in a process of its own, because a mishap is for all databases of a process. It fails the test, unless
/// all went well or the power was cut. @return true when it was done before that
template <class Body>
bool done_in_child(Body &&body) {
    const pid_t child = fork();
    if (child == 0) {
        try {
            body();
        } catch (const std::exception &error) {
            ADD_FAILURE() << error.what();
        }
        _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0) << status;
    return WIFEXITED(status);
}

/// Run @p change on a card whose power is cut at its file operation number @p moment; 0: never.
/// @return true when it was done before that
inline bool cut_at(int moment, const Properties &properties, void (*change)(OperationalCard &card)) {
    return done_in_child([&] {
        plan_mishap(Mishap::Die, 0);
        OperationalCard card(properties);
        plan_mishap(Mishap::Die, moment);
        change(card);
        plan_mishap(Mishap::Die, 0); // the end of the card is not played
    });
}

} // namespace k7::test
