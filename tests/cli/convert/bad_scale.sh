# SPDX-License-Identifier: MIT
lockstep convert a.csv -o a.h5 --scale 1/0
