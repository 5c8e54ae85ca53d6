// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/firmware/execution.hpp"

#include <algorithm>
#include <openssl/crypto.h>

#include "card/firmware/firmware.hpp"

namespace k7::card {
namespace {

bool all_zero(std::span<const std::uint32_t> words) {
    return std::all_of(words.begin(), words.end(), [](std::uint32_t word) { return word == 0; });
}

void check_fields(const k7_sqe &sqe) {
    if ((sqe.flags & ~K7_SQE_LIST) != 0 || !all_zero(sqe.reserved))
        throw Error(K7_ST_BAD_FIELD, "reserved fields of the submission are not 0");
    if (sqe.channel > K7_CHANNEL_MAX)
        throw Error(K7_ST_BAD_FIELD, "channel " + std::to_string(sqe.channel) + " does not exist");
    if ((sqe.flags & K7_SQE_LIST) == 0) {
        if (sqe.in_segments != 0)
            throw Error(K7_ST_BAD_FIELD, "a request payload that is no list has no segments");
    } else if (sqe.in_segments == 0 || sqe.in_segments > K7_SEGMENTS_MAX) {
        throw Error(K7_ST_BAD_FIELD, "a list of " + std::to_string(sqe.in_segments) + " segments; 1 to " +
                                         std::to_string(K7_SEGMENTS_MAX) + " are taken");
    } else if (sqe.in_addr % alignof(k7_segment) != 0) {
        throw Error(K7_ST_BAD_FIELD, "the list of segments is not aligned to 8 bytes");
    }
}

// Everything of a submission but its payloads; the copy that was fetched, so nobody changes it meanwhile.
void check_submission(const k7_sqe &sqe, const CommandEntry &entry, const Firmware &firmware) {
    check_fields(sqe);
    const bool is_list = (sqe.flags & K7_SQE_LIST) != 0;
    const std::uint32_t in_max = is_list ? entry.in_max : std::min<std::uint32_t>(entry.in_max, K7_PAYLOAD_MAX);
    if (sqe.in_len < entry.in_min || sqe.in_len > in_max)
        throw Error(K7_ST_BAD_LENGTH, std::string(entry.name) + " takes " + std::to_string(entry.in_min) + " to " +
                                          std::to_string(in_max) + " bytes" +
                                          (in_max < entry.in_max ? " in one piece" : "") + ", not " +
                                          std::to_string(sqe.in_len));
    if (entry.needs_operational)
        firmware.require_operational(entry.name);
}

static_assert(alignof(k7_segment) == 8);

} // namespace

RequestRoom::RequestRoom(std::span<std::byte> buffer, std::optional<FmUpload> &upload, const k7_sqe &sqe) {
    if (sqe.opcode == K7_CMD_FM_LOAD_DATA && upload && upload->channel() == sqe.channel)
        bytes_ = upload->room(sqe.arg[0], sqe.in_len);
    if (!bytes_.empty())
        return;
    if (sqe.in_len > buffer.size())
        bulk_ = std::make_unique_for_overwrite<std::byte[]>(sqe.in_len);
    bytes_ = {bulk_ ? bulk_.get() : buffer.data(), sqe.in_len};
    wiped_ = bytes_;
}

RequestRoom::~RequestRoom() {
    OPENSSL_cleanse(wiped_.data(), wiped_.size());
}

Execution::Execution(Firmware &firmware, RingServer &rings, const Request &request, std::span<std::byte> request_buffer,
                     std::span<std::byte> reply_buffer)
    : firmware_(firmware), rings_(rings), request_(request), request_buffer_(request_buffer),
      reply_(reply_buffer.first(std::min<std::size_t>(request.sqe.out_len, reply_buffer.size()))) {}

// Payloads are secrets of the host and its FMs: wiped on every way out.
Execution::~Execution() {
    OPENSSL_cleanse(reply_.used().data(), reply_.used().size());
}

void Execution::prepare() {
    if (request_.aborted)
        throw Error(K7_ST_ABORTED, "aborted by the driver");
    const k7_sqe &sqe = request_.sqe;
    const CommandEntry &entry = find_command(sqe.opcode);
    if (sqe.out_len > K7_PAYLOAD_MAX)
        throw Error(K7_ST_BAD_LENGTH, "room for a reply of " + std::to_string(sqe.out_len) + " bytes is too much");
    check_submission(sqe, entry, firmware_);
    room_.emplace(request_buffer_, firmware_.upload(), sqe);
    rings_.read_payload(request_, room_->bytes());
    entry_ = &entry;
}

bool Execution::run(std::uint64_t slice) {
    Completion completion;
    std::optional<StoreError> store_error;
    try {
        if (entry_ == nullptr)
            prepare();
        const std::span<const std::uint32_t, 4> args(request_.sqe.arg);
        entry_->handler(firmware_, {request_.sqe.channel, request_.aborting, args, room_->bytes(), slice, reply_});
        if (reply_.paused)
            return false;
    } catch (const StoreError &error) {
        completion.status = error.status();
        reply_.set_text(error.what());
        store_error = error;
    } catch (const Error &error) {
        completion.status = error.status();
        reply_.set_text(error.what());
    }
    complete(completion);
    if (store_error) {
        rings_.flush();
        throw *store_error;
    }
    return true;
}

void Execution::complete(Completion completion) {
    const auto reply = reply_.bytes();
    completion.result = reply_.result;
    completion.out_len = static_cast<std::uint32_t>(reply.size());
    if (!reply.empty() && rings_.write_payload(request_, reply) != Dma::Done)
        completion = {.status = K7_ST_DMA_ERROR, .result = 0, .out_len = 0};
    rings_.complete(request_, completion);
}

} // namespace k7::card
