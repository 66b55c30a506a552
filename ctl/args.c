/* SPDX-License-Identifier: BSD-3-Clause */
#include "args.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "suggest.h"

#define MAX_PARAMS 64

struct parser {
	struct invocation *inv;
	int argc, at;
	char **argv;
	unsigned n_positional;
	const struct cmd_param *given[MAX_PARAMS];
	size_t n_given;
	bool flags_over; // after "--"
};

static const char *command_name(const struct parser *p)
{
	return p->inv->command ? p->inv->command->name : NULL;
}

static int wrong_value(
	struct parser *p, const struct cmd_param *param, const char *wanted, const char *value)
{
	return usage_error(
		command_name(p), "%s takes %s, not '%s'", param_label(param), wanted, value);
}

static int parse_uint(
	struct parser *p, const struct cmd_param *param, const char *value, json_t **out)
{
	unsigned long long n;
	char wanted[96], *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (param->max)
		snprintf(wanted, sizeof(wanted), "a number from %llu to %llu",
			(unsigned long long)param->min, (unsigned long long)param->max);
	else
		snprintf(wanted, sizeof(wanted), "a whole number");
	if (!isdigit((unsigned char)*value) || *end || errno || n > INT64_MAX || n < param->min ||
		(param->max && n > param->max))
		return wrong_value(p, param, wanted, value);
	*out = json_integer((json_int_t)n);
	return CTL_DONE;
}

static int parse_bool(
	struct parser *p, const struct cmd_param *param, const char *value, json_t **out)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};

	for (size_t i = 0; value && i < sizeof(yes) / sizeof(*yes); i++) {
		if (strcmp(value, yes[i]) == 0)
			value = NULL;
		else if (strcmp(value, no[i]) == 0)
			return *out = json_false(), CTL_DONE;
	}
	if (value)
		return wrong_value(p, param, "true or false", value);
	*out = json_true();
	return CTL_DONE;
}

static int check_word(struct parser *p, const struct cmd_param *param, const char *word)
{
	char list[512] = "";
	const char *near;
	size_t n = 0;

	for (; param->values[n]; n++) {
		if (strcmp(param->values[n], word) == 0)
			return CTL_DONE;
		if (strlen(list) + strlen(param->values[n]) + 3 < sizeof(list)) {
			strcat(list, n ? ", " : "");
			strcat(list, param->values[n]);
		}
	}
	near = suggest(word, param->values, n);
	return usage_error(command_name(p), "%s cannot be '%s'%s%s%s; it is one of: %s",
		param_label(param), word, near ? " (did you mean '" : "", near ? near : "",
		near ? "'?)" : "", list);
}

static int parse_words(
	struct parser *p, const struct cmd_param *param, const char *value, json_t **out)
{
	char *copy = strdup(value), *save;
	json_t *list = json_array();
	int rc = CTL_DONE;

	for (char *word = strtok_r(copy, ", ", &save); word && rc == CTL_DONE;
		word = strtok_r(NULL, ", ", &save)) {
		rc = check_word(p, param, word);
		json_array_append_new(list, json_string(word));
	}
	if (rc == CTL_DONE && json_array_size(list) == 0)
		rc = wrong_value(p, param, "a list of words with commas between", value);
	free(copy);
	if (rc == CTL_DONE)
		*out = list;
	else
		json_decref(list);
	return rc;
}

static int parse_value(
	struct parser *p, const struct cmd_param *param, const char *value, json_t **out)
{
	int rc;

	switch (param->type) {
	case CMD_BOOL: return parse_bool(p, param, value, out);
	case CMD_UINT:
	case CMD_VLAN: return parse_uint(p, param, value, out);
	case CMD_ENUMS: return parse_words(p, param, value, out);
	case CMD_ENUM:
		rc = check_word(p, param, value);
		if (rc != CTL_DONE)
			return rc;
		break;
	default: break;
	}
	*out = json_string(value);
	if (!*out)
		return usage_error(command_name(p), "%s is not valid UTF-8", param_label(param));
	if (!*value && param->type != CMD_STRING) {
		json_decref(*out);
		*out = NULL;
		return usage_error(command_name(p), "%s is empty", param_label(param));
	}
	return CTL_DONE;
}

// What we act upon ourselves: the global options and the local parameters.
static int take_local(
	struct parser *p, const struct cmd_param *param, const json_t *value, const char *text)
{
	struct options *options = &p->inv->options;
	const char *name = param->name;

	if (strcmp(name, "socket") == 0)
		options->socket = text;
	else if (strcmp(name, "timeout") == 0)
		options->timeout_s = (unsigned)json_integer_value(value);
	else if (strcmp(name, "json") == 0)
		options->json = json_is_true(value);
	else if (strcmp(name, "quiet") == 0)
		options->quiet = json_is_true(value);
	else if (strcmp(name, "wide") == 0)
		options->wide = json_is_true(value);
	else if (strcmp(name, "watch") == 0)
		options->watch = json_is_true(value);
	else if (strcmp(name, "reconnect") == 0)
		options->reconnect = json_is_true(value);
	else if (strcmp(name, "file") == 0)
		options->file = text;
	else if (strcmp(name, "help") == 0)
		p->inv->help = json_is_true(value);
	else if (strcmp(name, "version") == 0)
		p->inv->version = json_is_true(value);
	else
		return usage_error(command_name(p), "this vswitchctl cannot do '%s'", name);
	return CTL_DONE;
}

