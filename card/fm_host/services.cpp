// SPDX-License-Identifier: GPL-2.0-or-later
//
// Service table, messages, log, time, random numbers, digests.
#include "card/fm_host/services.hpp"

#include <algorithm>
#include <cstring>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "card/fm_host/crypto_services.hpp"
#include "k7/fm_crypto.h"

namespace k7::card {
namespace {

/// Where a handler can be; that it is code shows when it is called.
bool is_code(std::uint32_t address) {
    return address >= K7_FM_IMAGE_BASE && address < K7_FM_IMAGE_END && address % 4 == 0;
}

unsigned char *raw(std::span<std::byte> bytes) {
    return reinterpret_cast<unsigned char *>(bytes.data());
}
const unsigned char *raw(std::span<const std::byte> bytes) {
    return reinterpret_cast<const unsigned char *>(bytes.data());
}

template <class Duration>
std::uint64_t microseconds(Duration duration) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

std::uint32_t put_u64(fm::FmEngine &engine, std::uint32_t address, std::uint64_t value) {
    const auto to = engine.writable(address, sizeof(value));
    if (!to)
        return K7_FM_E_BAD_POINTER;
    std::memcpy(to->data(), &value, sizeof(value));
    return K7_FM_OK;
}

} // namespace

// To add a service: its number in include/k7/fm_abi.h, a member function, a line here. What it costs is about what it
// takes, in microseconds: docs/fm-sdk.md.
constexpr std::array<FmServices::Entry, 64> FmServices::make_entries() {
    constexpr std::uint32_t kLookUp = 50;
    constexpr std::uint32_t kCommit = WorkBudget::kCommit;
    constexpr std::array kServices{
        Entry{K7_FM_SVC_REGISTER_RANDOM, &FmServices::register_random},
        Entry{K7_FM_SVC_REGISTER_STREAM, &FmServices::register_stream},
        Entry{K7_FM_SVC_SEND_REPLY, &FmServices::send_reply},
        Entry{K7_FM_SVC_GET_FMID, &FmServices::get_fm_id},
        Entry{K7_FM_SVC_REPLY_BUFFER, &FmServices::reply_buffer},
        Entry{K7_FM_SVC_IO_READ, &FmServices::io_read, 1, {2, -1}},
        Entry{K7_FM_SVC_IO_WRITE, &FmServices::io_write, 1, {2, -1}},
        Entry{K7_FM_SVC_IO_READ_POSITION, &FmServices::io_read_position},
        Entry{K7_FM_SVC_IO_REQUEST_LENGTH, &FmServices::io_request_length},
        Entry{K7_FM_SVC_IO_REPLY_CAPACITY, &FmServices::io_reply_capacity},
        Entry{K7_FM_SVC_IO_WRITE_POSITION, &FmServices::io_write_position},
        Entry{K7_FM_SVC_LOG, &FmServices::log, 1, {1, -1}},
        Entry{K7_FM_SVC_ABORT, &FmServices::log}, // its text is logged, then service() makes it a fault
        Entry{K7_FM_SVC_TIME, &FmServices::time},
        Entry{K7_FM_SVC_MONOTONIC, &FmServices::monotonic},
        Entry{K7_FM_SVC_RANDOM, &FmServices::random, 1, {1, -1}},
        Entry{K7_FM_SVC_TIMER_START, &FmServices::timer_start},
        Entry{K7_FM_SVC_TIMER_STOP, &FmServices::timer_stop},
        Entry{K7_FM_SVC_SHA256, &FmServices::sha256, 1, {1, -1}},
        Entry{K7_FM_SVC_HMAC_SHA256, &FmServices::hmac_sha256, 1, {1, 3}},
        Entry{K7_FM_SVC_SMFS_CREATE_DIR, &FmServices::smfs_create_dir, kCommit},
        Entry{K7_FM_SVC_SMFS_CREATE_FILE, &FmServices::smfs_create_file, kCommit, {1, -1}},
        Entry{K7_FM_SVC_SMFS_OPEN, &FmServices::smfs_open, kLookUp},
        Entry{K7_FM_SVC_SMFS_CLOSE, &FmServices::smfs_close, kLookUp},
        Entry{K7_FM_SVC_SMFS_READ, &FmServices::smfs_read, kLookUp, {3, -1}},
        Entry{K7_FM_SVC_SMFS_WRITE, &FmServices::smfs_write, kCommit, {3, -1}},
        Entry{K7_FM_SVC_SMFS_DELETE, &FmServices::smfs_delete, kCommit},
        Entry{K7_FM_SVC_SMFS_RENAME, &FmServices::smfs_rename, kCommit},
        Entry{K7_FM_SVC_SMFS_ATTR, &FmServices::smfs_attr, kLookUp},
        Entry{K7_FM_SVC_SMFS_FREE, &FmServices::smfs_free, kLookUp},
        Entry{K7_FM_SVC_SMFS_FIND_INIT, &FmServices::smfs_find_init, kLookUp},
        Entry{K7_FM_SVC_SMFS_FIND, &FmServices::smfs_find, kLookUp},
        Entry{K7_FM_SVC_SMFS_FIND_CLOSE, &FmServices::smfs_find_close, kLookUp},
        Entry{K7_FM_SVC_SMFS_FILE_ATTR, &FmServices::smfs_file_attr, kLookUp},
    };
    std::array<Entry, 64> entries{};
    for (const Entry &entry : kServices)
        entries.at(entry.number) = entry;
    return entries;
}

constinit const std::array<FmServices::Entry, 64> FmServices::kEntries = FmServices::make_entries();

std::size_t FmServices::bytes_of(const Entry &entry, const Arguments &arguments) {
    std::size_t bytes = 0;
    for (const int length : entry.lengths)
        bytes += length >= 0 ? arguments.at(static_cast<std::size_t>(length)) : 0;
    return bytes;
}

FmServices::FmServices(Context &card, Smfs &smfs, const SmfsOwner &owner, const std::atomic<bool> &kill)
    : card_(card), smfs_(smfs), owner_(owner), work_(card.options.fm_work),
      crypto_(std::make_unique<CryptoServices>(smfs, owner, work_, kill)) {
    // Tokens start anywhere, so that an FM that remembers one of before a restart is refused.
    if (RAND_bytes(raw(std::as_writable_bytes(std::span(&next_token_, 1))), sizeof(next_token_)) != 1)
        throw std::runtime_error("the random generator failed");
}

std::uint32_t FmServices::serve(fm::FmEngine &engine, std::uint32_t number, const Arguments &arguments) {
    if (number >= kEntries.size())
        return crypto_->serve(engine, number, arguments);
    const Entry &entry = kEntries[number];
    work_.spend(entry.cost);
    if (const std::size_t bytes = bytes_of(entry, arguments))
        work_.spend_on(bytes);
    return (this->*entry.handler)(engine, arguments);
}

FmServices::~FmServices() = default;

fm::ServiceResult FmServices::service(fm::FmEngine &engine, std::uint32_t number, const Arguments &arguments) {
    if (number < kEntries.size() ? !kEntries[number].handler : !CryptoServices::has(number))
        return {.fault_cause = K7_FAULT_BAD_SERVICE};
    try {
        const std::uint32_t value = serve(engine, number, arguments);
        if (number == K7_FM_SVC_ABORT)
            return {.fault_cause = K7_FAULT_ABORT};
        return {.value = value};
    } catch (const SmfsError &error) {
        return {.value = error.code};
    } catch (const SmfsFileDamage &damage) {
        card_.bus.log(K7CARD_LOG_ERROR, damage.what());
        return {.value = K7_FM_SMFS_ERROR};
    } catch (const FmRefusal &refusal) {
        return {.value = refusal.code};
    } catch (const FmOverwork &) {
        return {.fault_cause = K7_FAULT_BUDGET};
    } catch (...) {
        // An exception must not unwind the CPU. The FM stops here and rethrow_failure() goes on with it.
        failure_ = std::current_exception();
        return {.fault_cause = K7_FAULT_ABORT};
    }
}

bool FmServices::takes_long(std::uint32_t number, const Arguments &arguments) const {
    constexpr std::size_t kShort = 4096; // bytes: some microseconds
    if (number >= kEntries.size())
        return CryptoServices::takes_long(number, arguments);
    const Entry &entry = kEntries[number];
    return entry.cost > 1 || bytes_of(entry, arguments) > kShort;
}

void FmServices::forget_keys() {
    crypto_->forget_keys();
}

std::set<std::uint32_t> FmServices::key_handles() const {
    return crypto_->key_handles();
}

void FmServices::give_back() {
    forget_keys();
    timers_.stop_all();
    open_files_.clear();
    searches_.clear();
}

void FmServices::rethrow_failure() {
    if (failure_)
        std::rethrow_exception(std::exchange(failure_, nullptr));
}

// ---- Dispatch and messages ------------------------------------------------------------------------------------------

std::uint32_t FmServices::register_handler(Dispatch::Kind kind, const Arguments &arguments) {
    if (arguments[0] != owner_.fm_id)
        return K7_FM_E_BAD_FM_NUMBER;
    if (dispatch_.kind != Dispatch::Kind::None)
        return K7_FM_E_ALREADY_REGISTERED;
    if (!is_code(arguments[1]))
        return K7_FM_E_BAD_POINTER;
    dispatch_ = {kind, arguments[1]};
    return K7_FM_OK;
}

std::uint32_t FmServices::register_random(fm::FmEngine &, const Arguments &arguments) {
    return register_handler(Dispatch::Kind::Random, arguments);
}

std::uint32_t FmServices::register_stream(fm::FmEngine &, const Arguments &arguments) {
    return register_handler(Dispatch::Kind::Stream, arguments);
}

std::uint32_t FmServices::begin(std::span<const std::byte> request, std::uint32_t capacity) {
    message_ = {};
    work_.begin_call();
    next_token_ = next_token_ == UINT32_MAX ? 1 : next_token_ + 1;
    message_.token = next_token_;
    message_.request = request;
    message_.capacity = std::min<std::uint32_t>(capacity, K7_FM_MESSAGE_MAX);
    return message_.token;
}

void FmServices::begin_without_message() {
    message_ = {};
    work_.begin_call();
}

Message FmServices::end() {
    return std::exchange(message_, {});
}

std::uint32_t FmServices::send_reply(fm::FmEngine &, const Arguments &arguments) {
    if (!is_token(arguments[0]))
        return K7_FM_E_BAD_TOKEN;
    message_.status = arguments[1];
    message_.replied = true;
    message_.token = 0; // a second reply finds no message
    return K7_FM_OK;
}

std::uint32_t FmServices::reply_buffer(fm::FmEngine &, const Arguments &arguments) {
    if (!is_token(arguments[0]))
        return K7_FM_E_BAD_TOKEN;
    if (arguments[1] > message_.capacity)
        return K7_FM_E_BAD_LENGTH;
    message_.reply_length = arguments[1];
    return K7_FM_REPLY_BASE;
}

std::uint32_t FmServices::io_read(fm::FmEngine &engine, const Arguments &arguments) {
    if (!is_token(arguments[0]))
        return K7_FM_E_BAD_TOKEN;
    const auto to = engine.writable(arguments[1], arguments[2]); // all of it, however much there is to read
    if (!to)
        return K7_FM_E_BAD_POINTER;
    const auto left = message_.request.subspan(message_.read_position);
    const auto count = static_cast<std::uint32_t>(std::min(to->size(), left.size()));
    std::copy_n(left.begin(), count, to->begin());
    message_.read_position += count;
    return count;
}

std::uint32_t FmServices::io_write(fm::FmEngine &engine, const Arguments &arguments) {
    if (!is_token(arguments[0]))
        return K7_FM_E_BAD_TOKEN;
    if (arguments[2] > message_.capacity - message_.reply_length)
        return K7_FM_E_BAD_LENGTH;
    const auto from = engine.readable(arguments[1], arguments[2]);
    const auto to = engine.writable(K7_FM_REPLY_BASE + message_.reply_length, arguments[2]);
    if (!from || !to)
        return K7_FM_E_BAD_POINTER;
    if (!from->empty())
        std::memmove(to->data(), from->data(), from->size()); // the FM may name the reply itself
    message_.reply_length += arguments[2];
    return arguments[2];
}

std::uint32_t FmServices::io_read_position(fm::FmEngine &, const Arguments &arguments) {
    if (!is_token(arguments[0]))
        return K7_FM_E_BAD_TOKEN;
    if (arguments[1] > message_.request.size() - message_.read_position)
        return K7_FM_E_BAD_LENGTH;
    message_.read_position += arguments[1];
    return message_.read_position;
}

std::uint32_t FmServices::io_request_length(fm::FmEngine &, const Arguments &arguments) {
    return is_token(arguments[0]) ? static_cast<std::uint32_t>(message_.request.size()) : K7_FM_E_BAD_TOKEN;
}

std::uint32_t FmServices::io_reply_capacity(fm::FmEngine &, const Arguments &arguments) {
    return is_token(arguments[0]) ? message_.capacity : K7_FM_E_BAD_TOKEN;
}

std::uint32_t FmServices::io_write_position(fm::FmEngine &, const Arguments &arguments) {
    if (!is_token(arguments[0]))
        return K7_FM_E_BAD_TOKEN;
    if (arguments[1] > message_.capacity - message_.reply_length)
        return K7_FM_E_BAD_LENGTH;
    message_.reply_length += arguments[1];
    return message_.reply_length;
}

// ---- General --------------------------------------------------------------------------------------------------------

std::uint32_t FmServices::log(fm::FmEngine &engine, const Arguments &arguments) {
    const auto text = engine.readable(arguments[0], arguments[1]);
    if (!text)
        return K7_FM_E_BAD_POINTER;
    card_.fm_log.add(owner_.fm_id, *text);
    card_.registers.raise(K7_EVENT_LOG);
    return K7_FM_OK;
}

std::uint32_t FmServices::time(fm::FmEngine &engine, const Arguments &arguments) {
    return put_u64(engine, arguments[0], microseconds(std::chrono::system_clock::now().time_since_epoch()));
}

std::uint32_t FmServices::monotonic(fm::FmEngine &engine, const Arguments &arguments) {
    return put_u64(engine, arguments[0], microseconds(std::chrono::steady_clock::now() - started_));
}

std::uint32_t FmServices::random(fm::FmEngine &engine, const Arguments &arguments) {
    if (arguments[1] > K7_FM_MESSAGE_MAX)
        return K7_FM_E_BAD_LENGTH;
    const auto to = engine.writable(arguments[0], arguments[1]);
    if (!to)
        return K7_FM_E_BAD_POINTER;
    return to->empty() || RAND_bytes(raw(*to), static_cast<int>(to->size())) == 1 ? K7_FM_OK : K7_FM_E_NOT_READY;
}

std::uint32_t FmServices::timer_start(fm::FmEngine &, const Arguments &arguments) {
    const std::uint32_t timer = arguments[0];
    const std::uint32_t first = arguments[1];
    const std::uint32_t period = arguments[2];
    const std::uint32_t handler = arguments[3];
    const auto in_range = [](std::uint32_t time) {
        return time >= K7_FM_TIMER_SHORTEST && time <= K7_FM_TIMER_LONGEST;
    };
    if (timer >= K7_FM_TIMERS_MAX || !in_range(first) || (period != 0 && !in_range(period)))
        return K7_FM_E_BAD_PARAMETER;
    if (!is_code(handler))
        return K7_FM_E_BAD_POINTER;
    timers_.start(timer, std::chrono::milliseconds(first), std::chrono::milliseconds(period), handler);
    return K7_FM_OK;
}

std::uint32_t FmServices::timer_stop(fm::FmEngine &, const Arguments &arguments) {
    if (arguments[0] >= K7_FM_TIMERS_MAX)
        return K7_FM_E_BAD_PARAMETER;
    timers_.stop(arguments[0]);
    return K7_FM_OK;
}

std::uint32_t FmServices::sha256(fm::FmEngine &engine, const Arguments &arguments) {
    const auto data = engine.readable(arguments[0], arguments[1]);
    const auto to = engine.writable(arguments[2], 32);
    if (!data || !to)
        return K7_FM_E_BAD_POINTER;
    std::array<unsigned char, 32> digest{}; // apart, because the FM's areas may overlap
    if (EVP_Digest(data->data(), data->size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
        return K7_FM_E_NOT_READY;
    std::memcpy(to->data(), digest.data(), digest.size());
    return K7_FM_OK;
}

std::uint32_t FmServices::hmac_sha256(fm::FmEngine &engine, const Arguments &arguments) {
    const auto key = engine.readable(arguments[0], arguments[1]);
    const auto data = engine.readable(arguments[2], arguments[3]);
    const auto to = engine.writable(arguments[4], 32);
    if (!key || !data || !to)
        return K7_FM_E_BAD_POINTER;
    constexpr unsigned char kNoKey = 0; // OpenSSL takes a null key as "the key of before"
    std::array<unsigned char, 32> mac{};
    unsigned size = 0;
    if (!HMAC(EVP_sha256(), key->empty() ? &kNoKey : raw(*key), static_cast<int>(key->size()), raw(*data), data->size(),
              mac.data(), &size))
        return K7_FM_E_NOT_READY;
    std::memcpy(to->data(), mac.data(), mac.size());
    return K7_FM_OK;
}

} // namespace k7::card
