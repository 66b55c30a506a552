/* SPDX-License-Identifier: BSD-3-Clause */
// What is said of a guest, to show it and to diagnose it.
#pragma once

#include "nic.h"

extern const char *const guest_stage_names[]; // by enum netvsp_stage

// All zero while there is nothing to ask.
void guest_status(const struct nic *nic, struct netvsp_status *status);
// Why no frames pass; empty: they do.
void guest_reason(const struct nic *nic, const struct netvsp_status *s, char *text, size_t size);
