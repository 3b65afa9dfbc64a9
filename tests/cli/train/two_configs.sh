# SPDX-License-Identifier: MIT
lockstep train a.yaml b.yaml
