// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstring>

#include "card/store/store.hpp"

namespace k7::card {
namespace {

constexpr std::string_view kFmColumns =
    "SELECT fm_id, envelope, image_size, memory_size, load_time, fingerprint, certificate, signer, binding";

template <class T>
void copy_blob(const Bytes &blob, T &to) {
    std::memcpy(&to, blob.data(), std::min(blob.size(), sizeof(to)));
}

StoredFm fm_of(const Statement &row) {
    StoredFm fm;
    fm.fm_id = row.word(0);
    copy_blob(row.blob(1), fm.envelope);
    fm.image_size = row.word(2);
    fm.memory_size = row.word(3);
    fm.load_time = static_cast<std::uint64_t>(row.integer(4));
    copy_blob(row.blob(5), fm.fingerprint);
    fm.certificate = row.text(6);
    copy_blob(row.blob(7), fm.signer);
    copy_blob(row.blob(8), fm.binding);
    return fm;
}

std::int64_t count(Database &database, std::string_view table) {
    auto query = database.prepare("SELECT count(*) FROM " + std::string(table));
    query.step();
    return query.integer(0);
}

} // namespace

std::vector<StoredFm> Store::list_fms() {
    const std::scoped_lock lock(mutex_);
    std::vector<StoredFm> fms;
    auto rows = database_.prepare(std::string(kFmColumns) + " FROM fm ORDER BY fm_id");
    while (rows.step())
        fms.push_back(fm_of(rows));
    return fms;
}

StoredFm Store::read_fm(std::uint32_t fm_id) {
    const std::scoped_lock lock(mutex_);
    auto row = database_.prepare(std::string(kFmColumns) + ", elf FROM fm WHERE fm_id = ?");
    row.bind(0, fm_id);
    if (!row.step())
        throw Error(K7_ST_FM_NOT_FOUND, "no such FM in the store");
    StoredFm fm = fm_of(row);
    fm.elf = row.blob(9);
    return fm;
}

FmTotals Store::fm_totals() {
    const std::scoped_lock lock(mutex_);
    auto row = database_.prepare("SELECT count(*), sum(image_size) FROM fm");
    row.step();
    return {row.word(0), static_cast<std::uint64_t>(row.integer(1))};
}

void Store::put_fm(const StoredFm &fm, const StoredCertificate &certificate) {
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    database_.prepare("INSERT OR REPLACE INTO fm VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(0, fm.fm_id)
        .bind(1, std::as_bytes(std::span(&fm.envelope, 1)))
        .bind(2, fm.image_size)
        .bind(3, fm.memory_size)
        .bind(4, static_cast<std::int64_t>(fm.load_time))
        .bind(5, std::span<const std::byte>(fm.fingerprint))
        .bind(6, std::string_view(fm.certificate))
        .bind(7, std::span<const std::byte>(fm.signer))
        .bind(8, std::span<const std::byte>(fm.binding))
        .bind(9, std::span<const std::byte>(fm.elf))
        .run();
    database_.prepare("INSERT OR IGNORE INTO certificate VALUES (?, ?)")
        .bind(0, std::string_view(certificate.label))
        .bind(1, std::span<const std::byte>(certificate.der))
        .run();
    if (count(database_, "fm") > K7_FM_COUNT_MAX)
        throw Error(K7_ST_STORE_FULL, "the card holds " + std::to_string(K7_FM_COUNT_MAX) + " FMs already");
    if (count(database_, "certificate") > kCertificates)
        throw Error(K7_ST_STORE_FULL, "the card holds " + std::to_string(kCertificates) +
                                          " certificates already, which only a factory reset removes");
    transaction.commit();
}

bool Store::delete_fm(std::uint32_t fm_id) {
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    const std::int64_t before = count(database_, "fm");
    database_.prepare("DELETE FROM fm WHERE fm_id = ?").bind(0, fm_id).run();
    database_.prepare("DELETE FROM fault_core WHERE fm_id = ?").bind(0, fm_id).run();
    const bool deleted = count(database_, "fm") != before;
    transaction.commit();
    return deleted;
}

std::vector<StoredCertificate> Store::list_certificates() {
    const std::scoped_lock lock(mutex_);
    std::vector<StoredCertificate> certificates;
    auto rows = database_.prepare("SELECT label, der FROM certificate ORDER BY label");
    while (rows.step())
        certificates.push_back({rows.text(0), rows.blob(1)});
    return certificates;
}

} // namespace k7::card
