/* SPDX-License-Identifier: BSD-3-Clause */
// Machines by name: their sockets, and requests to them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hvctl.h"

#define MACHINES_MAX 1024

struct machine_name {
	char name[NAME_SIZE];
	char path[128]; // of its socket
};

// The sockets there are, sorted by name; how many.
size_t machines_find(const char *run_dir, struct machine_name *list, size_t room);
bool name_is_valid(const char *name);

struct machine {
	char name[NAME_SIZE];
	int fd;
	int pid;     // of its hvhost; 0: unknown
	int failure; // of the last call: what to exit with
	char *buf;
	size_t len, used; // bytes in buf; those of the last line
};

// 0, or what to exit with: it has been told what is wrong.
int machine_open(struct machine *m, const struct args *args);
void machine_close(struct machine *m);
// The result, or NULL: it has been told what is wrong. Takes params, which may be NULL.
json_t *machine_call(struct machine *m, const char *method, json_t *params);
// For those that ask many at once: connects without waiting; -errno.
int machine_connect(const char *path);
int machine_pid(int fd);                                   // 0: unknown
char *machine_request(const char *method, json_t *params); // a line
