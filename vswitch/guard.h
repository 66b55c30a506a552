/* SPDX-License-Identifier: BSD-3-Clause */
// Keeps system calls of the main thread short that somebody else can make block.
//
// An interrupt is a write to an eventfd that the hypervisor has as well. That the write does not
// wait is a property of the open file, not of our descriptor: the hypervisor can take it away
// and fill the eventfd. Workers that hang there are freed by the main thread (nics_rescue());
// the main thread, which interrupts guests that have no port, has a timer instead. Its signal
// ends the write.
//
// And whoever may connect to a socket of ours may send us descriptors, wanted or not. The last
// one to let go of a TCP socket that lingers waits for what it has not sent yet, even if the
// descriptor was never taken out of the message: to receive and to close are guarded, too.
#pragma once

#include <stdbool.h>

// The thread that calls this is guarded. 0 or -errno.
int guard_start(void);
void guard_stop(void);

// Around what may block. Not nested.
void guard_enter(void);
bool guard_leave(void); // true: it took suspiciously long
