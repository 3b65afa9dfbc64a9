/* SPDX-License-Identifier: MIT */
#ifndef LSI_BASE_PROCESS_H
#define LSI_BASE_PROCESS_H
/* What /proc/PID/stat says of a process of this machine, see proc(5). */

/* 'R' runs, 'S' sleeps, 'D' waits for a disk, 'T' is stopped, 'Z' has ended and nobody has asked how; '-' when there is no such process,
   or no /proc. */
char lsi_process_state(long pid);

/* When this process was started, on lsi_clock_s's clock, to a hundredth of a second; 0 where the system does not tell. */
double lsi_process_start_s(void);
#endif
