/* SPDX-License-Identifier: BSD-3-Clause */
#include "counters.h"

const char *const vsw_drop_names[DROP_COUNT] = {
#define X(sym, name, help) name,
	VSW_DROPS(X)
#undef X
};

const char *const vsw_drop_help[DROP_COUNT] = {
#define X(sym, name, help) help,
	VSW_DROPS(X)
#undef X
};
