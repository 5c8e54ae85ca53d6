// SPDX-License-Identifier: GPL-2.0-or-later
#include "utils/common/image_cache.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "hsm/error.hpp"
#include "hsm/fm_image.hpp"
#include "utils/common/files.hpp"

namespace k7::tool {
namespace {

namespace fs = std::filesystem;

constexpr const char *kSystemDirectory = "/var/lib/k7hsm/fm";
constexpr mode_t kImageMode = 0644;
constexpr std::string_view kEnding = ".fm";
constexpr std::size_t kNameSize = 64 + kEnding.size();
constexpr std::ptrdiff_t kImagesKept = 256; ///< eight cards full of FMs

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

/// Where images go when $K7HSM_FM_DIR says so; empty otherwise.
std::string named_directory() {
    return environment("K7HSM_FM_DIR");
}

std::string directory_to_write() {
    if (std::string named = named_directory(); !named.empty())
        return named;
    return ::geteuid() == 0 ? kSystemDirectory : user_directory();
}

std::vector<std::string> directories_to_read() {
    if (const std::string named = named_directory(); !named.empty())
        return {named};
    return {user_directory(), kSystemDirectory};
}

/// Also those that a load which was killed has left half written.
bool is_image(const fs::path &path) {
    const std::string name = path.filename();
    return name.size() >= kNameSize && name.compare(kNameSize - kEnding.size(), kEnding.size(), kEnding) == 0 &&
           name.find_first_not_of("0123456789abcdef") == kNameSize - kEnding.size();
}

/// Keep the newest images.
void shrink(const std::string &directory) {
    std::vector<std::pair<fs::file_time_type, fs::path>> images;
    std::error_code gone; // another load is at it as well
    for (const fs::directory_entry &entry : fs::directory_iterator(directory))
        if (is_image(entry.path()))
            images.emplace_back(entry.last_write_time(gone), entry.path());
    if (std::ssize(images) <= kImagesKept)
        return;
    const auto rest = images.begin() + kImagesKept;
    std::ranges::nth_element(images, rest, std::greater<>());
    for (auto image = rest; image != images.end(); ++image)
        fs::remove(image->second, gone);
}

std::string file_in(const std::string &directory, const hsm::Fingerprint &fingerprint) {
    return directory + "/" + to_string(fingerprint) + std::string(kEnding);
}

} // namespace

std::string cache_image(const hsm::Fingerprint &fingerprint, hsm::ByteView image) noexcept {
    try {
        const std::string directory = directory_to_write();
        if (directory.empty())
            return {};
        fs::create_directories(directory);
        std::string path = file_in(directory, fingerprint);
        write_file(path, image, kImageMode);
        shrink(directory);
        return path;
    } catch (const std::exception &) {
        return {}; // the FM is loaded; only the comfort of source lines is lost
    }
}

std::optional<hsm::Bytes> cached_elf(const hsm::Fingerprint &fingerprint) {
    for (const std::string &directory : directories_to_read()) {
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
