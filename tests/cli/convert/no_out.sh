# SPDX-License-Identifier: MIT
lockstep convert a.csv
