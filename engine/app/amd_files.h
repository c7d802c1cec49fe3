/* amd_files.h -- recordings on the command line, and what is in them
 *
 * A folder stands for all WAVs beneath it. What a recording is, is told by the
 * labels.csv beside it (a header with the columns file and label; others are
 * left alone), else by the name of its folder: human/…, machine/….
 */
#ifndef MOONDIAL_APP_AMD_FILES_H
#define MOONDIAL_APP_AMD_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include "media/detect/detect.h"

struct amd_file {
	char *path;
	enum detect_kind label; /* DETECT_NONE: nobody says */
};

struct amd_files {
	struct amd_file *list;
	size_t count, size;
};

/* The files of COUNT words, folders' in order of their names. False: a message
 * in ERR. Freed by amd_files_free() in any case. */
bool amd_files_find(struct amd_files *files, char *const *words, int count,
		    char *err, size_t size);
/* Those that were kept of the calls in a database (of CAMPAIGN, NULL: all).
 * What they are the agents have said, if there were any: a disposition that is
 * a kind, or else that it was a person. */
bool amd_files_kept(struct amd_files *files, const char *db,
		    const char *campaign, char *err, size_t size);
void amd_files_free(struct amd_files *files);

#endif
