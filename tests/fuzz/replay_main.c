/* SPDX-License-Identifier: BSD-3-Clause */
// Feeds every file of the directories (or files) named to a fuzz target: the corpus as a test,
// with any compiler.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count;

static int feed_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	struct stat st;
	size_t n = 0;

	if (f == NULL || fstat(fileno(f), &st) != 0) {
		perror(path);
		return 1;
	}
	data = malloc(st.st_size > 0 ? st.st_size : 1); // exactly: sanitizers see one byte past
	if (data != NULL)
		n = fread(data, 1, st.st_size, f);
	fclose(f);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	count++;
	return 0;
}

static int feed(const char *path)
{
	struct stat st;
	struct dirent *e;
	DIR *dir;
	int failed = 0;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return feed_file(path);
	dir = opendir(path);
	if (dir == NULL) {
		perror(path);
		return 1;
	}
	while ((e = readdir(dir)) != NULL) {
		char file[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		failed |= feed_file(file);
	}
	closedir(dir);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= feed(argv[i]);
	printf("%u inputs replayed\n", count);
	return failed || count == 0;
}
