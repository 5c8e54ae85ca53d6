// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tests of libhsm share: FMs as the SDK builds them, a signer, a card that answers as a test wants.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "hsm/card.hpp"
#include "hsm/fm_image.hpp"
#include "k7/hw.h"
#include "k7/payload.h"
#include "libhsm/transport.hpp"

namespace hsm::test {

inline Bytes file_bytes(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path << " is missing: make fms";
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const ByteView bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

/// An FM that `make fms` has built: "vault", "crashy", ...
inline Bytes fm_elf(const std::string &name) {
    return file_bytes("build/fm/" + name + ".elf");
}

/// One key for all tests of a process: making keys is slow under sanitizers.
inline const SigningIdentity &signer() {
    static const SigningIdentity identity = make_signing_identity(KeyType::ec_p256, "Test signer", 30);
    return identity;
}

inline Bytes signed_fm(const std::string &name) {
    return build_fm_image(fm_elf(name), signer().key_pem, signer().certificate_pem, 1700000000);
}

/// After a sim: selector: a new card is initialised, its FMs are allowed, its SO has this password.
constexpr const char *kProvisioned = ",so-password-file=tests/so-password";
constexpr std::string_view kPassword = "k7hsm test password";

/// A directory that goes away with the test.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string pattern = std::filesystem::temp_directory_path() / "hsm_test.XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    TemporaryDirectory(const TemporaryDirectory &) = delete;
    TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::string file(const std::string &name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string &path() const { return path_; }

  private:
    std::string path_;
};

/// Run @p action and give the error that it must throw.
template <typename Action>
Error error_of(Action &&action) {
    try {
        action();
    } catch (const Error &error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "an error is one line";
        return error;
    }
    ADD_FAILURE() << "no error was thrown";
    return {ErrorKind::failed, "no error"};
}

inline bool contains(const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos;
}

/// A card that does what the test says, also what no honest card does.
class FakeTransport : public Transport {
  public:
    std::string node = "/dev/k7pf0";
    std::uint32_t state = K7_STATE_OPERATIONAL;
    int request_error = 0;
    int query_error = 0;
    std::uint32_t bulk_max = 0; ///< 0: a driver without bulk payloads
    std::function<void(k7_ioc_request &)> on_request;
    std::function<void(k7_ioc_query &)> on_query;
    std::function<int(k7_ioc_erase &)> on_erase;

    [[nodiscard]] const std::string &name() const noexcept override { return node; }
    [[nodiscard]] int descriptor() const noexcept override { return 0; }
    int info(k7_ioc_info &info) override {
        info.card_state = state;
        info.payload_max = K7_PAYLOAD_MAX;
        info.bulk_max = bulk_max;
        info.driver_features = bulk_max != 0 ? K7_DRIVER_HAS_BULK : 0;
        info.pci_address = (2u << 8) | (3u << 3) | 1u;
        std::memset(info.esn, 'A', sizeof info.esn); // no terminator
        return 0;
    }
    int query(k7_ioc_query &query) override {
        if (on_query)
            on_query(query);
        return query_error;
    }
    int request(k7_ioc_request &request) override {
        if (on_request)
            on_request(request);
        return request_error;
    }
    int erase(k7_ioc_erase &erase) override { return on_erase ? on_erase(erase) : 0; }
    int reset(k7_ioc_reset & /*reset*/) override { return 0; }
    int event(k7_ioc_event & /*event*/) override { return 0; }
};

/// Answer a request or query with @p bytes.
inline void answer(std::uint64_t address, std::uint32_t &length, ByteView bytes) {
    if (const std::size_t count = std::min<std::size_t>(length, bytes.size()); count != 0)
        std::memcpy(reinterpret_cast<void *>(address), bytes.data(), count);
    length = static_cast<std::uint32_t>(bytes.size());
}

template <typename T>
ByteView bytes_of(const T &value) {
    return std::as_bytes(std::span(&value, 1));
}

} // namespace hsm::test
