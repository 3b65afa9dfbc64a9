/* SPDX-License-Identifier: MIT */
#ifndef LSI_BASE_PROCESS_H
#define LSI_BASE_PROCESS_H
/* What a process of this machine is doing, as a letter of proc(5): 'R' runs, 'S' sleeps, 'D' waits for a disk, 'T' is stopped, 'Z' has
   ended and nobody has asked how; '-' when there is no such process, or no /proc. */
char lsi_process_state(long pid);
#endif
