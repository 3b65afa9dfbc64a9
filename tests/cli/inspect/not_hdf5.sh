# SPDX-License-Identifier: MIT
echo text >a.h5
lockstep inspect a.h5
