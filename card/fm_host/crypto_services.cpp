// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/fm_host/crypto_services.hpp"

#include <algorithm>
#include <cstring>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "card/fm_host/fm_memory.hpp"

namespace k7::card {

// To add a service: its number in include/k7/fm_crypto.h, a member function, a line here.
constinit const std::array<CryptoServices::Entry, 18> CryptoServices::kEntries{{
    {K7_FM_SVC_DIGEST, &CryptoServices::digest, 2},
    {K7_FM_SVC_DIGEST_OPEN, &CryptoServices::digest_open, kAlwaysShort},
    {K7_FM_SVC_DIGEST_UPDATE, &CryptoServices::digest_update, 2},
    {K7_FM_SVC_DIGEST_FINAL, &CryptoServices::digest_final, kAlwaysShort},
    {K7_FM_SVC_DIGEST_CLOSE, &CryptoServices::digest_close, kAlwaysShort},
    {K7_FM_SVC_KEY_GENERATE, &CryptoServices::key_generate, kNeverShort},
    {K7_FM_SVC_KEY_IMPORT, &CryptoServices::key_import, kNeverShort},
    {K7_FM_SVC_KEY_EXPORT, &CryptoServices::key_export, kNeverShort},
    {K7_FM_SVC_KEY_PUBLIC, &CryptoServices::key_public, kNeverShort},
    {K7_FM_SVC_KEY_INFO, &CryptoServices::key_info, kAlwaysShort},
    {K7_FM_SVC_KEY_DELETE, &CryptoServices::key_delete, kAlwaysShort},
    {K7_FM_SVC_KEY_DERIVE, &CryptoServices::key_derive, kNeverShort},
    {K7_FM_SVC_KEY_STORE, &CryptoServices::key_store, kNeverShort},
    {K7_FM_SVC_KEY_LOAD, &CryptoServices::key_load, kNeverShort},
    {K7_FM_SVC_ENCRYPT, &CryptoServices::encrypt, kNeverShort},
    {K7_FM_SVC_DECRYPT, &CryptoServices::decrypt, kNeverShort},
    {K7_FM_SVC_SIGN, &CryptoServices::sign, kNeverShort},
    {K7_FM_SVC_VERIFY, &CryptoServices::verify, kNeverShort},
}};

const CryptoServices::Entry *CryptoServices::find(std::uint32_t number) {
    const auto found = std::ranges::find(kEntries, number, &Entry::number);
    return found == kEntries.end() ? nullptr : &*found;
}

bool CryptoServices::takes_long(std::uint32_t number, const Arguments &arguments) {
    constexpr std::uint32_t kShort = 4096; // bytes: some microseconds
    const Entry *const entry = find(number);
    if (!entry || entry->length_argument == kAlwaysShort)
        return false;
    return entry->length_argument == kNeverShort ||
           arguments.at(static_cast<std::size_t>(entry->length_argument)) > kShort;
}

std::uint32_t CryptoServices::serve(fm::FmEngine &engine, std::uint32_t number, const Arguments &arguments) {
    work_.spend(1);
    const std::uint32_t value = (this->*find(number)->handler)(engine, arguments);
    ERR_clear_error(); // what was refused on the way is nobody's later error
    return value;
}

// ---- Handles --------------------------------------------------------------------------------------------------------

// Handles are far from small numbers and from each other, so that whoever hides them in an FM's memory finds no others.
std::uint32_t CryptoServices::first_handle() {
    std::uint32_t handle = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char *>(&handle), sizeof(handle)) != 1)
        throw Error(K7_ST_INTERNAL, "the random generator failed");
    return handle;
}

std::uint32_t CryptoServices::new_handle() {
    constexpr std::uint32_t kStep = 0x9e3779b1; // odd, so all numbers have their turn
    do
        next_handle_ += kStep;
    while (next_handle_ < K7_FM_SPACE || keys_.contains(next_handle_) || digests_.contains(next_handle_));
    return next_handle_;
}

std::set<std::uint32_t> CryptoServices::key_handles() const {
    std::set<std::uint32_t> handles;
    for (const auto &[handle, key] : keys_)
        handles.insert(handle);
    return handles;
}

const Key &CryptoServices::key_at(std::uint32_t handle) const {
    const auto found = keys_.find(handle);
    if (found == keys_.end())
        refuse_crypto(K7_FM_E_BAD_HANDLE);
    return found->second;
}

Digest &CryptoServices::digest_at(std::uint32_t handle) {
    const auto found = digests_.find(handle);
    if (found == digests_.end())
        refuse_crypto(K7_FM_E_BAD_HANDLE);
    return found->second;
}

