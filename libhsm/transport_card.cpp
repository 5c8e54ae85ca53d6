// SPDX-License-Identifier: Apache-2.0
//
// The in-process card's driver: what kmod/ does for a card on the bus, for one channel, with the same errors.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <mutex>
#include <thread>

#include <endian.h>

#include "hsm/error.hpp"
#include "k7/hw.h"
#include "k7/status.h"
#include "libhsm/card_bus.hpp"
#include "libhsm/transport.hpp"

namespace hsm {
namespace {

using std::chrono::milliseconds;
using Clock = CardBus::Clock;

constexpr std::uint32_t kAllOnes = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kRingEntries = 16;
constexpr std::uint32_t kChannel = 1;
constexpr milliseconds kRequestTimeout{30000};
constexpr milliseconds kRequestTimeoutMax{600000};
constexpr milliseconds kResetTimeout{30000};
constexpr milliseconds kStartTimeout{60000};
constexpr milliseconds kRingTimeout{20000};
/// The driver's limits are for a card with a processor of its own; this one has the host's, which may be busy.
constexpr milliseconds kMailboxTimeout{10000};
constexpr milliseconds kPause{1};

// Places in bus memory.
constexpr std::uint64_t kSubmissions = CardBus::kMemoryBase;
constexpr std::uint64_t kCompletions = kSubmissions + K7_RING_ALIGN;
constexpr std::uint64_t kRequestPayload = kCompletions + K7_RING_ALIGN;
constexpr std::uint64_t kReplyPayload = kRequestPayload + K7_PAYLOAD_MAX;
constexpr std::size_t kMemoryBytes = 2 * K7_RING_ALIGN + 2 * K7_PAYLOAD_MAX;

bool rings_work(std::uint32_t state_register) {
    const std::uint32_t state = K7_STATE_GET(state_register);
    return state == K7_STATE_OPERATIONAL || state == K7_STATE_PRE_INIT || state == K7_STATE_MAINTENANCE;
}

/// True when the card is on its way up no longer: it runs, it failed, or it was told to stay in the boot loader.
bool settled(std::uint32_t state_register) {
    return state_register != kAllOnes &&
           (K7_STATE_GET(state_register) != K7_STATE_BOOT || K7_REASON_GET(state_register) == K7_REASON_STOPPED);
}

milliseconds clamp(std::uint32_t timeout_ms, milliseconds standard) {
    return timeout_ms == 0 ? standard : std::min(milliseconds(timeout_ms), kRequestTimeoutMax);
}

/// The ABI carries pointers as 64-bit integers.
std::byte *user_memory(std::uint64_t address) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return reinterpret_cast<std::byte *>(address);
}

class InProcessCard final : public Transport {
  public:
    InProcessCard(std::string name, const std::vector<CardBus::Property> &properties)
        : name_(std::move(name)), bus_(properties, kMemoryBytes) {
        bus_.write(K7_REG_EVENT_MASK, K7_EVENT_ALL);
        wait_settled(kAllOnes, Clock::now() + kStartTimeout);
    }

    [[nodiscard]] const std::string &name() const noexcept override { return name_; }

    int info(k7_ioc_info &info) override;
    int query(k7_ioc_query &query) override;
    int request(k7_ioc_request &request) override;
    int erase(k7_ioc_erase &erase) override;
    int reset(k7_ioc_reset &reset) override;
    int event(k7_ioc_event &event) override;

  private:
    struct Answer {
        std::uint32_t status = 0;
        std::uint32_t length = 0; ///< bytes that wait in the mailbox's data window
    };
    /// One mailbox command. The caller holds mailbox_mutex_.
    int mailbox(std::uint32_t opcode, std::uint32_t argument, milliseconds timeout, Answer &answer);
    void read_mailbox(std::span<std::byte> bytes) const;

    bool wait_settled(std::uint32_t old_generation, Clock::time_point until) const;
    int start_reset(const k7_ioc_reset &reset, bool &stops);
    std::uint32_t take_events(std::uint32_t fresh, std::uint32_t mask);

