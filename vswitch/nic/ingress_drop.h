/* SPDX-License-Identifier: BSD-3-Clause */
// Keeps frames that come in on an interface from the host's own stack: a classifier at ingress
// drops them after packet sockets have had their copy. Survives the process; attaching again
// replaces what an earlier life left. Main thread; 0 or -errno.
#pragma once

// -EBUSY: a classifier of somebody else's sits in our place.
int ingress_drop_attach(int ifindex);
int ingress_drop_detach(int ifindex); // 0 also if there is none
