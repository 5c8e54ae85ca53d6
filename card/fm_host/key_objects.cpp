// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm_host/key_objects.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "card/smfs/seal.hpp"

namespace k7::card {
namespace {

constexpr std::uint32_t kMagic = 0x4f4b464b; // "KFKO" read as bytes
constexpr std::uint32_t kVersion = 1;
/// What a file is called until it is whole; SMFS renames within a directory.
constexpr std::string_view kUnfinished = ".k7key";
constexpr std::string_view kPurpose = "k7hsm key object";

/// @p name in the folder of @p path, whose last slash is at @p slash
SmfsPath beside(std::string_view path, std::size_t slash, std::string_view name) {
    SmfsPath result(path.substr(0, slash + 1));
    if (slash + 1 + name.size() > result.characters().size())
        throw SmfsError{K7_FM_SMFS_NAME_TOO_LONG};
    name.copy(result.characters().data() + slash + 1, name.size());
    return result;
}

} // namespace

// From the SMFS key of the erase generation, so that erasing the SMFS is the end of every key object, wherever copies
// of it may be; and bound to the FM and its signer.
SecretKey KeyObjects::sealing_key() const {
    const std::string_view owner(reinterpret_cast<const char *>(&owner_), sizeof(owner_));
    return derive_key(smfs_.object_key(), std::string(kPurpose) + std::string(owner));
}

bool KeyObjects::exists(std::string_view path) const {
    try {
        static_cast<void>(smfs_.attributes(owner_, path));
        return true;
    } catch (const SmfsError &error) {
        if (error.code != K7_FM_SMFS_NOT_FOUND)
            throw;
        return false;
    }
}

void KeyObjects::remove_if_there(std::string_view path) {
    if (exists(path))
        smfs_.remove(owner_, path);
}

// A power cut leaves the whole file, or one that is not finished and that the next store removes.
void KeyObjects::write_file(std::string_view path, ByteView content) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos)
        throw SmfsError{K7_FM_SMFS_PARAMETER};
    if (exists(path))
        throw SmfsError{K7_FM_SMFS_EXIST};
    const SmfsPath unfinished = beside(path, slash, kUnfinished);
    remove_if_there(unfinished.view());
    smfs_.create(owner_, unfinished.view(), SmfsKind::File, static_cast<std::uint32_t>(content.size()));
    smfs_.write(smfs_.find_file(owner_, unfinished.view()), 0, content);
    smfs_.rename(owner_, unfinished.view(), path.substr(slash + 1));
}

void KeyObjects::store(std::string_view path, const Key &key) {
    const Place place{{kMagic, kVersion, key.description()}, owner_.fm_id};
    const Bytes sealed = seal(sealing_key(), bytes_of(place), key.material());
    SecretBytes content = copy_of(bytes_of(place.head));
    content.insert(content.end(), sealed.begin(), sealed.end());
    write_file(path, content);
}

Key KeyObjects::load(std::string_view path) {
    const std::int64_t file = smfs_.find_file(owner_, path);
    const std::uint32_t size = smfs_.attributes(file).size;
    Place place{{}, owner_.fm_id};
    if (size < sizeof(place.head) || size > K7_FM_KEY_MATERIAL_MAX + K7_FM_PAGE)
        refuse_crypto(K7_FM_E_BAD_KEY_OBJECT);
    SecretBytes content(size);
    smfs_.read(file, 0, content);
    std::memcpy(&place.head, content.data(), sizeof(place.head));
    if (place.head.magic != kMagic || place.head.version != kVersion)
        refuse_crypto(K7_FM_E_BAD_KEY_OBJECT);
    const ByteView sealed = ByteView(content).subspan(sizeof(place.head));
    SecretBytes material(sealed.size() - std::min(sealed.size(), kSealOverhead));
    try {
        if (unseal(sealing_key(), bytes_of(place), sealed, material))
            return Key::restore(place.head.key, material);
    } catch (const FmRefusal &) { // sealed by this FM, but no key
    }
    refuse_crypto(K7_FM_E_BAD_KEY_OBJECT);
}

} // namespace k7::card
