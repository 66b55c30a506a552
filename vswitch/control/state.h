/* SPDX-License-Identifier: BSD-3-Clause */
// The configuration on disk: <state-dir>/state.json, replaced as a whole. A change is prepared
// before anything is touched (that is where a full disk shows) and committed when it is done.
#pragma once

#include "config_model.h"

#define STATE_FILE      "state.json"
#define STATE_FILE_NEXT "state.json.next"

struct state;

// Makes the directory if need be (0700), keeps other daemons out of it and removes what a
// crash left over. NULL after a vsw_fail().
struct state *state_open(const char *dir, struct vsw_error *err);
void state_close(struct state *state); // NULL is welcome; the lock goes with it

// What was committed last; empty if nothing ever was. NULL after a vsw_fail() that names file,
// line and remedy; the file is not touched.
struct config *state_load(struct state *state, struct vsw_error *err);

// Writes cfg beside the present state, down to the disk.
int state_prepare(struct state *state, const struct config *cfg, struct vsw_error *err);
// Makes what was prepared the state, down to the disk. After a failure the disk may hold either
// one: prepare and commit the old one again.
int state_commit(struct state *state, struct vsw_error *err);
void state_discard(struct state *state); // what was prepared, if anything
