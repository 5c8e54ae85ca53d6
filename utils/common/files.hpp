// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whole files in and out, with errors that name them.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "hsm/bytes.hpp"

namespace k7::tool {

/// Larger files than this are none of ours.
constexpr std::size_t kFileMax = std::size_t{64} << 20;

/// @param what names the file in errors: "the FM image"
/// @throws hsm::Error not_found, permission, failed
hsm::Bytes read_file(const std::string &path, const std::string &what);

/// The same for what may be secret. "-" is standard input.
hsm::SecureBytes read_secret(const std::string &path, const std::string &what);

/// A password: the first line of a file.
hsm::SecureBytes read_password_file(const std::string &path);

/// Write a file that is there whole or not at all, also after a crash. An existing one is replaced, through a link too.
/// What is no file, like a device or a pipe, is written into.
/// @throws hsm::Error
void write_file(const std::string &path, hsm::ByteView bytes, mode_t mode);

/// To be asked before work begins. @throws hsm::Error (usage) when both are "-": each reads it to its end
void refuse_one_input_for_two(const std::string &one, const std::string &other);

/// To be asked before work begins. @param inputs files that were named beside @p output; empty names and "-" are none
/// @throws hsm::Error (usage) when writing @p output would overwrite one of them, or when it is "-": standard output,
/// which the tool's own lines go to
void check_output(const std::string &output, const std::vector<std::string> &inputs);

} // namespace k7::tool