    // The ring. The caller holds ring_mutex_.
    int enable_ring();
    void disable_ring();
    void submit(const k7_ioc_request &request);
    int wait_completion(Clock::time_point until, k7_cqe &completion);
    [[nodiscard]] std::uint32_t ring(std::uint32_t reg) const { return bus_.read(K7_REG_RING(0) + reg); }
    void set_ring(std::uint32_t reg, std::uint32_t value) { bus_.write(K7_REG_RING(0) + reg, value); }

    std::string name_;
    CardBus bus_;
    std::mutex mailbox_mutex_;
    std::uint32_t mailbox_tag_ = 0;
    std::mutex ring_mutex_;
    std::uint32_t tail_ = 0;  ///< next submission entry
    std::uint32_t head_ = 0;  ///< next completion entry
    std::uint32_t phase_ = 1; ///< of completions in this round
    std::uint32_t tag_ = 0;
    std::mutex event_mutex_;
    std::uint32_t events_ = 0; ///< seen and not yet taken
};

int InProcessCard::info(k7_ioc_info &info) {
    info = {};
    info.size = sizeof info;
    info.abi_level = K7HSM_ABI_LEVEL;
    std::strncpy(info.driver_version, "in-process", sizeof info.driver_version - 1);
    info.driver_state = K7_DRIVER_LIVE;
    info.card_state = bus_.read(K7_REG_STATE);
    info.generation = bus_.read(K7_REG_GENERATION);
    info.fault_sequence = bus_.read(K7_REG_FAULT_SEQUENCE);
    info.features = bus_.read(K7_REG_FEATURES);
    info.payload_max = std::min<std::uint32_t>(bus_.read(K7_REG_PAYLOAD_MAX), K7_PAYLOAD_MAX);
    info.channels = 1;
    info.rings = 1;
    info.channel = kChannel;
    for (std::uint32_t word = 0; word < K7_ESN_SIZE / 4; ++word) {
        const std::uint32_t value = htole32(bus_.read(K7_REG_ESN + 4 * word));
        std::memcpy(info.esn + 4 * word, &value, sizeof value);
    }
    return 0;
}

int InProcessCard::mailbox(std::uint32_t opcode, std::uint32_t argument, milliseconds timeout, Answer &answer) {
    const auto until = Clock::now() + timeout;
    mailbox_tag_ = (mailbox_tag_ + 1) & 0x7fff;
    bus_.write(K7_REG_MB_ARG(0), argument);
    bus_.write(K7_REG_MB_COMMAND, K7_MB_COMMAND(opcode, mailbox_tag_));
    for (;;) {
        const std::uint64_t seen = bus_.interrupts(K7_VECTOR_EVENTS);
        const std::uint32_t status = bus_.read(K7_REG_MB_STATUS);
        if (status == kAllOnes)
            return ENODEV;
        if ((status & K7_MB_BUSY) == 0 && K7_MB_TAG_GET(status) == mailbox_tag_) {
            answer = {K7_MB_STATUS_GET(status), bus_.read(K7_REG_MB_LENGTH)};
            return answer.length <= K7_MB_DATA_BYTES ? 0 : EIO;
        }
        if (Clock::now() >= until)
            return ETIMEDOUT;
        bus_.wait_interrupt(K7_VECTOR_EVENTS, seen, std::min(until, Clock::now() + kPause));
    }
}

void InProcessCard::read_mailbox(std::span<std::byte> bytes) const {
    for (std::size_t offset = 0; offset < bytes.size(); offset += 4) {
        const std::uint32_t word = htole32(bus_.read(K7_REG_MB_DATA + static_cast<std::uint32_t>(offset)));
        std::memcpy(bytes.data() + offset, &word, std::min<std::size_t>(4, bytes.size() - offset));
    }
}

int InProcessCard::query(k7_ioc_query &query) {
    static_assert(K7_QUERY_IDENTITY == K7_BOOT_IDENTIFY && K7_QUERY_FAULT_REPORT == K7_BOOT_FAULT_REPORT);
    if (query.query < K7_QUERY_IDENTITY || query.query > K7_QUERY_FAULT_CORE)
        return EOPNOTSUPP;
    const std::uint32_t opcode = query.query == K7_QUERY_FAULT_CORE ? std::uint32_t{K7_BOOT_FAULT_CORE} : query.query;
    const std::lock_guard lock(mailbox_mutex_);
    Answer answer;
    if (const int error = mailbox(opcode, query.arg, kMailboxTimeout, answer))
        return error;
    query.card_status = answer.status;
    query.reply_len = answer.length;
    query.data_len = std::min(query.data_len, answer.length);
    read_mailbox({user_memory(query.data_addr), query.data_len});
    return 0;
}

int InProcessCard::erase(k7_ioc_erase &erase) {
    if (erase.target != K7_ERASE_FMS && erase.target != K7_ERASE_SMFS)
        return EINVAL;
    const std::uint32_t opcode = erase.target == K7_ERASE_FMS ? K7_BOOT_ERASE_FMS : K7_BOOT_ERASE_SMFS;
    const std::lock_guard lock(mailbox_mutex_);
    Answer answer;
    if (const int error = mailbox(opcode, 0, kMailboxTimeout, answer))
        return error;
    erase.card_status = answer.status;
    erase.card_state = bus_.read(K7_REG_STATE);
    return 0;
}

/// Set the reset going. @param stops set when the card will not start a firmware, so there is no new generation
int InProcessCard::start_reset(const k7_ioc_reset &reset, bool &stops) {
    const bool over_bus = reset.kind == K7_RESET_FUNCTION || reset.kind == K7_RESET_BUS;
    if (reset.kind < K7_RESET_FIRMWARE || reset.kind > K7_RESET_BUS || reset.mode > K7_MODE_BOOT_LOADER ||
        (over_bus && reset.mode != K7_MODE_OPERATIONAL))
        return EINVAL;
    if (over_bus) {
        bus_.reset(reset.kind == K7_RESET_FUNCTION ? K7CARD_RESET_FLR : K7CARD_RESET_BUS);
        return 0;
    }
    stops = reset.kind == K7_RESET_FIRMWARE && reset.mode == K7_MODE_BOOT_LOADER;
    std::uint32_t opcode = stops ? K7_BOOT_STOP_FIRMWARE : K7_BOOT_START_FIRMWARE;
    if (reset.kind == K7_RESET_CARD)
        opcode = K7_BOOT_RESET;
    const std::lock_guard lock(mailbox_mutex_);
    Answer answer;
    const int error = mailbox(opcode, reset.mode, kMailboxTimeout, answer);
    return error != 0 ? error : (answer.status == K7_ST_OK ? 0 : EIO);
}

int InProcessCard::reset(k7_ioc_reset &reset) {
    static_assert(K7_MODE_MAINTENANCE == K7_BOOT_MODE_MAINTENANCE && K7_MODE_BOOT_LOADER == K7_BOOT_MODE_STAY);
    const auto until = Clock::now() + clamp(reset.timeout_ms, kResetTimeout);
    const std::uint32_t generation = bus_.read(K7_REG_GENERATION);
    bool stops = false;
    if (const int error = start_reset(reset, stops))
        return error;
    if (!wait_settled(stops ? kAllOnes : generation, until))
        return ETIMEDOUT;
    bus_.write(K7_REG_EVENT_MASK, K7_EVENT_ALL);
    {
        const std::lock_guard lock(event_mutex_);
        events_ |= K7_EVENT_RESET;
    }
    reset.card_state = bus_.read(K7_REG_STATE);
    reset.generation = bus_.read(K7_REG_GENERATION);
    return 0;
}

/// Wait until the card is up in another generation than @p old_generation. A reset is two steps (the card, then its
/// firmware), so what looks settled must still be so a moment later.
bool InProcessCard::wait_settled(std::uint32_t old_generation, Clock::time_point until) const {
    int good = 0;
    while (good < 2) {
        const bool changed = bus_.read(K7_REG_GENERATION) != old_generation;
        good = changed && settled(bus_.read(K7_REG_STATE)) ? good + 1 : 0;
        if (good < 2 && Clock::now() >= until)
            return false;
        if (good < 2)
            std::this_thread::sleep_for(kPause);
    }
    return true;
}

int InProcessCard::enable_ring() {
    if ((ring(K7_RING_STATUS) & K7_RING_ENABLED) != 0)
        return 0;
    bus_.clear(kSubmissions, 2 * K7_RING_ALIGN);
    tail_ = head_ = 0;
    phase_ = 1;
    set_ring(K7_RING_SQ_BASE_LO, kSubmissions);
    set_ring(K7_RING_SQ_BASE_HI, 0);
    set_ring(K7_RING_CQ_BASE_LO, kCompletions);
    set_ring(K7_RING_CQ_BASE_HI, 0);
    set_ring(K7_RING_SIZE, kRingEntries);
    set_ring(K7_RING_VECTOR, K7_VECTOR_RING(0));
    set_ring(K7_RING_CONTROL, K7_RING_ENABLE | K7_RING_ON_DEMAND);
    if ((ring(K7_RING_STATUS) & K7_RING_ENABLED) != 0)
        return 0;
    return rings_work(bus_.read(K7_REG_STATE)) ? EIO : EHOSTDOWN;
}

/// After this the card does not touch a payload any more, so its memory may be used again.
void InProcessCard::disable_ring() {
    const auto until = Clock::now() + kRingTimeout;
    set_ring(K7_RING_CONTROL, 0);
    while ((ring(K7_RING_STATUS) & K7_RING_ENABLED) != 0 && Clock::now() < until)
        std::this_thread::sleep_for(kPause);
}

void InProcessCard::submit(const k7_ioc_request &request) {
    bus_.store(kRequestPayload, {user_memory(request.in_addr), request.in_len});
    k7_sqe entry{};
    entry.opcode = htole16(static_cast<std::uint16_t>(request.opcode));
    entry.tag = htole32(++tag_);
    entry.channel = htole32(kChannel);
    entry.in_len = htole32(request.in_len);
    entry.in_addr = htole64(kRequestPayload);
    entry.out_addr = htole64(kReplyPayload);
    entry.out_len = htole32(request.out_len);
    for (std::size_t index = 0; index < std::size(entry.arg); ++index)
        entry.arg[index] = htole32(request.arg[index]);
    bus_.store(kSubmissions + tail_ * sizeof entry, std::as_bytes(std::span(&entry, 1)));
    tail_ = (tail_ + 1) % kRingEntries;
    set_ring(K7_RING_DOORBELL, K7_DOORBELL(tail_, head_));
}

/// A short command has completed inside the doorbell. For others the ring is armed, then looked at again, then waited
/// for.
int InProcessCard::wait_completion(Clock::time_point until, k7_cqe &completion) {
    for (bool armed = false;; armed = true) {
        const std::uint64_t seen = bus_.interrupts(K7_VECTOR_RING(0));
        const std::uint32_t state = bus_.read(K7_REG_STATE);
        bus_.fetch(kCompletions + head_ * sizeof completion, std::as_writable_bytes(std::span(&completion, 1)));
        if ((le16toh(completion.phase) & K7_CQE_PHASE) == phase_)
            break;
        if (state == kAllOnes)
            return ENODEV;
        if (!rings_work(state) || (ring(K7_RING_STATUS) & K7_RING_ENABLED) == 0)
            return ECANCELED;
        if (Clock::now() >= until)
            return ETIMEDOUT;
        if (armed)
            bus_.wait_interrupt(K7_VECTOR_RING(0), seen, until);
        set_ring(K7_RING_DOORBELL, K7_DOORBELL(tail_, head_) | K7_DOORBELL_ARM);
    }
    head_ = (head_ + 1) % kRingEntries;
    phase_ ^= head_ == 0 ? 1u : 0u;
    return le32toh(completion.tag) == tag_ ? 0 : EIO;
}

int InProcessCard::request(k7_ioc_request &request) {
    if (request.in_len > K7_PAYLOAD_MAX)
        return EMSGSIZE;
    if (request.flags != 0 || request.opcode > std::numeric_limits<std::uint16_t>::max())
        return EINVAL;
    request.out_len = std::min<std::uint32_t>(request.out_len, K7_PAYLOAD_MAX);
    const std::lock_guard lock(ring_mutex_);
    const std::uint32_t state = bus_.read(K7_REG_STATE);
    if (state == kAllOnes)
        return ENODEV;
    if (!rings_work(state))
        return EHOSTDOWN;
    if (const int error = enable_ring())
        return error;
    request.generation = bus_.read(K7_REG_GENERATION);
    submit(request);
    k7_cqe completion{};
    int error = wait_completion(Clock::now() + clamp(request.timeout_ms, kRequestTimeout), completion);
    const std::uint32_t length = le32toh(completion.out_len);
    if (error == 0 && length > request.out_len)
        error = EIO;
    if (error != 0) {
        disable_ring();
    } else {
        bus_.fetch(kReplyPayload, {user_memory(request.out_addr), length});
        request.out_len = length;
        request.card_status = le16toh(completion.status);
        request.result = le32toh(completion.result);
    }
    bus_.clear(kRequestPayload, 2 * K7_PAYLOAD_MAX);
    return error;
}

/// Add what is new; take what @p mask asks for.
std::uint32_t InProcessCard::take_events(std::uint32_t fresh, std::uint32_t mask) {
    const std::lock_guard lock(event_mutex_);
    const std::uint32_t taken = (events_ | fresh) & mask;
    events_ = (events_ | fresh) & ~mask;
    return taken;
}

int InProcessCard::event(k7_ioc_event &event) {
    const auto until =
        event.timeout_ms == kAllOnes ? Clock::time_point::max() : Clock::now() + milliseconds(event.timeout_ms);
    const std::uint32_t mask = event.mask == 0 ? kAllOnes : event.mask;
    for (;;) {
        const std::uint64_t seen = bus_.interrupts(K7_VECTOR_EVENTS);
        const std::uint32_t status = bus_.read(K7_REG_EVENT_STATUS);
        if (status == kAllOnes)
            return ENODEV;
        bus_.write(K7_REG_EVENT_STATUS, status);
        event.events = take_events(status & (K7_EVENT_ALL & ~K7_EVENT_MAILBOX), mask);
        if (event.events != 0 || Clock::now() >= until)
            break;
        bus_.wait_interrupt(K7_VECTOR_EVENTS, seen, until);
    }
    event.card_state = bus_.read(K7_REG_STATE);
    event.generation = bus_.read(K7_REG_GENERATION);
    event.fault_sequence = bus_.read(K7_REG_FAULT_SEQUENCE);
    return 0;
}

/// sim:STOREFILE[,name=value...]
std::vector<CardBus::Property> parse_properties(std::string_view selector) {
    constexpr std::string_view kPrefix = "sim:";
    std::string_view rest = selector.substr(kPrefix.size());
    std::vector<CardBus::Property> properties;
    properties.emplace_back("store", rest.substr(0, rest.find(',')));
    while (rest.find(',') != std::string_view::npos) {
        rest.remove_prefix(rest.find(',') + 1);
        const std::string_view item = rest.substr(0, rest.find(','));
        const std::size_t equals = item.find('=');
        if (equals == 0 || equals == std::string_view::npos)
            throw Error(ErrorKind::usage, "'" + std::string(item) + "' in " + std::string(selector) + " is no property",
                        "write sim:STOREFILE,name=value");
        if (item.substr(0, equals) == "root-key-hex") // nothing of it is repeated
            throw Error(ErrorKind::usage, "a sim: selector cannot hold a key: everybody sees command lines",
                        "write root-key=FILE");
        properties.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    }
    return properties;
}

} // namespace

std::unique_ptr<Transport> open_in_process_card(std::string_view selector) {
    return std::make_unique<InProcessCard>(std::string(selector), parse_properties(selector));
}

} // namespace hsm
