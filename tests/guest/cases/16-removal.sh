# SPDX-License-Identifier: GPL-2.0-or-later
# The card is taken away in each way there is, while threads wait in each call that can wait.
# options: --timeout 300 --add build/tests/ioctl_test
exec ./ioctl_test removal
