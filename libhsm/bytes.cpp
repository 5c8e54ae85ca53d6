// SPDX-License-Identifier: Apache-2.0
#include "hsm/bytes.hpp"

#include <openssl/crypto.h>

namespace hsm {

void wipe(void *data, std::size_t size) noexcept {
    if (data != nullptr && size != 0)
        OPENSSL_cleanse(data, size);
}

} // namespace hsm
