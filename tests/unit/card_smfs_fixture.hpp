// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tests of the SMFS share: the FM `keeper` under any ID and signer, and the store seen from behind.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/store_query.hpp"

namespace k7::test {

constexpr std::uint32_t kKeeper = 0xa0fd;

constexpr std::uint32_t kNotInited = K7_FM_SMFS_NOT_INITED;
constexpr std::uint32_t kMemory = K7_FM_SMFS_MEMORY;
constexpr std::uint32_t kAccess = K7_FM_SMFS_ACCESS;
constexpr std::uint32_t kNotFound = K7_FM_SMFS_NOT_FOUND;
constexpr std::uint32_t kBusy = K7_FM_SMFS_BUSY;
constexpr std::uint32_t kExist = K7_FM_SMFS_EXIST;
constexpr std::uint32_t kFileType = K7_FM_SMFS_FILE_TYPE;

inline const Signer &first_signer() {
    return signer();
}
inline const Signer &other_signer() {
    static const Signer the_signer = [] {
        CertificateOptions options;
        options.common_name = "other signer";
        return Signer(options);
    }();
    return the_signer;
}

/// The FM of build/fm/keeper.elf with another ID in its header.
inline Bytes keeper_elf(std::uint32_t fm_id) {
    Bytes elf = fm_elf("keeper");
    k7_fm_header header{};
    for (std::size_t at = 0; at + sizeof(header) <= elf.size(); at += 4) {
        std::memcpy(&header, elf.data() + at, sizeof(header));
        if (header.magic != K7_FM_HEADER_MAGIC || header.header_version != K7_FM_HEADER_VERSION)
            continue;
        header.fm_id = fm_id;
        std::memcpy(elf.data() + at, &header, sizeof(header));
        return elf;
    }
    throw std::runtime_error("build/fm/keeper.elf has no header");
}

inline void load_keeper(OperationalCard &card, std::uint32_t fm_id, const Signer &by) {
    const CommandReply reply = card.load_image(by.sign(fm_content(keeper_elf(fm_id))), by.certificate());
    if (reply.status != K7_ST_OK)
        throw std::runtime_error("loading keeper: " + reply.text());
}

inline void write_file(const std::string &path, const Bytes &bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// Number @p index of what SMFS_CHECK found.
inline k7_smfs_finding finding(const CommandReply &reply, std::size_t index) {
    const std::size_t at = sizeof(k7_smfs_check) + index * sizeof(k7_smfs_finding);
    if (reply.data.size() < at + sizeof(k7_smfs_finding))
        return {};
    return struct_of<k7_smfs_finding>(std::span(reply.data).subspan(at));
}

class SmfsTest : public testing::Test {
  protected:
    [[nodiscard]] std::string file(const std::string &name) const { return directory_.file(name); }
    [[nodiscard]] std::string store() const { return file("store"); }
    [[nodiscard]] Properties properties() const { return {{"store", store()}}; }

    static std::string create_error(const Properties &given) {
        try {
            const CardHost host(given);
        } catch (const CreateError &error) {
            return error.what();
        }
        return "";
    }

    /// The store's files, journal included, while the card is off or on.
    [[nodiscard]] bool in_store(std::span<const std::byte> needle) const {
        for (const char *suffix : {"", "-journal", "-wal"}) {
            if (!std::filesystem::exists(store() + suffix))
                continue;
            const Bytes bytes = read_file(store() + suffix);
            if (!bytes.empty() && memmem(bytes.data(), bytes.size(), needle.data(), needle.size()) != nullptr)
                return true;
        }
        return false;
    }

    /// As query_store().
    template <class... More>
    std::vector<Bytes> query(const std::string &sql, const More &...more) {
        return query_store(store(), sql, more...);
    }

    /// A card with these properties that has /one and /two, switched off.
    static void write_two_files(const Properties &properties) {
        OperationalCard card(properties);
        load_keeper(card, kKeeper, first_signer());
        card.restart();
        EXPECT_EQ(card.call(kKeeper, "put /one first secret").result, 0u);
        EXPECT_EQ(card.call(kKeeper, "put /two second secret").result, 0u);
    }

    /// What becomes of the old block that was put into the store: "file " when it was of /one, "table " when it was the
    /// table's. Anything else is what is wrong.
    std::string outcome_of_old_block() {
        OperationalCard card(properties());
        if (card.host.card_state().smfs_state == static_cast<std::uint32_t>(K7_SMFS_DAMAGED))
            return card.call(kKeeper, "get /one").result == kNotInited ? "table " : "a damaged SMFS is in use ";
        const CommandReply check = card.ring.command(K7_CMD_SMFS_CHECK);
        const k7_smfs_finding found = finding(check, 0);
        if (found.kind != K7_SMFS_FINDING_FILE || found.fm_id != kKeeper || found.file != 1)
            return "not found by the check ";
        if (card.call(kKeeper, "get /one").result != K7_FM_SMFS_ERROR)
            return "an old block was read ";
        if (card.call(kKeeper, "put /one x").result != K7_FM_SMFS_ERROR)
            return "an old block was written ";
        if (card.call(kKeeper, "get /two").text() != "second secret")
            return "the other file cannot be read ";
        return card.call(kKeeper, "del /one").result == 0 ? "file " : "it cannot be deleted ";
    }

  private:
    TemporaryDirectory directory_;
};

} // namespace k7::test
