/* SPDX-License-Identifier: BSD-3-Clause */
// The first half of an NBD session, which the kernel leaves to programs: fixed newstyle
// negotiation with NBD_OPT_GO, as every server since 2018 knows it.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	NBD_NAME_MAX = 4096,
	NBD_TRANSMIT_READ_ONLY = 1 << 1, // of nbd_export.flags
};

struct nbd_export {
	uint64_t size;
	uint32_t block_size; // to address by; a power of two, 512 to 4096
	uint16_t flags;      // the server's, as the kernel wants them
};

// Asks the server behind `fd` for the export `name`. After 0 the kernel may have the socket.
// -errno otherwise, with a sentence in `why`: -ENOENT and -EACCES are the server's answer,
// -EPROTO means that it is no NBD server or a strange one.
int nbd_negotiate(int fd, const char *name, struct nbd_export *export, char *why, size_t why_size);