std::span<std::byte> CryptoServices::room_for_key(fm::FmEngine &engine, std::uint32_t address) const {
    const auto to = writable_at(engine, address, sizeof(std::uint32_t));
    if (keys_.size() >= K7_FM_KEYS_MAX)
        refuse_crypto(K7_FM_E_INSUFFICIENT_RESOURCES);
    return to;
}

std::uint32_t CryptoServices::keep(Key key, std::span<std::byte> handle_to) {
    const std::uint32_t handle = new_handle();
    keys_.emplace(handle, std::move(key));
    std::memcpy(handle_to.data(), &handle, sizeof(handle));
    return K7_FM_OK;
}

// ---- Digests --------------------------------------------------------------------------------------------------------

std::uint32_t CryptoServices::digest(fm::FmEngine &engine, const Arguments &arguments) {
    const EVP_MD *const hash = hash_function(arguments[0]);
    const ByteView data = data_at(engine, arguments[1], arguments[2]);
    const auto room = writable_at(engine, arguments[3], arguments[4]);
    work_.spend_on(data.size());
    return give(digest_of(hash, data), room);
}

std::uint32_t CryptoServices::digest_open(fm::FmEngine &engine, const Arguments &arguments) {
    const EVP_MD *const hash = hash_function(arguments[0]);
    const Key *const key = arguments[1] != 0 ? &key_at(arguments[1]) : nullptr;
    const auto to = writable_at(engine, arguments[2], sizeof(std::uint32_t));
    if (key && key->description().type != K7_FM_KEY_SECRET)
        return K7_FM_E_BAD_MECHANISM;
    if (digests_.size() >= K7_FM_DIGESTS_MAX)
        return K7_FM_E_INSUFFICIENT_RESOURCES;
    work_.spend(5);
    const std::uint32_t handle = new_handle();
    digests_.emplace(handle, key ? Digest(hash, key->secret()) : Digest(hash));
    std::memcpy(to.data(), &handle, sizeof(handle));
    return K7_FM_OK;
}

std::uint32_t CryptoServices::digest_update(fm::FmEngine &engine, const Arguments &arguments) {
    Digest &digest = digest_at(arguments[0]);
    const ByteView data = data_at(engine, arguments[1], arguments[2]);
    work_.spend_on(data.size());
    digest.update(data);
    return K7_FM_OK;
}

std::uint32_t CryptoServices::digest_final(fm::FmEngine &engine, const Arguments &arguments) {
    Digest &digest = digest_at(arguments[0]);
    const auto room = writable_at(engine, arguments[1], arguments[2]);
    if (room.size() < digest.size())
        return K7_FM_E_BAD_LENGTH;
    const std::uint32_t length = give(digest.finish(), room);
    digests_.erase(arguments[0]);
    return length;
}

std::uint32_t CryptoServices::digest_close(fm::FmEngine &, const Arguments &arguments) {
    return digests_.erase(arguments[0]) != 0 ? K7_FM_OK : K7_FM_E_BAD_HANDLE;
}

// ---- Keys -----------------------------------------------------------------------------------------------------------

std::uint32_t CryptoServices::key_generate(fm::FmEngine &engine, const Arguments &arguments) {
    const auto wanted = object_at<k7_fm_key>(engine, arguments[0]);
    const auto to = room_for_key(engine, arguments[1]);
    work_.spend(Key::cost_to_generate(wanted));
    return keep(Key::generate(wanted, kill_), to);
}

std::uint32_t CryptoServices::key_import(fm::FmEngine &engine, const Arguments &arguments) {
    const auto wanted = object_at<k7_fm_key>(engine, arguments[0]);
    const ByteView material = data_at(engine, arguments[1], arguments[2]);
    const auto to = room_for_key(engine, arguments[3]);
    return keep(Key::import(wanted, material, work_), to);
}

std::uint32_t CryptoServices::key_export(fm::FmEngine &engine, const Arguments &arguments) {
    const Key &key = key_at(arguments[0]);
    const auto room = writable_at(engine, arguments[1], arguments[2]);
    if ((key.description().flags & K7_FM_KEY_EXTRACTABLE) == 0)
        return K7_FM_E_NOT_EXTRACTABLE;
    work_.spend(key.cost_to_encode());
    return give(key.material(), room);
}

std::uint32_t CryptoServices::key_public(fm::FmEngine &engine, const Arguments &arguments) {
    const Key &key = key_at(arguments[0]);
    work_.spend(key.cost_to_encode());
    return give(key.public_key(), writable_at(engine, arguments[1], arguments[2]));
}

std::uint32_t CryptoServices::key_info(fm::FmEngine &engine, const Arguments &arguments) {
    const Key &key = key_at(arguments[0]);
    const auto to = writable_at(engine, arguments[1], sizeof(k7_fm_key));
    std::memcpy(to.data(), &key.description(), to.size());
    return K7_FM_OK;
}

