/* SPDX-License-Identifier: BSD-3-Clause */
// Build tool: turns the method tables into other people's text.
//   gen_table ctl             vswitchctl's table: a C header that needs nothing of vswitch/
//   gen_table page TEMPLATE   the reference page: TEMPLATE with its @…@ lines filled in
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "methods.h"

static void put_flag(const char *name)
{
	printf("--");
	for (; *name != '\0'; name++)
		putchar(*name == '_' ? '-' : *name);
}

static void put_c_string(const char *text)
{
	if (text == NULL) {
		printf("NULL");
		return;
	}
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			printf("\\n");
		else if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			putchar(*text);
	}
	putchar('"');
}

// --- usage lines -----------------------------------------------------------------------------

static void put_argument(const struct rpc_param *param)
{
	unsigned i;

	if (param->position != 0) {
		printf("%s", param->metavar);
		return;
	}
	put_flag(param->name);
	if (param->type == RPC_ENUM)
		for (i = 0; param->values[i] != NULL; i++)
			printf("%c%s", i > 0 ? '|' : ' ', param->values[i]);
	else if (param->type != RPC_BOOL)
		printf(" %s", param->metavar);
}

// As typed: arguments in order, then what must be given, then the rest.
static void put_usage(const struct rpc_method *method)
{
	const struct rpc_param *param, *other;

	printf("%s", rpc_method_command(method));
	for (param = method->params; param != NULL && param->name != NULL; param++) {
		bool first = true;

		for (other = method->params; other < param; other++)
			if (param->exclusive != 0 && other->exclusive == param->exclusive)
				first = false;
		if (!first)
			continue; // printed with its group
		printf(param->required ? " " : " [");
		put_argument(param);
		for (other = param + 1; param->exclusive != 0 && other->name != NULL; other++) {
			if (other->exclusive != param->exclusive)
				continue;
			printf(" | ");
			put_argument(other);
		}
		if (!param->required)
			putchar(']');
	}
}

// --- vswitchctl's table ----------------------------------------------------------------------

static const char ctl_head[] =
	"/* SPDX-License-Identifier: BSD-3-Clause */\n"
	"// Generated from the daemon's method tables. For one .c file.\n"
	"#pragma once\n\n"
	"#include <stdbool.h>\n"
	"#include <stddef.h>\n"
	"#include <stdint.h>\n\n"
	"struct cmd_param {\n"
	"\tconst char *name; // in the request\n"
	"\tconst char *flag; // \"--access-vlan\"; NULL: an argument\n"
	"\tenum cmd_type type;\n"
	"\tbool required;\n"
	"\tbool local; // never sent\n"
	"\tuint8_t position;  // arguments: 1.. in order\n"
	"\tuint8_t exclusive; // at most one of the same number; 0: free\n"
	"\tuint64_t min, max; // CMD_UINT, CMD_VLAN; CMD_STRING: longest in bytes\n"
	"\tconst char *const *values; // CMD_ENUM, CMD_ENUMS: ends with NULL\n"
	"\tconst char *metavar;\n"
	"\tconst char *preset; // what holds without it, as text; may be NULL\n"
	"\tconst char *help;\n"
	"};\n\n"
	"struct cmd_example {\n"
	"\tconst char *what;\n"
	"\tconst char *command;\n"
	"};\n\n"
	"struct cmd_spec {\n"
	"\tconst char *name;   // as typed; \"\": not for typing\n"
	"\tconst char *method; // as sent\n"
	"\tconst char *group;\n"
	"\tconst char *summary;\n"
	"\tconst char *details; // paragraphs; may be NULL\n"
	"\tconst char *usage;\n"
	"\tconst struct cmd_example *examples; // arrays end with an empty one\n"
	"\tconst struct cmd_param *params;\n"
	"\tbool changes;\n"
	"};\n\n"
	"struct cmd_word {\n"
	"\tint code;\n"
	"\tconst char *name;\n"
	"\tconst char *help;\n"
	"};\n\n";

