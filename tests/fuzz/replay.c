/*
 * Run a target on files, and on all files of folders. It ends with 2 where
 * there is nothing to run it on.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static int
complain(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return -1;
}

/* How many were run; -1: it was said why not. */
static int
run_file(const char *path, const struct stat *about)
{
	FILE *file = fopen(path, "rb");
	size_t size = (size_t)about->st_size;
	uint8_t *data;

	if (file == NULL)
		return complain(path);
	data = malloc(size + 1);
	assert(data != NULL);
	size = fread(data, 1, size, file);
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

static int
run_folder(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int count = 0;

	if (folder == NULL)
		return complain(path);
	while (count >= 0 && (entry = readdir(folder)) != NULL) {
		char file[4096];
		struct stat about;
		int run;

		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (stat(file, &about) != 0)
			run = complain(file);
		else
			run = S_ISREG(about.st_mode) ? run_file(file, &about)
						     : 0;
		count = run < 0 ? -1 : count + run;
	}
	closedir(folder);
	return count;
}

int
main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		struct stat about;
		int count;

		if (stat(argv[i], &about) != 0)
			count = complain(argv[i]);
		else if (S_ISDIR(about.st_mode))
			count = run_folder(argv[i]);
		else
			count = run_file(argv[i], &about);
		if (count < 0)
			return 2;
		total += count;
	}
	printf("%d inputs\n", total);
	return total > 0 ? 0 : 2;
}
