// SPDX-License-Identifier: Apache-2.0
//
// The C calls of hsm/md.h. The only state of libhsm that is a process's own is here, because the interface asks for it.
#include "hsm/md.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pthread.h>
#include <unistd.h>

#include "hsm/enumerate.hpp"
#include "k7/status.h"
#include "libhsm/channel.hpp"
#include "libhsm/decode.hpp"

namespace hsm {
namespace {

constexpr const char *kCardsVariable = "K7HSM_CARDS";

/// A call that was wrong in itself.
class Misuse : public std::runtime_error {
  public:
    Misuse(MD_RV code, const std::string &text) : std::runtime_error(text), code_(code) {}
    [[nodiscard]] MD_RV code() const noexcept { return code_; }

  private:
    MD_RV code_;
};

void require(bool good, const char *what) {
    if (!good)
        throw Misuse(MDR_INVALID_PARAMETER, what);
}

// ---- What went wrong ------------------------------------------------------------------------------------------------

/// Without a destructor, so that threads may end in any order.
thread_local std::array<char, 512> last_error{};

MD_RV failure(MD_RV code, std::string_view text) noexcept {
    const std::size_t size = std::min(text.size(), last_error.size() - 1);
    std::copy_n(text.begin(), size, last_error.begin());
    last_error.at(size) = '\0';
    return code;
}

struct Code {
    std::uint32_t number;
    MD_RV result;
};
constexpr Code kStatusCodes[] = {
    {K7_ST_FM_NOT_FOUND, MDR_FM_NOT_REGISTERED},  {K7_ST_FM_NOT_STARTED, MDR_FM_NOT_REGISTERED},
    {K7_ST_FM_NO_HANDLER, MDR_FM_NOT_REGISTERED}, {K7_ST_BAD_STATE, MDR_FM_DISPATCH_BLOCKED},
    {K7_ST_ABORTED, MDR_OPERATION_CANCELLED},     {K7_ST_STORE_FULL, MDR_INSUFFICIENT_RESOURCES},
    {K7_ST_DENIED, MDR_PERMISSION_DENIED},
};
constexpr Code kErrnoCodes[] = {
    {ETIMEDOUT, MDR_TIMEOUT},
    {ENOMEM, MDR_INSUFFICIENT_RESOURCES},
    {EMSGSIZE, MDR_INVALID_PARAMETER},
};
constexpr Code kKindCodes[] = {
    {static_cast<std::uint32_t>(ErrorKind::not_operational), MDR_INTERNAL_ERROR},
    {static_cast<std::uint32_t>(ErrorKind::permission), MDR_PERMISSION_DENIED},
};

template <std::size_t size>
MD_RV find_code(const Code (&codes)[size], std::uint32_t number, MD_RV otherwise) {
    const auto *const found = std::ranges::find(codes, number, &Code::number);
    return found != std::end(codes) ? found->result : otherwise;
}

/// The card's own answer says most, then what the driver said, then what kind of failure it is.
MD_RV code_of(const Error &error) {
    MD_RV code = find_code(kKindCodes, static_cast<std::uint32_t>(error.kind()), MDR_UNSUCCESSFUL);
    if (code == MDR_UNSUCCESSFUL && error.os_error() == ECANCELED)
        return MDR_OPERATION_CANCELLED;
    code = find_code(kErrnoCodes, static_cast<std::uint32_t>(error.os_error()), code);
    return error.card_status() ? find_code(kStatusCodes, *error.card_status(), code) : code;
}

/// Run @p work; exceptions end here. Not noexcept: the cancellation of a thread passes through.
template <typename Work>
MD_RV guarded(Work &&work) {
    last_error.front() = '\0';
    try {
        work();
        return MDR_OK;
    } catch (const Misuse &error) {
        return failure(error.code(), error.what());
    } catch (const Error &error) {
        return failure(code_of(error), error.what());
    } catch (const std::bad_alloc &) {
        return failure(MDR_INSUFFICIENT_RESOURCES, "out of memory");
    } catch (const std::exception &error) {
        return failure(MDR_UNSUCCESSFUL, error.what());
    }
}

// ---- The HSMs -------------------------------------------------------------------------------------------------------

/// One HSM: it has its index from the start, and a channel from its first use on.
class Hsm {
  public:
    explicit Hsm(std::string selector) : selector_(std::move(selector)) {}

    /// @throws Error
    Transport &transport() {
        const std::lock_guard lock(mutex_);
        if (!transport_)
            transport_ = open_transport(selector_);
        return *transport_;
    }

