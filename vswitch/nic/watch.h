/* SPDX-License-Identifier: BSD-3-Clause */
// Follows the kernel's NICs: they come, go, are renamed, gain and lose carrier. Main thread.
#pragma once

#include "link_table.h"

struct nic_watch;

// What is there now is known without being told. 0 or -errno.
int nic_watch_open(struct nic_watch **watch);
void nic_watch_close(struct nic_watch *watch); // NULL is welcome

int nic_watch_fd(const struct nic_watch *watch); // readable: call nic_watch_handle()
// Reads what the kernel has to say, then tells all of it at once.
void nic_watch_handle(struct nic_watch *watch, link_change_fn fn, void *arg);
