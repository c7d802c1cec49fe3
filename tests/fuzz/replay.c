/* replay.c -- runs a fuzz target over the files of folders, without libFuzzer
 *
 * So that what a fuzzer once found stays found, in every build.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static int die(const char *what, const char *path)
{
	fprintf(stderr, "%s: ", path);
	perror(what);
	return 1;
}

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes, *exact;
	size_t size;
	long end;

	if (!file || fseek(file, 0, SEEK_END) || (end = ftell(file)) < 0)
		return die("read", path);
	rewind(file);
	bytes = malloc((size_t)end + 1);
	if (!bytes)
		return die("malloc", path);
	size = fread(bytes, 1, (size_t)end, file);
	fclose(file);
	/* A block of exactly its size, so that reading beyond it is seen. */
	exact = realloc(bytes, size ? size : 1);
	(void)LLVMFuzzerTestOneInput(exact ? exact : bytes, size);
	free(exact ? exact : bytes);
	return 0;
}

static int run_folder(const char *folder, unsigned *count)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort);
	int err = n < 0 ? die("open", folder) : 0;

	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", folder,
			 entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && !err) {
			fprintf(stderr, "%s\n", path);
			err = run_file(path);
			++*count;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return err;
}

int main(int argc, char *argv[])
{
	unsigned count = 0;
	int err = 0;

	if (LLVMFuzzerInitialize)
		(void)LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc && !err; i++)
		err = run_folder(argv[i], &count);
	if (!err && !count) {
		fprintf(stderr, "no input was found\n");
		err = 1;
	}
	if (!err)
		fprintf(stderr, "%u inputs, nothing found\n", count);
	return err;
}
