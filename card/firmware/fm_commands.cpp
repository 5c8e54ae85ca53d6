// SPDX-License-Identifier: GPL-2.0-or-later
//
// Commands about FMs: load, list, delete, call, log, certificates.
#include <cstring>

#include "card/firmware/firmware.hpp"
#include "card/image/certificate.hpp"
#include "k7/payload.h"

namespace k7::card {
namespace {

static_assert(sizeof(k7_fm_list) == 8 && sizeof(k7_certificate_info) == 128);

FmUpload &upload_of(Firmware &firmware, std::uint32_t channel) {
    if (!firmware.upload())
        throw Error(K7_ST_NOT_FOUND, "no FM load has been begun");
    if (firmware.upload()->channel() != channel)
        throw Error(K7_ST_BUSY, "another channel is loading an FM");
    return *firmware.upload();
}

} // namespace

template <>
void handle<K7_CMD_FM_LIST>(Firmware &firmware, const Command &command) {
    const std::vector<k7_fm_info> infos = firmware.fms().list();
    command.reply.append_struct(k7_fm_list{.count = static_cast<std::uint32_t>(infos.size()), .reserved = 0});
    for (const k7_fm_info &info : infos)
        command.reply.append_struct(info);
}

template <>
void handle<K7_CMD_FM_LOAD_BEGIN>(Firmware &firmware, const Command &command) {
    firmware.roles().require_fms_allowed();
    firmware.roles().require_login_to_load(command.channel);
    if (firmware.upload() && firmware.upload()->channel() != command.channel)
        throw Error(K7_ST_BUSY, "another channel is loading an FM");
    firmware.upload().reset();
    firmware.upload() = FmUpload(command.channel, command.request);
}

template <>
void handle<K7_CMD_FM_LOAD_DATA>(Firmware &firmware, const Command &command) {
    upload_of(firmware, command.channel).append(command.args[0], command.request);
}

template <>
void handle<K7_CMD_FM_LOAD_COMMIT>(Firmware &firmware, const Command &command) {
    const Firmware::LongWork work(firmware);
    upload_of(firmware, command.channel);
    firmware.roles().require_login_to_load(command.channel); // may have ended since the load began
    const FmUpload upload = std::move(*firmware.upload());   // ends with this command, whatever comes of it
    firmware.upload().reset();
    VerifiedImage verified = upload.finish(firmware.card().store.list_certificates());
    verified.fm.binding = firmware.card().smfs.bind_fm(verified.fm);
    if (!upload.allows_downgrade())
        firmware.fms().refuse_older(verified.fm);
    firmware.card().store.put_fm(verified.fm, verified.certificate);
    firmware.card().registers.raise(K7_EVENT_FM_LIST);
    command.reply.append_struct(firmware.fms().describe(verified.fm));
}

template <>
void handle<K7_CMD_FM_LOAD_ABORT>(Firmware &firmware, const Command &command) {
    upload_of(firmware, command.channel);
    firmware.upload().reset();
}

template <>
void handle<K7_CMD_FM_DELETE>(Firmware &firmware, const Command &command) {
    const Firmware::LongWork work(firmware);
    firmware.roles().require_login(command.channel);
    firmware.fms().remove(command.args[0]);
    firmware.card().registers.raise(K7_EVENT_FM_LIST);
}

template <>
void handle<K7_CMD_FM_CALL>(Firmware &firmware, const Command &command) {
    std::optional<Firmware::LongWork> work;
    if (command.slice == fm::FmEngine::kToTheEnd)
        work.emplace(firmware);
    FmManager &fms = firmware.fms();
    const auto room = command.reply.room();
    const auto reply = fms.paused() ? fms.resume(room, command.slice)
                                    : fms.call(command.args[0], command.request, room, command.slice);
    command.reply.paused = !reply;
    if (!reply)
        return;
    command.reply.claim(reply->length);
    command.reply.result = reply->status;
}

template <>
void handle<K7_CMD_FM_LOG>(Firmware &firmware, const Command &command) {
    const FmLog::Page page = firmware.card().fm_log.read(command.args[0], command.reply.room().size());
    command.reply.append(std::as_bytes(std::span(page.text)));
    command.reply.result = page.next_line;
}

template <>
void handle<K7_CMD_CERT_LIST>(Firmware &firmware, const Command &command) {
    const auto stored = firmware.card().store.list_certificates();
    command.reply.append_struct(k7_certificate_list{.count = static_cast<std::uint32_t>(stored.size()), .reserved = 0});
    for (const StoredCertificate &each : stored) {
        const Certificate certificate(each.der);
        const auto fingerprint = certificate.fingerprint();
        k7_certificate_info info{};
        each.label.copy(info.label, sizeof(info.label));
        certificate.common_name(sizeof(info.subject)).copy(info.subject, sizeof(info.subject));
        std::memcpy(info.fingerprint, fingerprint.data(), sizeof(info.fingerprint));
        command.reply.append_struct(info);
    }
}

} // namespace k7::card
