/* status_print.h -- peers of `moondial status`, as tables that people read */
#ifndef MOONDIAL_APP_STATUS_PRINT_H
#define MOONDIAL_APP_STATUS_PRINT_H

#include <cjson/cJSON.h>

/* Accounts, trunks and endpoints of the JSON that the engine has answered
 * `status` with, to standard output. */
void status_print_peers(const cJSON *status);

#endif
