// SPDX-License-Identifier: GPL-2.0-or-later
#include "card/store/reserve.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "card/file_descriptor.hpp"

namespace k7::card {

void Reserve::take() const noexcept {
    if (path_.empty())
        return;
    const FileDescriptor file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600));
    if (file.is_open() && ::posix_fallocate(file.get(), 0, static_cast<off_t>(size_)) != 0)
        ::unlink(path_.c_str()); // a part of it is of no use to the erase, but to others
}

bool Reserve::give() const noexcept {
    return !path_.empty() && ::unlink(path_.c_str()) == 0;
}

} // namespace k7::card
