/* detection_list.h -- recordings that were kept of what answered, and what
 * agents have said that it was
 */
#ifndef MOONDIAL_STORE_DETECTION_LIST_H
#define MOONDIAL_STORE_DETECTION_LIST_H

#include <stddef.h>

/* AGENT: who talked to it, NULL: nobody; DISPOSITION: what came of the call.
 * False stops. */
typedef int(detection_list_h)(const char *file, const char *agent,
			      const char *disposition, void *arg);

/* Those of the database at PATH, of CAMPAIGN (NULL: all), oldest first. On
 * failure an errno value (or what the handler has returned), and a message in
 * ERR. */
int detection_list(const char *path, const char *campaign,
		   detection_list_h *handler, void *arg, char *err,
		   size_t size);

#endif