static int take(struct parser *p, const struct cmd_param *param, const char *text, bool global)
{
	json_t *value = NULL;
	int rc;

	for (size_t i = 0; i < p->n_given; i++) {
		const struct cmd_param *earlier = p->given[i];

		if (earlier == param)
			return usage_error(
				command_name(p), "%s is given twice", param_label(param));
		if (!global && param->exclusive && earlier->exclusive == param->exclusive)
			return usage_error(command_name(p), "%s and %s exclude each other",
				param_label(earlier), param_label(param));
	}
	if (p->n_given < MAX_PARAMS)
		p->given[p->n_given++] = param;
	rc = parse_value(p, param, text, &value);
	if (rc != CTL_DONE)
		return rc;
	if (global || param->local) {
		rc = take_local(p, param, value, text);
		json_decref(value);
		return rc;
	}
	if (param->type == CMD_OBJECT) {
		p->inv->config_file = text;
		json_decref(value);
		return CTL_DONE;
	}
	if (strcmp(param->name, "what_if") == 0)
		p->inv->what_if = json_is_true(value);
	json_object_set_new(p->inv->params, param->name, value);
	return CTL_DONE;
}

static int parse_flag(struct parser *p, char *arg)
{
	const struct cmd_spec *command = p->inv->command;
	const struct cmd_param *param = NULL;
	char *value = strchr(arg, '=');
	size_t len = value ? (size_t)(value - arg) : strlen(arg);
	bool global = false;
	const char *near;

	if (command)
		param = param_find(command->params, arg, len);
	if (!param) {
		param = param_find(global_params, arg, len);
		global = param != NULL;
	}
	if (!param) {
		arg[len] = '\0';
		near = param_suggest(command, arg);
		return usage_error(command_name(p), "there is no option '%s'%s%s%s", arg,
			near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	if (value) {
		value++;
	} else if (param->type != CMD_BOOL) {
		if (p->at == p->argc)
			return usage_error(command_name(p), "%s wants a value: %s %s", arg, arg,
				param->metavar ? param->metavar : "VALUE");
		value = p->argv[p->at++];
	}
	return take(p, param, value, global);
}

static int parse_positional(struct parser *p, const char *arg)
{
	const struct cmd_param *param = p->inv->command->params;

	p->n_positional++;
	for (; param && param->name; param++) {
		if (param->position == p->n_positional)
			return take(p, param, arg, false);
	}
	return usage_error(command_name(p), "'%s' is one argument too many", arg);
}

static int parse_command(struct parser *p, const char *arg)
{
	const char *near;

	if (strcmp(arg, "help") == 0 && !p->inv->help) {
		p->inv->help = true;
		return CTL_DONE;
	}
	p->inv->command = command_find(arg);
	if (p->inv->command)
		return CTL_DONE;
	near = command_suggest(arg);
	return usage_error(NULL, "there is no command '%s'%s%s%s", arg,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool was_given(const struct parser *p, const struct cmd_param *param)
{
	for (size_t i = 0; i < p->n_given; i++) {
		if (p->given[i] == param)
			return true;
	}
	return false;
}

static int check_complete(struct parser *p)
{
	const struct cmd_param *param = p->inv->command->params;

	for (; param && param->name; param++) {
		if (param->required && !was_given(p, param))
			return usage_error(command_name(p), "%s needs %s%s%s: %s", command_name(p),
				param_label(param), param->position ? "" : " ",
				param->position  ? ""
				: param->metavar ? param->metavar
						 : "",
				param->help);
	}
	return CTL_DONE;
}

int args_parse(struct invocation *inv, int argc, char **argv)
{
	struct parser p = {.inv = inv, .argc = argc, .at = 1, .argv = argv};
	const char *socket = getenv("VSWITCH_SOCKET");
	int rc = CTL_DONE;

	*inv = (struct invocation){.params = json_object()};
	inv->options.socket = socket && *socket ? socket : CTL_SOCKET_DEFAULT;
	while (rc == CTL_DONE && p.at < argc) {
		char *arg = argv[p.at++];

		if (!p.flags_over && strcmp(arg, "--") == 0)
			p.flags_over = true;
		else if (strcmp(arg, "--complete-names") == 0 && p.at + 1 == argc)
			return inv->names = argv[p.at], CTL_DONE;
		else if (!p.flags_over && strcmp(arg, "-h") == 0)
			inv->help = true;
		else if (!p.flags_over && strncmp(arg, "--", 2) == 0)
			rc = parse_flag(&p, arg);
		else if (!p.flags_over && arg[0] == '-' && arg[1])
			rc = usage_error(command_name(&p), "there is no option '%s'", arg);
		else if (!inv->command)
			rc = parse_command(&p, arg);
		else
			rc = parse_positional(&p, arg);
	}
	if (rc != CTL_DONE || inv->help || inv->version)
		return rc;
	if (!inv->command)
		return usage_error(NULL, "a command is missing");
	if (!was_given(&p, param_find(global_params, "--timeout", strlen("--timeout"))))
		inv->options.timeout_s =
			inv->command->changes ? CTL_TIMEOUT_CHANGE : CTL_TIMEOUT_READ;
	return check_complete(&p);
}

void args_clear(struct invocation *inv)
{
	json_decref(inv->params);
	inv->params = NULL;
}
