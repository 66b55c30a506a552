/* SPDX-License-Identifier: BSD-3-Clause */
// The configuration as a document: what export-config writes, apply-config reads and the state
// file holds. The same configuration is always the same text.
#pragma once

#include <jansson.h>

#include "config_model.h"

#define CONFIG_VERSION 1

// NULL when out of memory.
json_t *config_to_json(const struct config *cfg);

// A transform: makes everything the document names as it says; prune: and deletes the rest.
// Strict: unknown keys, wrong types and broken rules are errors that name the place
// ("ports[3].colour"). What can be set live keeps its uid. err must not be NULL.
int config_apply(struct config *cfg, const json_t *doc, bool prune, struct vsw_error *err);

// NULL after a vsw_fail().
struct config *config_from_json(const json_t *doc, struct vsw_error *err);
