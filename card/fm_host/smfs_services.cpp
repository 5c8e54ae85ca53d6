// SPDX-License-Identifier: GPL-2.0-or-later
//
// SMFS services: paths and buffers out of the FM's memory, handles and searches per FM.
#include <algorithm>
#include <cstring>

#include "card/fm_host/fm_memory.hpp"
#include "card/fm_host/services.hpp"

namespace k7::card {
namespace {

[[noreturn]] void refuse(std::uint32_t code) {
    throw SmfsError{code};
}

std::span<std::byte> writable(fm::FmEngine &engine, std::uint32_t address, std::uint32_t length) {
    const auto memory = engine.writable(address, length);
    if (!memory)
        refuse(K7_FM_SMFS_PARAMETER);
    return *memory;
}

void put_words(fm::FmEngine &engine, std::uint32_t address, std::initializer_list<std::uint32_t> words) {
    const auto to = writable(engine, address, static_cast<std::uint32_t>(words.size() * sizeof(std::uint32_t)));
    std::memcpy(to.data(), words.begin(), to.size());
}

/// A number that no entry of @p table has.
template <class Table>
std::uint32_t free_handle(const Table &table, std::uint32_t &next) {
    while (next == 0 || table.contains(next))
        ++next;
    return next++;
}

} // namespace

SmfsPath path_at(fm::FmEngine &engine, std::uint32_t address) {
    SmfsPath path;
    for (std::uint32_t i = 0; i <= path.characters().size(); ++i) {
        const auto byte = address <= UINT32_MAX - i ? engine.readable(address + i, 1) : std::nullopt;
        if (!byte)
            refuse(K7_FM_SMFS_PARAMETER);
        if ((*byte)[0] == std::byte{0})
            return path;
        if (i < path.characters().size())
            path.characters()[i] = static_cast<char>((*byte)[0]);
    }
    refuse(K7_FM_SMFS_NAME_TOO_LONG);
}

std::int64_t FmServices::file_of(std::uint32_t handle) const {
    const auto found = open_files_.find(handle);
    if (found == open_files_.end())
        refuse(K7_FM_SMFS_PARAMETER);
    return found->second.file();
}

std::uint32_t FmServices::smfs_create_dir(fm::FmEngine &engine, const Arguments &arguments) {
    smfs_.create(owner_, path_at(engine, arguments[0]).view(), SmfsKind::Directory, 0);
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_create_file(fm::FmEngine &engine, const Arguments &arguments) {
    smfs_.create(owner_, path_at(engine, arguments[0]).view(), SmfsKind::File, arguments[1]);
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_open(fm::FmEngine &engine, const Arguments &arguments) {
    const std::int64_t file = smfs_.find_file(owner_, path_at(engine, arguments[0]).view());
    if (open_files_.size() >= K7_FM_SMFS_OPEN_MAX)
        return K7_FM_SMFS_RESOURCES;
    const std::uint32_t handle = free_handle(open_files_, next_handle_);
    put_words(engine, arguments[1], {handle});
    open_files_.try_emplace(handle, smfs_, file);
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_close(fm::FmEngine &, const Arguments &arguments) {
    return open_files_.erase(arguments[0]) != 0 ? K7_FM_SMFS_OK : K7_FM_SMFS_PARAMETER;
}

std::uint32_t FmServices::smfs_read(fm::FmEngine &engine, const Arguments &arguments) {
    const std::int64_t file = file_of(arguments[0]);
    smfs_.read(file, arguments[1], writable(engine, arguments[2], arguments[3]));
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_write(fm::FmEngine &engine, const Arguments &arguments) {
    const std::int64_t file = file_of(arguments[0]);
    const auto bytes = engine.readable(arguments[2], arguments[3]);
    if (!bytes)
        return K7_FM_SMFS_PARAMETER;
    smfs_.write(file, arguments[1], *bytes);
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_delete(fm::FmEngine &engine, const Arguments &arguments) {
    smfs_.remove(owner_, path_at(engine, arguments[0]).view());
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_rename(fm::FmEngine &engine, const Arguments &arguments) {
    smfs_.rename(owner_, path_at(engine, arguments[0]).view(), path_at(engine, arguments[1]).view());
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_attr(fm::FmEngine &engine, const Arguments &arguments) {
    const Smfs::Attributes attributes = smfs_.attributes(owner_, path_at(engine, arguments[0]).view());
    put_words(engine, arguments[1], {attributes.size, attributes.directory});
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_file_attr(fm::FmEngine &engine, const Arguments &arguments) {
    const Smfs::Attributes attributes = smfs_.attributes(file_of(arguments[0]));
    put_words(engine, arguments[1], {attributes.size, attributes.directory});
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_free(fm::FmEngine &engine, const Arguments &arguments) {
    put_words(engine, arguments[0], {smfs_.free_bytes(owner_)});
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_find_init(fm::FmEngine &engine, const Arguments &arguments) {
    auto names = smfs_.names(owner_, path_at(engine, arguments[0]).view(), path_at(engine, arguments[1]).view());
    if (searches_.size() >= K7_FM_SMFS_SEARCH_MAX)
        return K7_FM_SMFS_RESOURCES;
    const std::uint32_t search = free_handle(searches_, next_handle_);
    put_words(engine, arguments[2], {search});
    searches_[search] = {std::move(names)};
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_find(fm::FmEngine &engine, const Arguments &arguments) {
    const auto found = searches_.find(arguments[0]);
    if (found == searches_.end())
        return K7_FM_SMFS_PARAMETER;
    Search &search = found->second;
    const auto to = writable(engine, arguments[1], K7_FM_SMFS_NAME_MAX);
    if (search.next == search.names.size())
        return K7_FM_SMFS_NOT_FOUND;
    const std::string_view name = search.names[search.next++].view();
    std::fill(to.begin(), to.end(), std::byte{0});
    std::memcpy(to.data(), name.data(), name.size());
    return K7_FM_SMFS_OK;
}

std::uint32_t FmServices::smfs_find_close(fm::FmEngine &, const Arguments &arguments) {
    return searches_.erase(arguments[0]) != 0 ? K7_FM_SMFS_OK : K7_FM_SMFS_PARAMETER;
}

} // namespace k7::card
