/* SPDX-License-Identifier: BSD-3-Clause */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int vsw_fail(struct vsw_error *err, enum vsw_errc code, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	if (err != NULL) {
		err->code = code;
		va_start(ap, fmt);
		vsnprintf(err->reason, sizeof(err->reason), fmt, ap);
		va_end(ap);
		snprintf(err->remedy, sizeof(err->remedy), "%s", remedy != NULL ? remedy : "");
	}
	return -(int)code;
}

const char *vsw_errc_name(enum vsw_errc code)
{
	switch (code) {
#define X(sym, num, name, help) \
	case VSW_E_##sym: return name;
		VSW_ERRORS(X)
#undef X
	case VSW_OK: break;
	}
	return "ok";
}
