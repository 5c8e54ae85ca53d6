// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/kmod/fuzz/arguments.hpp"

#include <array>

#include "linux/k7hsm.h"

namespace k7fuzz {
namespace {

#define AT(type, member, kind)                                                                                         \
    Field {                                                                                                            \
        offsetof(type, member), sizeof(type::member), Kind::kind                                                       \
    }
#define ARGUMENT(type, index)                                                                                          \
    Field {                                                                                                            \
        offsetof(type, arg) + (index) * sizeof(__u32), sizeof(__u32), Kind::Number                                     \
    }

constexpr std::array kInfo{AT(k7_ioc_info, size, Size)};

constexpr std::array kQuery{AT(k7_ioc_query, size, Size),        AT(k7_ioc_query, query, Choice),
                            AT(k7_ioc_query, arg, Choice),       AT(k7_ioc_query, data_len, Length),
                            AT(k7_ioc_query, data_addr, Output), AT(k7_ioc_query, card_status, Number),
                            AT(k7_ioc_query, reply_len, Number), AT(k7_ioc_query, reserved, Reserved)};

constexpr std::array kRequest{AT(k7_ioc_request, size, Size),     AT(k7_ioc_request, opcode, Opcode),
                              AT(k7_ioc_request, flags, Flags),   AT(k7_ioc_request, timeout_ms, Timeout),
                              ARGUMENT(k7_ioc_request, 0),        ARGUMENT(k7_ioc_request, 1),
                              ARGUMENT(k7_ioc_request, 2),        ARGUMENT(k7_ioc_request, 3),
                              AT(k7_ioc_request, in_addr, Input), AT(k7_ioc_request, out_addr, Output),
                              AT(k7_ioc_request, in_len, Length), AT(k7_ioc_request, out_len, Length)};

constexpr std::array kErase{AT(k7_ioc_erase, size, Size), AT(k7_ioc_erase, target, Choice),
                            AT(k7_ioc_erase, reserved, Reserved)};

constexpr std::array kReset{AT(k7_ioc_reset, size, Size), AT(k7_ioc_reset, kind, Choice),
                            AT(k7_ioc_reset, mode, Choice), AT(k7_ioc_reset, timeout_ms, Timeout),
                            AT(k7_ioc_reset, reserved, Reserved)};

constexpr std::array kEvent{AT(k7_ioc_event, size, Size), AT(k7_ioc_event, mask, Number),
                            AT(k7_ioc_event, timeout_ms, Timeout)};

constexpr std::array kCommandInfo{AT(k7_command_info, opcode, Number)};

constexpr std::array kCommands{AT(k7_ioc_commands, size, Size), AT(k7_ioc_commands, count, Count),
                               AT(k7_ioc_commands, commands_addr, Array), AT(k7_ioc_commands, entry_size, Size),
                               AT(k7_ioc_commands, reserved, Reserved)};

constexpr std::array kClaim{AT(k7_ioc_claim, size, Size), AT(k7_ioc_claim, action, Choice),
                            AT(k7_ioc_claim, reserved, Reserved)};

constexpr std::array kSubmission{AT(k7_submission, user_data, Number),
                                 AT(k7_submission, opcode, Opcode),
                                 AT(k7_submission, flags, Flags),
                                 AT(k7_submission, in_addr, Input),
                                 AT(k7_submission, out_addr, Output),
                                 AT(k7_submission, in_len, Length),
                                 AT(k7_submission, out_len, Length),
                                 AT(k7_submission, timeout_ms, Timeout),
                                 AT(k7_submission, reserved0, Reserved),
                                 ARGUMENT(k7_submission, 0),
                                 ARGUMENT(k7_submission, 1),
                                 ARGUMENT(k7_submission, 2),
                                 ARGUMENT(k7_submission, 3)};

constexpr std::array kSubmit{
    AT(k7_ioc_submit, size, Size),       AT(k7_ioc_submit, count, Count), AT(k7_ioc_submit, submissions_addr, Array),
    AT(k7_ioc_submit, entry_size, Size), AT(k7_ioc_submit, flags, Flags), AT(k7_ioc_submit, reserved, Reserved)};

constexpr std::array kCompletion{AT(k7_completion, user_data, Number)};

constexpr std::array kCollect{AT(k7_ioc_collect, size, Size),
                              AT(k7_ioc_collect, count, Count),
                              AT(k7_ioc_collect, completions_addr, Array),
                              AT(k7_ioc_collect, entry_size, Size),
                              AT(k7_ioc_collect, wait, Choice),
                              AT(k7_ioc_collect, timeout_ms, Timeout),
                              AT(k7_ioc_collect, reserved0, Reserved),
                              AT(k7_ioc_collect, reserved, Reserved)};

#undef AT
#undef ARGUMENT

constexpr Layout kInfoLayout{sizeof(k7_ioc_info), kInfo, nullptr};
constexpr Layout kQueryLayout{sizeof(k7_ioc_query), kQuery, nullptr};
constexpr Layout kRequestLayout{sizeof(k7_ioc_request), kRequest, nullptr};
constexpr Layout kEraseLayout{sizeof(k7_ioc_erase), kErase, nullptr};
constexpr Layout kResetLayout{sizeof(k7_ioc_reset), kReset, nullptr};
constexpr Layout kEventLayout{sizeof(k7_ioc_event), kEvent, nullptr};
constexpr Layout kCommandInfoLayout{sizeof(k7_command_info), kCommandInfo, nullptr};
constexpr Layout kCommandsLayout{sizeof(k7_ioc_commands), kCommands, &kCommandInfoLayout};
constexpr Layout kClaimLayout{sizeof(k7_ioc_claim), kClaim, nullptr};
constexpr Layout kSubmissionLayout{sizeof(k7_submission), kSubmission, nullptr};
constexpr Layout kSubmitLayout{sizeof(k7_ioc_submit), kSubmit, &kSubmissionLayout};
constexpr Layout kCompletionLayout{sizeof(k7_completion), kCompletion, nullptr};
constexpr Layout kCollectLayout{sizeof(k7_ioc_collect), kCollect, &kCompletionLayout};

constexpr std::array kIoctls{
    Ioctl{"INFO", K7_IOC_INFO, &kInfoLayout, 1, false},
    Ioctl{"QUERY", K7_IOC_QUERY, &kQueryLayout, 2, false},
    Ioctl{"REQUEST", K7_IOC_REQUEST, &kRequestLayout, 8, false},
    Ioctl{"ERASE", K7_IOC_ERASE, &kEraseLayout, 1, true},
    Ioctl{"RESET", K7_IOC_RESET, &kResetLayout, 1, true},
    Ioctl{"EVENT", K7_IOC_EVENT, &kEventLayout, 2, false},
    Ioctl{"COMMANDS", K7_IOC_COMMANDS, &kCommandsLayout, 2, false},
    Ioctl{"CLAIM", K7_IOC_CLAIM, &kClaimLayout, 2, false},
    Ioctl{"SUBMIT", K7_IOC_SUBMIT, &kSubmitLayout, 8, false},
    Ioctl{"COLLECT", K7_IOC_COLLECT, &kCollectLayout, 8, false},
};

} // namespace

std::span<const Ioctl> ioctls() {
    return kIoctls;
}

} // namespace k7fuzz