static void ctl_types(void)
{
	unsigned type;

	printf("enum cmd_type {\n");
#define X(sym, name, help) printf("\tCMD_" #sym ", // %s\n", help);
	RPC_TYPES(X)
#undef X
	printf("};\n\n");
	printf("static const char *const cmd_type_names[] = {\n");
	for (type = 0; type < RPC_TYPE_COUNT; type++)
		printf("\t\"%s\",\n", rpc_type_name(type));
	printf("};\n\n");
}

static const char *type_symbol(enum rpc_type type)
{
	static const char *const symbols[] = {
#define X(sym, name, help) "CMD_" #sym,
		RPC_TYPES(X)
#undef X
	};

	return symbols[type];
}

static void ctl_param(const struct rpc_param *param)
{
	const char *const *value;

	printf("\t{\n\t\t.name = \"%s\",\n", param->name);
	if (param->position == 0) {
		printf("\t\t.flag = \"");
		put_flag(param->name);
		printf("\",\n");
	}
	printf("\t\t.type = %s,\n", type_symbol(param->type));
	printf("\t\t.required = %s,\n", param->required ? "true" : "false");
	printf("\t\t.local = %s,\n", param->local ? "true" : "false");
	printf("\t\t.position = %u,\n\t\t.exclusive = %u,\n", param->position, param->exclusive);
	printf("\t\t.min = %" PRIu64 ",\n\t\t.max = %" PRIu64 ",\n", param->min, param->max);
	if (param->values != NULL) {
		printf("\t\t.values = (const char *const[]){");
		for (value = param->values; *value != NULL; value++)
			printf("\"%s\", ", *value);
		printf("NULL},\n");
	}
	printf("\t\t.metavar = ");
	put_c_string(param->metavar);
	printf(",\n\t\t.preset = ");
	put_c_string(param->preset);
	printf(",\n\t\t.help = ");
	put_c_string(param->help);
	printf(",\n\t},\n");
}

static void ctl_arrays(const struct rpc_method *method, unsigned n)
{
	const struct rpc_param *param;
	const struct rpc_example *example;

	printf("static const struct cmd_param cmd_params_%u[] = {\n", n);
	for (param = method->params; param != NULL && param->name != NULL; param++)
		ctl_param(param);
	printf("\t{},\n};\n\nstatic const struct cmd_example cmd_examples_%u[] = {\n", n);
	for (example = method->examples; example != NULL && example->what != NULL; example++) {
		printf("\t{");
		put_c_string(example->what);
		printf(", ");
		put_c_string(example->command);
		printf("},\n");
	}
	printf("\t{},\n};\n\n");
}

static void ctl_spec(const struct rpc_method *method, unsigned n)
{
	printf("\t{\n\t\t.name = \"%s\",\n\t\t.method = \"%s\",\n", rpc_method_command(method),
		method->name);
	printf("\t\t.group = \"%s\",\n\t\t.summary = ", method->group);
	put_c_string(method->summary);
	printf(",\n\t\t.details = ");
	put_c_string(method->details);
	printf(",\n\t\t.usage = \"");
	put_usage(method);
	printf("\",\n\t\t.examples = cmd_examples_%u,\n\t\t.params = cmd_params_%u,\n", n, n);
	printf("\t\t.changes = %s,\n\t},\n", method->changes ? "true" : "false");
}

