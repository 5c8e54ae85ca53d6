# SPDX-License-Identifier: GPL-2.0-or-later
# The interpreter's loop is optimized in every build. Its ops end in the same indirect jump; merged into one, that
# jump would be predicted badly, and the loop would run at two thirds of its speed.
interpreter_CXXFLAGS := -O3 -fno-crossjumping
