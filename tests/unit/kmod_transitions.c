/* SPDX-License-Identifier: GPL-2.0-only */
/* The driver's own KUnit file, compiled for user space: <kunit/test.h> is that of kunit-shim. */
#include "kmod/transitions_test.c"
