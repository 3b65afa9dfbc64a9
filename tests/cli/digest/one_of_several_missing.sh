# SPDX-License-Identifier: MIT
# What is named behind a file that fails is looked at, too.
printf '%s\n' 1,2,3 >x.csv
lockstep convert x.csv --out x.h5 >/dev/null
lockstep digest none.h5 x.h5 || true
lockstep inspect none.h5 x.h5
