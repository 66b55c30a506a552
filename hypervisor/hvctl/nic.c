/* SPDX-License-Identifier: BSD-3-Clause */
// add-nic and del-nic
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine.h"
#include "text.h"

#define ADD_TRIES 20  // of 100 ms, until the switch has it
#define DEL_TRIES 100 // until the guest has let go of it

static int parse_word(json_t *params, const char *key, const char *value)
{
	unsigned long n;
	char *end;

	if (strcmp(key, "port") == 0 || strcmp(key, "mac") == 0 || strcmp(key, "name") == 0) {
		json_object_set_new(params, key, json_string(value));
		return 0;
	}
	if (strcmp(key, "queues") != 0)
		return usage("add-nic",
			"a NIC is port=PORT[,queues=N][,mac=MAC][,name=NIC]: there "
			"is no '%.40s'",
			key);
	n = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || n > 1000000)
		return usage("add-nic", "queues= takes a number, not '%.40s'", value);
	json_object_set_new(params, key, json_integer(n));
	return 0;
}

// "port=P,queues=2" as parameters.
static int parse_nic(const char *text, json_t *params)
{
	char *copy = strdup(text), *rest = copy, *word;
	int ret = 0;

	while (copy != NULL && ret == 0 && (word = strsep(&rest, ",")) != NULL) {
		char *value = strchr(word, '=');

		if (value == NULL || value[1] == '\0') {
			ret = usage("add-nic", "'%.40s' is no KEY=VALUE, such as port=PORT", word);
			break;
		}
		*value++ = '\0';
		if (json_object_get(params, word) != NULL)
			ret = usage("add-nic", "%.40s= is there twice", word);
		else
			ret = parse_word(params, word, value);
	}
	free(copy);
	if (ret == 0 && json_object_get(params, "port") == NULL)
		return usage("add-nic", "which port of the switch? give port=PORT");
	return ret;
}

// The NIC as "show" tells it, *found if it is there. -1: it has been told what is wrong.
static int look_at(struct machine *m, const char *name, json_t **nic)
{
	json_t *result = machine_call(m, "show", NULL), *entry;
	char text[TEXT_SIZE];
	size_t i;

	*nic = NULL;
	if (result == NULL)
		return -1;
	json_array_foreach (json_object_get(result, "nics"), i, entry)
		if (strcmp(text_of(entry, "name", text), name) == 0)
			*nic = json_incref(entry);
	json_decref(result);
	return 0;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

// Waits a little for the switch to take it, and tells how it stands.
static int tell_added(struct machine *m, const char *name)
{
	char state[TEXT_SIZE] = "", reason[TEXT_SIZE] = "", port[TEXT_SIZE] = "";
	json_t *nic;

	for (unsigned i = 0; i < ADD_TRIES; i++) {
		if (look_at(m, name, &nic) < 0)
			return HVCTL_FAILED;
		if (nic == NULL)
			break;
		text_of(nic, "state", state);
		text_of(nic, "reason", reason);
		text_of(nic, "port", port);
		json_decref(nic);
		if (strcmp(state, "attached") == 0 || reason[0] != '\0')
			break;
		pause_ms(100);
	}
	printf("NIC '%s' added to '%s' for port '%s'", name, m->name, port);
	if (strcmp(state, "attached") == 0)
		printf("\n  if it has no link: vswitchctl diagnose-port %s\n", port);
	else
		printf("; the switch does not know it yet%s%s\n", reason[0] != '\0' ? "\n  " : "",
			reason);
	return HVCTL_DONE;
}

int cmd_add_nic(const struct args *args)
{
	json_t *params = json_object(), *result;
	int ret = parse_nic(args->extra, params);
	char name[TEXT_SIZE];
	struct machine m;

	if (ret == 0)
		ret = machine_open(&m, args);
	if (ret != 0) {
		json_decref(params);
		return ret;
	}
	result = machine_call(&m, "add-nic", params);
	if (result == NULL)
		ret = m.failure;
	else if (args->json)
		print_json(result);
	else
		ret = tell_added(&m, text_of(result, "nic", name));
	json_decref(result);
	machine_close(&m);
	return ret;
}

static int tell_removed(struct machine *m, const char *name)
{
	json_t *nic = NULL;

	for (unsigned i = 0; i < DEL_TRIES; i++) {
		if (look_at(m, name, &nic) < 0)
			return HVCTL_FAILED;
		json_decref(nic);
		if (nic == NULL) {
			printf("NIC '%s' removed from '%s'\n", name, m->name);
			return HVCTL_DONE;
		}
		pause_ms(100);
	}
	printf("NIC '%s' is taken from '%s', whose guest has not let go of it yet\n", name,
		m->name);
	return HVCTL_DONE;
}

int cmd_del_nic(const struct args *args)
{
	struct machine m;
	int ret = machine_open(&m, args);
	json_t *result;

	if (ret != 0)
		return ret;
	result = machine_call(&m, "del-nic", json_pack("{s:s}", "nic", args->extra));
	ret = result != NULL ? tell_removed(&m, args->extra) : m.failure;
	json_decref(result);
	machine_close(&m);
	return ret;
}

int cmd_nic_names(const struct args *args)
{
	struct machine m;
	json_t *result, *nic;
	char name[TEXT_SIZE];
	size_t i;
	int ret = machine_open(&m, args);

	if (ret != 0)
		return ret;
	result = machine_call(&m, "show", NULL);
	json_array_foreach (json_object_get(result, "nics"), i, nic)
		puts(text_of(nic, "name", name));
	json_decref(result);
	machine_close(&m);
	return HVCTL_DONE;
}
