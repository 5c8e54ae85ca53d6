// SPDX-License-Identifier: GPL-2.0-or-later
//
// A card that is operational, with one ring, and what tests do to FMs on it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/unit/card_host.hpp"
#include "tests/unit/test_signer.hpp"

namespace k7::test {

// FM IDs of the samples and of tests/fm.
constexpr std::uint32_t kEcho = 0xa000;
constexpr std::uint32_t kVault = 0xa001;
constexpr std::uint32_t kCrashy = 0xa002;
constexpr std::uint32_t kFaults = 0xa0f0;

/// One key for all tests that do not test keys.
inline const Signer &signer() {
    static const Signer the_signer;
    return the_signer;
}

inline Bytes image_of(const std::string &fm) {
    return signer().sign(fm_content(fm_elf(fm)));
}

class OperationalCard {
  public:
    explicit OperationalCard(const Properties &properties = {}) : host(properties), ring(host, 0) { start(); }

    /// Wait until the firmware is up, and enable the ring.
    void start() {
        if (!host.wait_state(K7_STATE_OPERATIONAL))
            throw std::runtime_error("the card did not become operational");
        if (ring.enable() != K7_RING_ENABLED)
            throw std::runtime_error("the ring could not be enabled");
        logged_in_ = false;
    }
    /// The HSM SO on channel 1, once for each start of the firmware.
    void login() {
        if (!std::exchange(logged_in_, true) && ring.command(K7_CMD_HSM_LOGIN, bytes_of(kPassword)).status != K7_ST_OK)
            throw std::runtime_error("the HSM SO could not log in");
    }
    CommandReply remove(std::uint32_t fm_id) {
        login();
        return ring.command(K7_CMD_FM_DELETE, {}, fm_id);
    }
    CommandReply activate_smfs() {
        login();
        return ring.command(K7_CMD_SMFS_ACTIVATE);
    }
    void restart() {
        host.reset(K7CARD_RESET_FLR);
        start();
    }

    CommandReply load_begin(std::size_t image_size, const Bytes &certificate, const std::string &label = {},
                            std::uint32_t flags = 0) {
        login();
        k7_fm_load load{};
        load.image_size = static_cast<std::uint32_t>(image_size);
        load.certificate_size = static_cast<std::uint32_t>(certificate.size());
        load.flags = flags;
        label.copy(load.label, sizeof(load.label));
        Bytes request(sizeof(load));
        std::memcpy(request.data(), &load, sizeof(load));
        request.insert(request.end(), certificate.begin(), certificate.end());
        return ring.command(K7_CMD_FM_LOAD_BEGIN, request);
    }
    CommandReply load_data(std::span<const std::byte> image) {
        CommandReply reply;
        for (std::size_t at = 0; at < image.size() && reply.status == K7_ST_OK; at += 0x10000)
            reply =
                ring.command(K7_CMD_FM_LOAD_DATA, image.subspan(at, std::min<std::size_t>(0x10000, image.size() - at)),
                             static_cast<std::uint32_t>(at));
        return reply;
    }
    /// The whole load; the reply of the command that failed, or of the commit.
    CommandReply load_image(const Bytes &image, const Bytes &certificate, const std::string &label = {},
                            std::uint32_t flags = 0) {
        CommandReply reply = load_begin(image.size(), certificate, label, flags);
        if (reply.status == K7_ST_OK)
            reply = load_data(image);
        return reply.status == K7_ST_OK ? ring.command(K7_CMD_FM_LOAD_COMMIT) : reply;
    }
    /// Load an FM of build/fm, properly signed.
    void load(const std::string &fm) {
        const CommandReply reply = load_image(image_of(fm), signer().certificate());
        if (reply.status != K7_ST_OK)
            throw std::runtime_error("loading " + fm + ": " + reply.text());
    }

    std::vector<k7_fm_info> list() {
        const CommandReply reply = ring.command(K7_CMD_FM_LIST);
        const auto head = struct_of<k7_fm_list>(reply.data);
        std::vector<k7_fm_info> infos;
        for (std::uint32_t i = 0; i < head.count; ++i)
            infos.push_back(
                struct_of<k7_fm_info>(std::span(reply.data).subspan(sizeof(head) + i * sizeof(k7_fm_info))));
        return infos;
    }
    std::vector<std::uint32_t> fm_ids() {
        std::vector<std::uint32_t> ids;
        for (const k7_fm_info &info : list())
            ids.push_back(info.fm_id);
        return ids;
    }
    CommandReply call(std::uint32_t fm_id, const std::string &request) {
        return ring.command(K7_CMD_FM_CALL, bytes_of(request), fm_id);
    }
    /// A call that is to fault: nothing completes, the card halts.
    void crash(std::uint32_t fm_id, const std::string &request) {
        ring.push(ring.entry(K7_CMD_FM_CALL, bytes_of(request), fm_id));
        ring.doorbell();
        if (!host.wait_state(K7_STATE_HALTED))
            throw std::runtime_error("the card did not halt");
    }
    k7_fault_report fault_report(std::uint32_t sequence = 0) {
        return struct_of<k7_fault_report>(host.mailbox(K7_BOOT_FAULT_REPORT, sequence).data);
    }

    CardHost host;
    Ring ring;

  private:
    bool logged_in_ = false;
};

/// A directory that is gone with all that is in it when the test ends.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        // In memory where that is possible: the tests synchronise files thousands of times.
        const bool in_memory = access("/dev/shm", W_OK) == 0;
        const auto parent = in_memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
        std::string name = parent / "k7card-test-XXXXXX";
        if (!mkdtemp(name.data()))
            throw std::runtime_error("no temporary directory");
        path_ = name;
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory &) = delete;
    TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;

    [[nodiscard]] std::string file(const std::string &name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

inline std::string field_text(std::span<const char> field) {
    return {field.data(), ::strnlen(field.data(), field.size())};
}

/// Until the firmware's thread has parked: a NOP is complete when its doorbell returns.
inline void wait_parked(OperationalCard &card) {
    const auto served_here = [&] {
        card.ring.push(card.ring.entry(K7_CMD_NOP));
        card.ring.doorbell();
        return card.ring.take(std::chrono::milliseconds(0)) || (card.ring.take(), false);
    };
    ASSERT_TRUE(eventually([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return served_here();
    }));
}

/// Hang the firmware, with a NOP in the ring. A round that it has begun may still serve one.
inline void hang(OperationalCard &card) {
    ASSERT_EQ(card.host.set("fault", "hang"), "");
    ASSERT_TRUE(eventually([&] {
        card.ring.push(card.ring.entry(K7_CMD_NOP));
        card.ring.doorbell();
        return !card.ring.take(std::chrono::milliseconds(100));
    }));
}

} // namespace k7::test
