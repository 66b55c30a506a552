/* SPDX-License-Identifier: BSD-3-Clause */
// The real switch behind live_ops.h.
#pragma once

#include "live_ops.h"

extern const struct live_ops live_switch_ops;
