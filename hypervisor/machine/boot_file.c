/* SPDX-License-Identifier: BSD-3-Clause */
#include "boot_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1ull << 30) // less than what a read takes at once

int boot_refuse(char why[BOOT_WHY_SIZE], int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, BOOT_WHY_SIZE, format, args);
	va_end(args);
	return err;
}

int boot_file_size(int fd, const char *what, uint64_t *size, char why[BOOT_WHY_SIZE])
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return boot_refuse(why, -errno, "the %s cannot be read: %m", what);
	if (S_ISDIR(st.st_mode))
		return boot_refuse(why, -EISDIR, "the %s is a directory: name a file in it", what);
	if (!S_ISREG(st.st_mode))
		return boot_refuse(why, -EINVAL,
			"the %s is a pipe or device, which cannot be read again at a reset: "
			"copy it to a file first",
			what);
	if (st.st_size == 0)
		return boot_refuse(why, -ENODATA, "the %s is empty: copy it again", what);
	*size = st.st_size;
	return 0;
}

int boot_file_read(
	int fd, const char *what, void *to, uint64_t len, uint64_t at, char why[BOOT_WHY_SIZE])
{
	uint8_t *next = to;

	while (len > 0) {
		ssize_t n = pread(fd, next, len < CHUNK ? len : CHUNK, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return boot_refuse(why, -errno,
				"the %s cannot be read: %m; see that the file and its disk are "
				"in order",
				what);
		if (n == 0)
			return boot_refuse(why, -ENODATA,
				"the %s became shorter while it was read: start again once it "
				"is complete",
				what);
		next += n;
		at += n;
		len -= n;
	}
	return 0;
}
