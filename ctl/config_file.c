/* SPDX-License-Identifier: BSD-3-Clause */
// export-config and apply-config: the whole configuration as a file or a stream.
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "render.h"
#include "run.h"
#include "text.h"

static bool is_stream(const char *file)
{
	return !file || strcmp(file, "-") == 0;
}

static int fail_file(const char *verb, const char *file)
{
	struct failure failure = {};

	failure_set(&failure, NULL, "cannot %s %s: %s", verb, file, strerror(errno));
	return failure_print(&failure);
}

static int write_text(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

static void sync_folder(const char *file)
{
	char folder[PATH_MAX];
	FILE *f;

	snprintf(folder, sizeof(folder), "%s", file);
	f = fopen(dirname(folder), "r");
	if (!f)
		return;
	fsync(fileno(f));
	fclose(f);
}

// Whole or not at all: an interrupted export leaves the earlier file as it was.
static int replace_file(const char *file, const char *text)
{
	char temporary[PATH_MAX];
	struct stat st;
	mode_t mask = umask(0), mode = 0666 & ~mask;
	int fd, saved;

	umask(mask);
	// A device or a pipe, as in /dev/stdout, is written to and not replaced.
	if (stat(file, &st) == 0) {
		if (!S_ISREG(st.st_mode)) {
			FILE *f = fopen(file, "w");
			int rc = f ? fputs(text, f) : -1;

			return (f ? fclose(f) : -1) < 0 || rc < 0 ? -1 : 0;
		}
		mode = st.st_mode & 07777;
	}
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", file) >=
		sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkstemp(temporary);
	if (fd < 0)
		return -1;
	if (write_text(fd, text) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0)
		goto err_written;
	if (close(fd) < 0) {
		fd = -1;
		goto err_written;
	}
	fd = -1;
	if (rename(temporary, file) < 0)
		goto err_written;
	sync_folder(file);
	return 0;

err_written:
	saved = errno;
	if (fd >= 0)
		close(fd);
	unlink(temporary);
	errno = saved;
	return -1;
}

int run_export(struct invocation *inv)
{
	const char *file = inv->options.file;
	json_t *params = inv->params, *result;
	struct failure failure = {};
	struct options exact = inv->options;
	char *text, *line;
	int rc = CTL_DONE;

	// Asked for as it is, not as it is shown: the file has to be exact.
	exact.json = true;
	inv->params = NULL;
	result = client_ask(&exact, inv->command->method, params, &failure);
	if (!result)
		return failure_print(&failure);
	if (is_stream(file)) {
		if (inv->options.json)
			run_print_json(result);
		else
			text_print_json(json_object_get(result, "config"), true);
		json_decref(result);
		return CTL_DONE;
	}
	text = json_dumps(json_object_get(result, "config"), JSON_INDENT(2));
	if (!text || asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	if (!line || replace_file(file, line) < 0)
		rc = fail_file("write", file);
	else if (inv->options.json)
		run_print_json(result);
	else if (!inv->options.quiet)
		printf("wrote %s\n", file);
	free(line);
	free(text);
	json_decref(result);
	return rc;
}

int run_apply(struct invocation *inv)
{
	const char *file = inv->config_file, *name = is_stream(file) ? "standard input" : file;
	FILE *f = is_stream(file) ? stdin : fopen(file, "re");
	struct failure failure = {};
	json_error_t error;
	json_t *config, *result;
	struct stat st;
	int rc;

	if (f && fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) {
		fclose(f);
		f = NULL;
		errno = EISDIR;
	}
	if (!f)
		return fail_file("read", file);
	if (f == stdin && isatty(STDIN_FILENO))
		fputs("reading the configuration from the keyboard, until Ctrl-D\n", stderr);
	config = json_loadf(f, JSON_REJECT_DUPLICATES, &error);
	if (f != stdin)
		fclose(f);
	if (!json_is_object(config)) {
		char *clean = text_clean(config ? "not a JSON object" : error.text);

		failure_set(&failure,
			"vswitchctl export-config, to see what a configuration looks like",
			"%s is not a configuration: line %d: %s", name, config ? 1 : error.line,
			clean);
		free(clean);
		json_decref(config);
		return failure_print(&failure);
	}
	// The whole result of `export-config --json` is taken as well as the document in it.
	if (json_object_size(config) == 1 && json_is_object(json_object_get(config, "config"))) {
		json_t *inner = json_incref(json_object_get(config, "config"));

		json_decref(config);
		config = inner;
	}
	json_object_set_new(inv->params, "config", config);
	result = run_ask(inv, &rc);
	if (!result)
		return rc;
	if (inv->options.json)
		run_print_json(result);
	else
		render_change(result, &inv->options, inv->what_if);
	json_decref(result);
	return CTL_DONE;
}
