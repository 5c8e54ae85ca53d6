// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/image_cache.hpp"

#include <cstdlib>
#include <filesystem>
#include <vector>

#include <unistd.h>

#include "hsm/error.hpp"
#include "hsm/fm_image.hpp"
#include "utils/common/files.hpp"

namespace k7::tool {
namespace {

constexpr const char *kSystemDirectory = "/var/lib/k7hsm/fm";
constexpr mode_t kImageMode = 0644;

std::string environment(const char *name) {
    const char *const value = std::getenv(name);
    return value != nullptr ? value : "";
}

/// Empty when the user has neither a state nor a home directory.
std::string user_directory() {
    if (const std::string state = environment("XDG_STATE_HOME"); state.starts_with('/'))
        return state + "/k7hsm/fm";
    const std::string home = environment("HOME");
    return home.starts_with('/') ? home + "/.local/state/k7hsm/fm" : "";
}

std::string file_in(const std::string &directory, const hsm::Fingerprint &fingerprint) {
    return directory + "/" + to_string(fingerprint) + ".fm";
}

} // namespace

std::string cache_image(const hsm::Fingerprint &fingerprint, hsm::ByteView image) noexcept {
    try {
        const std::string directory = ::geteuid() == 0 ? kSystemDirectory : user_directory();
        if (directory.empty())
            return {};
        std::filesystem::create_directories(directory);
        std::string path = file_in(directory, fingerprint);
        write_file(path, image, kImageMode);
        return path;
    } catch (const std::exception &) {
        return {}; // the FM is loaded; only the comfort of source lines is lost
    }
}

std::optional<hsm::Bytes> cached_elf(const hsm::Fingerprint &fingerprint) {
    for (const std::string &directory : {user_directory(), std::string(kSystemDirectory)}) {
        if (directory.empty())
            continue;
        try {
            hsm::FmImage image =
                hsm::parse_fm_image(read_file(file_in(directory, fingerprint), "the copy of the image"));
            if (image.fingerprint == fingerprint)
                return std::move(image.elf);
        } catch (const hsm::Error &) {
            continue; // not kept here, or spoiled
        }
    }
    return std::nullopt;
}

} // namespace k7::tool
