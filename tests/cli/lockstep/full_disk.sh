# SPDX-License-Identifier: MIT
[ -w /dev/full ] || exit 1
lockstep --help >/dev/full
