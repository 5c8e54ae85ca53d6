// SPDX-License-Identifier: GPL-2.0-or-later
//
// A SQLite file layer over the real one that misbehaves at a chosen change of a file: the process dies, in the middle
// of the write if it is one, or all changes fail from there on. Or the disk is full.
#pragma once

#include <string>

namespace k7::test {

enum class Mishap { Die, Fail };

/// From now on the disk has @p room bytes left, and what the file @p reserve takes if somebody removes that. Files that
/// are cut off give theirs back. @param room negative: there is no end of room
void plan_full_disk(long room, const std::string &reserve = {});

/// From now on every database that this process opens uses the layer. @param change counts from 1; 0: never
void plan_mishap(Mishap mishap, int change);

/// Changes (writes, truncations, syncs, deletions of files) so far.
int changes_so_far();

} // namespace k7::test
