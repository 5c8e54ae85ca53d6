// SPDX-License-Identifier: GPL-2.0-or-later
//
// After an erase neither key nor content nor name is in the card's memory, which here is this process's memory. What is
// searched for is kept with all bits inverted, or the search would find the test itself.
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/card_smfs_fixture.hpp"

namespace k7::test {
namespace {

/// A text of bytes, each inverted.
using Inverted = Bytes;

struct Region {
    std::uintptr_t begin;
    std::uintptr_t end;
};

/// What this process can write to: heap, stacks, data, anonymous mappings.
std::vector<Region> writable_regions() {
    std::vector<Region> regions;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        Region region{};
        const auto dash = std::from_chars(line.data(), line.data() + line.size(), region.begin, 16).ptr;
        const auto blank = std::from_chars(dash + 1, line.data() + line.size(), region.end, 16).ptr;
        if (std::string_view(blank + 1, 2) == "rw")
            regions.push_back(region);
    }
    return regions;
}

/// Read through the kernel, because regions may vanish while they are searched.
class Memory {
  public:
    Memory() : file_(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)), window_(kWindow) {}
    ~Memory() { ::close(file_); }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;

    /// How often @p needle, once inverted back, is there.
    unsigned count(const Inverted &needle) {
        unsigned found = 0;
        for (const Region &region : writable_regions())
            for (std::uintptr_t at = region.begin; at < region.end; at += kWindow - needle.size())
                found += count_in(at, std::min<std::size_t>(kWindow, region.end - at), needle);
        return found;
    }

  private:
    static constexpr std::size_t kWindow = 1 << 20;

    // The window is zero but while it is searched, so that it is no find itself.
    unsigned count_in(std::uintptr_t at, std::size_t size, const Inverted &needle) {
        const ssize_t got = ::pread(file_, window_.data(), size, static_cast<off_t>(at));
        const auto read = std::span(window_).first(got > 0 ? static_cast<std::size_t>(got) : 0);
        for (std::byte &byte : read)
            byte = ~byte;
        unsigned found = 0;
        for (auto hit = read.begin();; ++hit, ++found) {
            hit = std::search(hit, read.end(), needle.begin(), needle.end());
            if (hit == read.end())
                break;
        }
        OPENSSL_cleanse(window_.data(), window_.size());
        return found;
    }

    int file_;
    Bytes window_;
};

class CardSmfsMemory : public SmfsTest {
  protected:
    /// The SMFS's key, read from the store by a process of its own, inverted.
    Inverted key_of_store() {
        int ends[2];
        if (::pipe(ends) != 0)
            throw std::runtime_error("no pipe");
        const pid_t child = fork();
        if (child == 0) {
            const Bytes bytes = inverted(read_file(store()));
            const Inverted key = inverted_key(bytes);
            _exit(::write(ends[1], key.data(), key.size()) == static_cast<ssize_t>(key.size()) ? 0 : 1);
        }
        Inverted key(kKeySize);
        EXPECT_EQ(::read(ends[0], key.data(), key.size()), static_cast<ssize_t>(key.size()));
        int status = 0;
        waitpid(child, &status, 0);
        ::close(ends[0]);
        ::close(ends[1]);
        EXPECT_EQ(status, 0);
        return key;
    }

  private:
    static constexpr std::size_t kKeySize = 32;

    static Bytes inverted(Bytes bytes) {
        for (std::byte &byte : bytes)
            byte = ~byte;
        return bytes;
    }
    // A copy of the file is opened, because the card has locked the store.
    Inverted inverted_key(const Bytes &inverted_store) {
        const std::string copy = store() + "-copy";
        write_file(copy, inverted(inverted_store));
        Bytes key = inverted(query_store(copy, "SELECT key FROM smfs").at(0));
        std::filesystem::remove(copy);
        return key;
    }
};

TEST_F(CardSmfsMemory, ErasingLeavesNothing) {
    OperationalCard card(properties());
    load_keeper(card, kKeeper, first_signer());
    card.restart();
    const CommandReply planted = card.call(kKeeper, "plant /");
    ASSERT_EQ(planted.result, 0u);
    ASSERT_EQ(planted.data.size(), 12u + 64u);
    const Inverted name(planted.data.begin(), planted.data.begin() + 12);
    const Inverted content(planted.data.begin() + 12, planted.data.end());
    const Inverted key = key_of_store();
    Memory memory;
    EXPECT_GT(memory.count(name), 0u) << "else this test would search for the wrong thing";
    EXPECT_GT(memory.count(content), 0u) << "the FM still has it";
    EXPECT_GT(memory.count(key), 0u) << "SQLite has its page in its cache";
    ASSERT_EQ(card.host.mailbox(K7_BOOT_ERASE_SMFS).status, K7_ST_OK);
    EXPECT_EQ(memory.count(name), 0u);
    EXPECT_EQ(memory.count(content), 0u);
    EXPECT_EQ(memory.count(key), 0u);
    card.host.mailbox(K7_BOOT_START_FIRMWARE);
    card.start();
    EXPECT_EQ(card.call(kKeeper, "ls /").text(), "");
    EXPECT_EQ(memory.count(content) + memory.count(name) + memory.count(key), 0u) << "and it does not come back";
}

TEST_F(CardSmfsMemory, KeysOfTheSmfsAreGoneWhenTheFirmwareStops) {
    OperationalCard card({{"store", store()}, {"root-key", file("key")}});
    load_keeper(card, kKeeper, first_signer());
    card.restart();
    const CommandReply planted = card.call(kKeeper, "plant /");
    const Inverted content(planted.data.begin() + 12, planted.data.end());
    Memory memory;
    EXPECT_GT(memory.count(content), 0u);
    card.host.mailbox(K7_BOOT_STOP_FIRMWARE);
    EXPECT_EQ(memory.count(content), 0u);
}

} // namespace
} // namespace k7::test