static void ctl_header(void)
{
	const struct rpc_method *method = NULL;
	const char *const marker = "struct cmd_param {";
	const char *rest = strstr(ctl_head, marker);
	const struct rpc_event *event;
	const struct rpc_error *error;
	unsigned n;

	printf("%.*s", (int)(rest - ctl_head), ctl_head);
	ctl_types();
	printf("%s", rest);
	for (n = 0; (method = rpc_method_next(method)) != NULL; n++)
		ctl_arrays(method, n);
	printf("static const struct cmd_spec cmd_specs[] = {\n");
	for (n = 0; (method = rpc_method_next(method)) != NULL; n++)
		ctl_spec(method, n);
	printf("\t{},\n};\n\nstatic const struct cmd_word cmd_events[] = {\n");
	for (event = rpc_events; event->name != NULL; event++) {
		printf("\t{0, \"%s\", ", event->name);
		put_c_string(event->help);
		printf("},\n");
	}
	printf("\t{},\n};\n\nstatic const struct cmd_word cmd_errors[] = {\n");
	for (error = rpc_errors; error->name != NULL; error++) {
		printf("\t{%d, \"%s\", ", error->code, error->name);
		put_c_string(error->help);
		printf("},\n");
	}
	printf("\t{},\n};\n");
}

// --- reference page --------------------------------------------------------------------------

// In a table's cell.
static void put_cell(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			putchar('\\');
		putchar(*text == '\n' ? ' ' : *text);
	}
}

static void put_words(const char *const *values)
{
	unsigned i;

	for (i = 0; values[i] != NULL; i++)
		printf("%s`%s`", i > 0 ? ", " : "", values[i]);
}

static void page_params(const struct rpc_method *method)
{
	const struct rpc_param *param;
	bool any = false;

	for (param = method->params; param != NULL && param->name != NULL; param++) {
		if (param->local)
			continue;
		if (!any)
			printf("| parameter | type | without it | meaning |\n|---|---|---|---|\n");
		any = true;
		printf("| `%s` | %s", param->name, rpc_type_name(param->type));
		if ((param->type == RPC_UINT || param->type == RPC_VLAN) && param->max != 0)
			printf(" %" PRIu64 "–%" PRIu64, param->min, param->max);
		printf(" | ");
		if (param->required)
			printf("*required*");
		else if (param->preset != NULL)
			put_cell(param->preset);
		else if (param->type == RPC_BOOL)
			printf("false");
		printf(" | ");
		put_cell(param->help);
		// A list as long as that of the events has a section of its own
		if (param->type == RPC_ENUM && param->values != NULL) {
			printf(" (");
			put_words(param->values);
			putchar(')');
		}
		printf(" |\n");
	}
	printf(any ? "\n" : "No parameters.\n\n");
}

static void put_anchor(const char *of)
{
	const struct rpc_object *object;

	for (object = rpc_objects; object->name != NULL; object++)
		if (strcmp(object->name, of) == 0)
			break;
	if (object->name != NULL)
		printf(" of [%s](#object-%s)", of, of);
	else
		printf(" of %s", of);
}

static void page_fields(const struct rpc_field *fields, const char *title)
{
	const struct rpc_field *field;

	if (fields == NULL || fields->name == NULL)
		return;
	printf("| %s | type | meaning |\n|---|---|---|\n", title);
	for (field = fields; field->name != NULL; field++) {
		printf("| `%s` | %s", field->name, rpc_type_name(field->type));
		if (field->of != NULL)
			put_anchor(field->of);
		if (field->nullable)
			printf(" or null");
		if (field->optional)
			printf(", may be absent");
		printf(" | ");
		put_cell(field->help);
		if (field->values != NULL) {
			printf(" (");
			put_words(field->values);
			putchar(')');
		}
		printf(" |\n");
	}
	printf("\n");
}

// Paragraphs are apart by an empty line; one of several lines is a list.
static void put_paragraphs(const char *text)
{
	const char *end, *line;

	for (; text != NULL && *text != '\0'; text = end != NULL ? end + 2 : NULL) {
		end = strstr(text, "\n\n");
		line = strchr(text, '\n');
		if (line != end)
			printf("* ");
		for (; text != end && *text != '\0'; text++) {
			putchar(*text);
			if (*text == '\n')
				printf("* ");
		}
		printf("\n\n");
	}
}