  private:
    std::string selector_;
    std::mutex mutex_; // guards transport_, which is set once
    std::unique_ptr<Transport> transport_;
};

/// From MD_Initialize to MD_Finalize, or to the end of the last call that was under way then.
struct Session {
    pid_t owner = ::getpid();
    std::deque<Hsm> hsms;
};
using SessionPointer = std::shared_ptr<Session>;

/// Something with static lifetime that is not destroyed when the process ends: other threads may still use it.
template <typename T>
union Immortal {
    constexpr Immortal() : value() {}
    ~Immortal() {}
    T value;
};
constinit std::mutex session_mutex; // guards session
constinit Immortal<SessionPointer> session;

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    while (!list.empty()) {
        const std::string_view part = list.substr(0, list.find(';'));
        list.remove_prefix(std::min(part.size() + 1, list.size()));
        if (!part.empty())
            parts.emplace_back(part);
    }
    return parts;
}

std::vector<std::string> selectors() {
    // A privileged program must not be led to another card by whoever starts it.
    const char *const named = ::secure_getenv(kCardsVariable);
    if (named != nullptr && *named != '\0')
        return split(named);
    std::vector<std::string> nodes;
    for (const BoundCard &card : enumerate().cards)
        nodes.push_back(card.node);
    return nodes;
}

/// In a child of fork() the parent's in-process cards lack their threads and cannot be ended: what is there is left
/// alone. The caller holds session_mutex. @return the session of this process that has ended, if there was one
SessionPointer take_session() {
    if (session.value && session.value->owner != ::getpid()) {
        std::construct_at(&session.value);
        return nullptr;
    }
    return std::exchange(session.value, nullptr);
}

/// A child of fork() must not find the mutex locked by a thread that it does not have.
void keep_mutex_over_fork() {
    static std::once_flag once;
    std::call_once(once, [] {
        ::pthread_atfork([] { session_mutex.lock(); }, [] { session_mutex.unlock(); }, [] { session_mutex.unlock(); });
    });
}

bool initialized() {
    const std::lock_guard lock(session_mutex);
    return session.value && session.value->owner == ::getpid();
}

/// @throws Misuse
SessionPointer current() {
    const std::lock_guard lock(session_mutex);
    if (!session.value || session.value->owner != ::getpid())
        throw Misuse(MDR_NOT_INITIALIZED, "MD_Initialize has not been called");
    return session.value;
}

/// Keeps the session that owns it alive. @throws Misuse
std::shared_ptr<Hsm> hsm_at(std::uint32_t index) {
    const SessionPointer all = current();
    if (index >= all->hsms.size())
        throw Misuse(MDR_INVALID_HSM_INDEX, "there is no HSM " + std::to_string(index) + ": " +
                                                std::to_string(all->hsms.size()) + " were counted by MD_Initialize");
    return {all, &all->hsms[index]};
}

// ---- State ----------------------------------------------------------------------------------------------------------

constexpr std::uint32_t number(CardState state) {
    return static_cast<std::uint32_t>(state);
}
static_assert(S_BOOT_LOADER == number(CardState::boot) && S_NORMAL_OPERATION == number(CardState::operational) &&
              S_PRE_INIT == number(CardState::pre_init) && S_MAINTENANCE == number(CardState::maintenance) &&
              S_HALTED == number(CardState::halted) && S_FAILED == number(CardState::failed) &&
              S_TAMPERED == number(CardState::tampered));

HsmState_t md_state(CardState state) {
    return state > CardState::tampered ? S_NOT_RESPONDING : static_cast<HsmState_t>(state);
}

/// State register of the HSM; all ones when it is gone.
std::uint32_t state_register(Hsm &hsm) {
    try {
        k7_ioc_info info{};
        check_errno(hsm.transport(), hsm.transport().info(info), "read its state");
        return info.card_state;
    } catch (const Error &error) {
        if (error.kind() != ErrorKind::not_operational && error.kind() != ErrorKind::not_found)
            throw;
        return ~std::uint32_t{0};
    }
}

void reset(Transport &transport) {
    k7_ioc_reset wire{};
    wire.kind = K7_RESET_FIRMWARE;
    wire.mode = K7_MODE_OPERATIONAL;
    check_errno(transport, transport.reset(wire), "reset it");
    require_firmware(transport, "start its firmware");
}

// ---- Messages -------------------------------------------------------------------------------------------------------

/// A list without its end. @throws Misuse
std::span<const MD_Buffer_t> pieces(const MD_Buffer_t *list) {
    std::size_t count = 0;
    for (; list != nullptr && (list[count].pData != nullptr || list[count].length != 0); ++count)
        require(list[count].pData != nullptr, "a buffer has a length, but its pData is NULL");
    return {list, count};
}

std::uint64_t length_of(std::span<const MD_Buffer_t> list) {
    return std::accumulate(list.begin(), list.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const MD_Buffer_t &piece) { return sum + piece.length; });
}

