# SPDX-License-Identifier: MIT
lockstep train --help >long
lockstep train -h | cmp - long
lockstep help train | cmp - long
lockstep help trian
