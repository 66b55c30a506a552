/* SPDX-License-Identifier: BSD-3-Clause */
#include "requestor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int requestor_init(struct requestor *r, uint32_t size)
{
	memset(r, 0, sizeof(*r));
	// One slot more than is used: the end of the list may be looked at.
	r->slot = calloc((size_t)size + 1, sizeof(*r->slot));
	if (r->slot == NULL)
		return -ENOMEM;
	r->size = size;
	for (uint32_t i = 0; i < size; i++)
		r->slot[i].next = i + 1;
	return 0;
}

void requestor_fini(struct requestor *r)
{
	free(r->slot);
	memset(r, 0, sizeof(*r));
}