std::uint32_t CryptoServices::key_delete(fm::FmEngine &, const Arguments &arguments) {
    return keys_.erase(arguments[0]) != 0 ? K7_FM_OK : K7_FM_E_BAD_HANDLE;
}

std::uint32_t CryptoServices::key_store(fm::FmEngine &engine, const Arguments &arguments) {
    const Key &key = key_at(arguments[0]);
    work_.spend(4 * WorkBudget::kCommit + key.cost_to_encode()); // at most: an unfinished file goes, a new one comes
    objects_.store(path_at(engine, arguments[1]).view(), key);
    return K7_FM_OK;
}

std::uint32_t CryptoServices::key_load(fm::FmEngine &engine, const Arguments &arguments) {
    constexpr std::uint32_t kLoadCost = 2000;
    const auto to = room_for_key(engine, arguments[1]);
    work_.spend(kLoadCost);
    return keep(objects_.load(path_at(engine, arguments[0]).view()), to);
}

// ---- Operations -----------------------------------------------------------------------------------------------------

struct CryptoServices::Asked {
    const Key &key;
    Operation operation;
    const Mechanism &mechanism;
    k7_fm_bytes output;
};

CryptoServices::Asked CryptoServices::operation_at(fm::FmEngine &engine, std::uint32_t address) const {
    const auto given = object_at<k7_fm_operation>(engine, address);
    const Key &key = key_at(given.key);
    const Operation operation{.mechanism = given.mechanism,
                              .iv = data_at(engine, given.iv.address, given.iv.length),
                              .aad = data_at(engine, given.aad.address, given.aad.length),
                              .input = data_at(engine, given.input.address, given.input.length),
                              .signature = {}};
    return {key, operation, mechanism_for(operation, key), given.output};
}

std::uint32_t CryptoServices::transform(fm::FmEngine &engine, std::uint32_t address,
                                        Mechanism::Transform Mechanism::*which, bool private_only) {
    const Asked asked = operation_at(engine, address);
    const auto room = writable_at(engine, asked.output.address, asked.output.length);
    const Mechanism::Transform run = asked.mechanism.*which;
    if (!run || (private_only && !asked.key.is_private()))
        return K7_FM_E_BAD_MECHANISM;
    work_.spend_on(asked.operation.input.size() + asked.operation.aad.size());
    work_.spend(asked.key.cost_to_use());
    return give(run(asked.key, asked.operation), room);
}

std::uint32_t CryptoServices::encrypt(fm::FmEngine &engine, const Arguments &arguments) {
    return transform(engine, arguments[0], &Mechanism::encrypt, false);
}

std::uint32_t CryptoServices::decrypt(fm::FmEngine &engine, const Arguments &arguments) {
    return transform(engine, arguments[0], &Mechanism::decrypt, true);
}

std::uint32_t CryptoServices::sign(fm::FmEngine &engine, const Arguments &arguments) {
    return transform(engine, arguments[0], &Mechanism::sign, true);
}

std::uint32_t CryptoServices::verify(fm::FmEngine &engine, const Arguments &arguments) {
    Asked asked = operation_at(engine, arguments[0]);
    asked.operation.signature = data_at(engine, asked.output.address, asked.output.length);
    if (!asked.mechanism.verify)
        return K7_FM_E_BAD_MECHANISM;
    work_.spend_on(asked.operation.input.size());
    work_.spend(asked.key.cost_to_use());
    asked.mechanism.verify(asked.key, asked.operation);
    return K7_FM_OK;
}

std::uint32_t CryptoServices::key_derive(fm::FmEngine &engine, const Arguments &arguments) {
    const Asked asked = operation_at(engine, arguments[0]);
    const auto wanted = object_at<k7_fm_key>(engine, arguments[1]);
    const auto to = room_for_key(engine, arguments[2]);
    if (!asked.mechanism.derive || !asked.key.is_private())
        return K7_FM_E_BAD_MECHANISM;
    if ((wanted.type != K7_FM_KEY_AES && wanted.type != K7_FM_KEY_SECRET) || wanted.bits % 8 != 0 ||
        wanted.bits / 8 > K7_FM_KEY_SECRET_MAX)
        return K7_FM_E_BAD_PARAMETER;
    work_.spend(2 * asked.key.cost_to_use() + asked.key.cost_to_encode()); // ECDH: the peer's key is parsed and tested
    return keep(Key::import(wanted, asked.mechanism.derive(asked.key, asked.operation, wanted.bits / 8), work_), to);
}

} // namespace k7::card
