/* SPDX-License-Identifier: MIT */
#ifndef LOCKSTEP_EXPORT_H
#define LOCKSTEP_EXPORT_H
/* LS_API marks what the library exports; everything else is hidden (-fvisibility=hidden). */
#define LS_API __attribute__((visibility("default")))
#endif
