// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is in a store file, read and changed behind the card's back while it is off.
#pragma once

#include <sqlite3.h>

#include "tests/unit/card_fixture.hpp"

namespace k7::test {

/// First column of the rows of the last statement.
template <class... More>
std::vector<Bytes> query_store(const std::string &path, const std::string &sql, const More &...more) {
    sqlite3 *database = nullptr;
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
    std::vector<Bytes> rows;
    for (const std::string &each : {sql, std::string(more)...}) {
        sqlite3_stmt *statement = nullptr;
        EXPECT_EQ(sqlite3_prepare_v2(database, each.c_str(), -1, &statement, nullptr), SQLITE_OK) << each;
        rows.clear();
        int status = sqlite3_step(statement);
        for (; status == SQLITE_ROW; status = sqlite3_step(statement)) {
            const auto *blob = static_cast<const std::byte *>(sqlite3_column_blob(statement, 0));
            rows.emplace_back(blob, blob + sqlite3_column_bytes(statement, 0));
        }
        EXPECT_EQ(status, SQLITE_DONE) << each;
        sqlite3_finalize(statement);
    }
    sqlite3_close(database);
    return rows;
}

} // namespace k7::test
