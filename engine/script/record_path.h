/* record_path.h -- private to script: names of recordings, with placeholders */
#ifndef MOONDIAL_SCRIPT_RECORD_PATH_H
#define MOONDIAL_SCRIPT_RECORD_PATH_H

#include <limits.h>

#include "call/cdr.h"
#include "script/host.h"

/* FILE with its placeholders filled in from CDR, below the folder of
 * recordings, whose length goes to ROOT. NULL; or the code of an error
 * ("usage", "forbidden"), with a sentence in ERR. */
const char *record_path(const struct scripts *host, const struct cdr *cdr,
			const char *file, char path[PATH_MAX], size_t *root,
			char *err, size_t size);

#endif