SecureBytes gather(std::span<const MD_Buffer_t> list) {
    SecureBytes bytes;
    bytes.reserve(length_of(list));
    for (const MD_Buffer_t &piece : list) {
        const ByteView part(reinterpret_cast<const std::byte *>(piece.pData), piece.length);
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    return bytes;
}

/// @param bytes no more than the list has room for
void scatter(ByteView bytes, std::span<const MD_Buffer_t> list) {
    for (const MD_Buffer_t &piece : list) {
        const ByteView part = bytes.first(std::min<std::size_t>(piece.length, bytes.size()));
        std::ranges::copy(part, reinterpret_cast<std::byte *>(piece.pData));
        bytes = bytes.subspan(part.size());
    }
}

Answer send(Transport &transport, std::uint16_t fm, std::span<const MD_Buffer_t> list, std::uint64_t room,
            std::uint32_t timeout_ms) {
    const SecureBytes payload = gather(list);
    return request(transport,
                   {K7_CMD_FM_CALL, fm, payload, timeout_ms,
                    static_cast<std::size_t>(std::min<std::uint64_t>(room, K7_PAYLOAD_MAX))},
                   "call FM " + to_string(FmId{fm}));
}

} // namespace
} // namespace hsm

using namespace hsm;

MD_RV MD_Initialize(void) {
    return guarded([] {
        keep_mutex_over_fork();
        if (initialized())
            return;
        const auto fresh = std::make_shared<Session>();
        for (std::string &selector : selectors())
            fresh->hsms.emplace_back(std::move(selector));
        const std::lock_guard lock(session_mutex);
        if (session.value && session.value->owner == ::getpid())
            return; // another thread was faster
        take_session();
        session.value = fresh;
    });
}

void MD_Finalize(void) {
    SessionPointer ended; // destroyed last, without the mutex: an in-process card takes its time
    const std::lock_guard lock(session_mutex);
    ended = take_session();
}

MD_RV MD_GetHsmCount(uint32_t *pHsmCount) {
    return guarded([=] {
        const SessionPointer all = current();
        require(pHsmCount != nullptr, "pHsmCount is NULL");
        *pHsmCount = static_cast<std::uint32_t>(all->hsms.size());
    });
}

MD_RV MD_GetHsmState(uint32_t hsmIndex, HsmState_t *pState, uint32_t *pErrorCode) {
    return guarded([=] {
        const auto hsm = hsm_at(hsmIndex);
        require(pState != nullptr, "pState is NULL");
        const std::uint32_t now = state_register(*hsm);
        *pState = md_state(state_of(now));
        if (pErrorCode != nullptr)
            *pErrorCode = *pState == S_NOT_RESPONDING ? 0 : static_cast<std::uint32_t>(reason_of(now));
    });
}

MD_RV MD_ResetHsm(uint32_t hsmIndex) {
    return guarded([=] { reset(hsm_at(hsmIndex)->transport()); });
}

MD_RV MD_SendReceive(uint32_t hsmIndex, uint32_t originatorId, uint16_t fmNumber, MD_Buffer_t *pReq, uint32_t timeout,
                     MD_Buffer_t *pResp, uint32_t *pReceivedLen, uint32_t *pFmStatus) {
    return guarded([=] {
        const auto hsm = hsm_at(hsmIndex);
        require(originatorId == 0, "originatorId is not 0: messages of others are not passed on");
        const auto sent = pieces(pReq);
        const auto received = pieces(pResp);
        require(length_of(sent) <= K7_PAYLOAD_MAX, "the request is longer than MDP_MAX_BUFFER_LENGTH");
        const Answer answer = send(hsm->transport(), fmNumber, sent, length_of(received), timeout);
        scatter(answer.payload, received);
        if (pReceivedLen != nullptr)
            *pReceivedLen = static_cast<std::uint32_t>(answer.payload.size());
        if (pFmStatus != nullptr)
            *pFmStatus = answer.result;
    });
}

MD_RV MD_GetParameter(MD_Parameter_t parameter, void *pValue, uint32_t valueLen) {
    return guarded([=] {
        current();
        require(parameter == MDP_MAX_BUFFER_LENGTH, "no such parameter");
        require(pValue != nullptr && valueLen == sizeof(std::uint32_t), "pValue is NULL or valueLen is not 4");
        const std::uint32_t value = K7_PAYLOAD_MAX;
        std::copy_n(reinterpret_cast<const std::byte *>(&value), sizeof value, static_cast<std::byte *>(pValue));
    });
}

const char *MD_LastErrorText(void) {
    return last_error.data();
}
