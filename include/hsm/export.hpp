// SPDX-License-Identifier: Apache-2.0
/// @file hsm/export.hpp
/// What libhsm.so.0 exports; everything else in it is hidden.
#pragma once

#define HSM_EXPORT __attribute__((visibility("default")))
#define HSM_HIDDEN __attribute__((visibility("hidden")))
