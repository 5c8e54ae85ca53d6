// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/smfs/counter.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "card/store/database.hpp"

namespace k7::card {

/// What a slot holds; the checksum is of what lies before it.
struct CounterFile::Slot {
    char magic[8];
    char esn[16];
    std::uint64_t value;
    unsigned char checksum[SHA256_DIGEST_LENGTH];
};

namespace {

constexpr std::string_view kMagic = "K7COUNT1";
constexpr off_t kSlotDistance = 4096; ///< a write that was torn spoils one of them at most

} // namespace

CounterFile::CounterFile(std::string path, std::string_view esn)
    : path_(std::move(path)), esn_(esn), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600)) {
    static_assert(sizeof(Slot) == 64);
    if (!file_.is_open())
        throw StoreError("counter file " + path_ + " cannot be opened: " + std::strerror(errno));
    const auto first = read_slot(0);
    const auto second = read_slot(1);
    if (first || second)
        value_ = std::max(first.value_or(0), second.value_or(0));
    struct stat status {};
    if (!value_ && (::fstat(file_.get(), &status) != 0 || status.st_size != 0))
        throw Error(K7_ST_BAD_FIELD, "counter file " + path_ + " is damaged, or of another card than " + esn_ +
                                         ": put the right one back, or remove it to trust the store as it is");
    // Both slots have their room from now on, however full the disk gets.
    static_cast<void>(::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, 0, kSlotDistance + sizeof(Slot)));
}

CounterFile::Slot CounterFile::make_slot(std::uint64_t value) const {
    Slot slot{};
    kMagic.copy(slot.magic, sizeof(slot.magic));
    esn_.copy(slot.esn, sizeof(slot.esn));
    slot.value = value;
    SHA256(reinterpret_cast<const unsigned char *>(&slot), offsetof(Slot, checksum), slot.checksum);
    return slot;
}

std::optional<std::uint64_t> CounterFile::read_slot(unsigned index) const {
    Slot slot{};
    if (::pread(file_.get(), &slot, sizeof(slot), index * kSlotDistance) != static_cast<ssize_t>(sizeof(slot)))
        return std::nullopt;
    const Slot expected = make_slot(slot.value);
    if (std::memcmp(&slot, &expected, sizeof(slot)) != 0)
        return std::nullopt;
    return slot.value;
}

void CounterFile::set(std::uint64_t value) {
    const Slot slot = make_slot(value);
    const auto offset = static_cast<off_t>(value % 2) * kSlotDistance;
    if (::pwrite(file_.get(), &slot, sizeof(slot), offset) != static_cast<ssize_t>(sizeof(slot)) ||
        ::fdatasync(file_.get()) != 0)
        throw StoreError("counter file " + path_ + " cannot be written: " + std::strerror(errno));
    value_ = value;
}

} // namespace k7::card