static void page_examples(const struct rpc_method *method)
{
	const struct rpc_example *example;

	for (example = method->examples; example != NULL && example->what != NULL; example++) {
		printf("```\n");
		if (example->what[0] != '\0')
			printf("# %s\n", example->what);
		if (example->command[0] != '\0')
			printf("$ %s\n", example->command);
		if (example->params != NULL)
			printf("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n",
				method->name, example->params);
		printf("```\n\n");
	}
}

static void page_methods(void)
{
	const struct rpc_method *method = NULL;
	const enum vsw_errc *error;
	const char *group = "";

	while ((method = rpc_method_next(method)) != NULL) {
		if (strcmp(group, method->group) != 0)
			printf("## %s\n\n", method->group);
		group = method->group;
		printf("### %s\n\n", method->name);
		printf("%c%s%s.\n\n", method->summary[0] - 'a' + 'A', method->summary + 1,
			method->changes ? " (changes)" : "");
		if (method->details != NULL)
			put_paragraphs(method->details);
		if (rpc_method_command(method)[0] != '\0') {
			printf("    vswitchctl ");
			put_usage(method);
			printf("\n\n");
		}
		page_params(method);
		page_fields(method->result, "result");
		if (method->errors != NULL) {
			printf("Errors:");
			for (error = method->errors; *error != VSW_OK; error++)
				printf("%s %s", error > method->errors ? "," : "",
					vsw_errc_name(*error));
			printf(".\n\n");
		}
		page_examples(method);
	}
}

static void page_types(void)
{
	printf("| type | meaning |\n|---|---|\n");
#define X(sym, name, help) \
	printf("| %s | ", name); \
	put_cell(help); \
	printf(" |\n");
	RPC_TYPES(X)
#undef X
}

static void page_errors(void)
{
	const struct rpc_error *error;

	printf("| code | name | meaning |\n|---|---|---|\n");
	for (error = rpc_errors; error->name != NULL; error++)
		printf("| %d | %s | %s |\n", error->code, error->name, error->help);
}

static void page_events(void)
{
	const struct rpc_event *event;
	const struct rpc_field *field;

	printf("| event | meaning | fields |\n|---|---|---|\n");
	for (event = rpc_events; event->name != NULL; event++) {
		printf("| `%s` | %s |", event->name, event->help);
		for (field = event->fields; field != NULL && field->name != NULL; field++)
			printf("%s `%s`%s", field > event->fields ? "," : "", field->name,
				field->optional ? " (maybe)" : "");
		printf(" |\n");
	}
}

static void page_objects(void)
{
	const struct rpc_object *object;

	for (object = rpc_objects; object->name != NULL; object++) {
		printf("<a id=\"object-%s\"></a>\n\n### %s\n\n%s.\n\n", object->name, object->name,
			object->help);
		page_fields(object->fields, "field");
	}
}

static int page(const char *path)
{
	static const struct {
		const char *line;
		void (*put)(void);
	} parts[] = {
		{"@METHODS@\n", page_methods},
		{"@TYPES@\n", page_types},
		{"@ERRORS@\n", page_errors},
		{"@EVENTS@\n", page_events},
		{"@OBJECTS@\n", page_objects},
	};
	char line[1024];
	FILE *file = fopen(path, "r");
	unsigned i;

	if (file == NULL) {
		perror(path);
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
			if (strcmp(line, parts[i].line) == 0)
				break;
		if (i < sizeof(parts) / sizeof(parts[0]))
			parts[i].put();
		else
			fputs(line, stdout);
	}
	fclose(file);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "ctl") == 0) {
		ctl_header();
		return EXIT_SUCCESS;
	}
	if (argc == 3 && strcmp(argv[1], "page") == 0)
		return page(argv[2]);
	fprintf(stderr, "usage: gen_table ctl | page TEMPLATE\n");
	return 2;
}
