/* check.h -- `moondial check SCRIPT`: what is wrong with a script and with the
 * campaigns in it */
#ifndef MOONDIAL_APP_CHECK_H
#define MOONDIAL_APP_CHECK_H

#include <stdbool.h>

struct config;

/* Load the script FILE with nothing to act on (no network, no database), and
 * look at its campaigns (lua/moondial/campaign/check.lua). CONFIGURED: CONFIG
 * is a file's, so that what it doesn't define isn't there. Errors and warnings
 * are printed. False: there were errors. */
bool check_script(const struct config *config, bool configured,
		  const char *file);

#endif
