# SPDX-License-Identifier: MIT
add_executable(bench_exchange EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/bench_exchange.c)
target_link_libraries(bench_exchange PRIVATE lockstep_internal)
