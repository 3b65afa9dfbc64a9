/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_ROOM_H
#define LSI_DATA_ROOM_H
/* How much memory there is for data: never a matter of the result, only of how it is read. */
#include <stdint.h>

/* Bytes still free on this node: of the machine and of the cgroup this process is in. INT64_MAX: cannot be told. */
int64_t lsi_room_of_node(void);
/* Bytes this process may still take under its ulimits (-v and -d). INT64_MAX: no limits. */
int64_t lsi_room_of_process(void);
#endif
