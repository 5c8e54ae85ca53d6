// SPDX-License-Identifier: Apache-2.0
#include "libhsm/card_bus.hpp"

#include <algorithm>
#include <cstring>

#include <dlfcn.h>

#include "hsm/error.hpp"

namespace hsm {
namespace {

constexpr const char *kLibraryName = "libk7card.so.0";
/// A lost interrupt costs this much, never more.
constexpr std::chrono::milliseconds kPollInterval{10};

template <typename Function>
Function symbol(void *handle, const char *name) {
    void *const address = ::dlsym(handle, name);
    if (address == nullptr)
        throw Error(ErrorKind::failed, std::string(kLibraryName) + " lacks " + name, "install matching versions");
    return reinterpret_cast<Function>(address);
}

} // namespace

CardLibrary CardLibrary::load() {
    // The card has threads and libraries of its own: once loaded, its code stays.
    void *const handle = ::dlopen(kLibraryName, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr)
        throw Error(ErrorKind::failed, "no in-process card: " + std::string(::dlerror()),
                    "install the package libk7card0");
    CardLibrary library{};
    library.handle.reset(handle, [](void *loaded) { ::dlclose(loaded); });
    library.create = symbol<decltype(create)>(handle, "k7card_create");
    library.destroy = symbol<decltype(destroy)>(handle, "k7card_destroy");
    library.read = symbol<decltype(read)>(handle, "k7card_mmio_read");
    library.write = symbol<decltype(write)>(handle, "k7card_mmio_write");
    library.reset = symbol<decltype(reset)>(handle, "k7card_reset");
    return library;
}

CardBus::CardBus(const std::vector<Property> &properties, std::size_t memory_size)
    : library_(CardLibrary::load()), memory_(memory_size) {
    k7card_host host{};
    host.size = sizeof host;
    host.abi = K7CARD_ABI;
    host.opaque = this;
    host.dma_read = &CardBus::on_dma_read;
    host.dma_write = &CardBus::on_dma_write;
    host.interrupt = &CardBus::on_interrupt;
    std::vector<k7card_property> list;
    list.reserve(properties.size());
    for (const auto &[name, value] : properties)
        list.push_back({name.c_str(), value.c_str()});
    std::array<char, 512> reason{};
    card_ = library_.create(&host, list.data(), list.size(), reason.data(), reason.size());
    if (card_ == nullptr)
        throw Error(ErrorKind::failed, "cannot make the in-process card: " + std::string(reason.data()));
}

CardBus::~CardBus() {
    library_.destroy(card_);
}

std::span<std::byte> CardBus::range(std::uint64_t address, std::size_t size) {
    if (address < kMemoryBase || address - kMemoryBase > memory_.size() ||
        size > memory_.size() - (address - kMemoryBase))
        return {};
    return std::span(memory_).subspan(address - kMemoryBase, size);
}

void CardBus::store(std::uint64_t address, ByteView bytes) {
    const std::lock_guard lock(memory_mutex_);
    std::ranges::copy(bytes, range(address, bytes.size()).begin());
}

void CardBus::fetch(std::uint64_t address, std::span<std::byte> bytes) const {
    const std::lock_guard lock(memory_mutex_);
    std::ranges::copy(const_cast<CardBus *>(this)->range(address, bytes.size()), bytes.begin());
}

void CardBus::clear(std::uint64_t address, std::size_t size) {
    const std::lock_guard lock(memory_mutex_);
    const auto bytes = range(address, size);
    wipe(bytes.data(), bytes.size());
}

std::uint64_t CardBus::interrupts(unsigned vector) const {
    const std::lock_guard lock(interrupt_mutex_);
    return interrupts_.at(vector);
}

void CardBus::wait_interrupt(unsigned vector, std::uint64_t seen, Clock::time_point until) const {
    std::unique_lock lock(interrupt_mutex_);
    interrupted_.wait_until(lock, std::min(until, Clock::now() + kPollInterval),
                            [&] { return interrupts_.at(vector) > seen; });
}

int CardBus::on_dma_read(void *opaque, std::uint64_t address, void *buffer, std::size_t size) {
    auto &bus = *static_cast<CardBus *>(opaque);
    const std::lock_guard lock(bus.memory_mutex_);
    const auto bytes = bus.range(address, size);
    if (bytes.size() != size)
        return -1;
    std::memcpy(buffer, bytes.data(), size);
    return 0;
}

int CardBus::on_dma_write(void *opaque, std::uint64_t address, const void *buffer, std::size_t size) {
    auto &bus = *static_cast<CardBus *>(opaque);
    const std::lock_guard lock(bus.memory_mutex_);
    const auto bytes = bus.range(address, size);
    if (bytes.size() != size)
        return -1;
    std::memcpy(bytes.data(), buffer, size);
    return 0;
}

void CardBus::on_interrupt(void *opaque, unsigned vector) {
    auto &bus = *static_cast<CardBus *>(opaque);
    if (vector >= bus.interrupts_.size())
        return;
    {
        const std::lock_guard lock(bus.interrupt_mutex_);
        ++bus.interrupts_.at(vector);
    }
    bus.interrupted_.notify_all();
}

} // namespace hsm
