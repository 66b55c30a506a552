/* SPDX-License-Identifier: BSD-3-Clause */
// Between the guest's threads and what starts them.
#pragma once

#include "guest.h"

#define GUEST_SECOND       1000000000ll
#define GUEST_STOP_SECONDS 5
#define GUEST_WISHES       1u // among an epoll's events

int64_t guest_now(void); // nanoseconds
// Until something comes for the VP, or its end, or ns have passed; < 0: however long.
void guest_sleep(struct vp *vp, int64_t ns);
// VP 0: until something may have happened, or ms have passed. 0; -errno: it is to end.
int guest_wait(void *guest, int ms);
void *guest_vp_main(void *vp);
void *guest_vp0_main(void *vp);
