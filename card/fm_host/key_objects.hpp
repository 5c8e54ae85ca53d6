// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keys that survive a restart: sealed, in a file of the FM's SMFS tree. The FM can list, rename and delete that file,
// and read nothing of use in it.
#pragma once

#include <string_view>

#include "card/fm_host/key.hpp"
#include "card/smfs/smfs.hpp"

namespace k7::card {

class KeyObjects {
  public:
    KeyObjects(Smfs &smfs, const SmfsOwner &owner) : smfs_(smfs), owner_(owner) {}

    /// Committed whole when it returns. @throws SmfsError (EXIST among them), FmRefusal
    void store(std::string_view path, const Key &key);
    /// @throws SmfsError, FmRefusal BAD_KEY_OBJECT
    [[nodiscard]] Key load(std::string_view path);

  private:
    /// Head of the file, authenticated with the FM's ID.
    struct Head {
        std::uint32_t magic;
        std::uint32_t version;
        k7_fm_key key;
    };
    struct Place {
        Head head;
        std::uint32_t fm_id;
    };

    [[nodiscard]] SecretKey sealing_key() const;
    [[nodiscard]] bool exists(std::string_view path) const;
    void remove_if_there(std::string_view path);
    void write_file(std::string_view path, ByteView content);

    Smfs &smfs_;
    const SmfsOwner owner_;
};

} // namespace k7::card
