/* endpoint_ask.h -- users that a script knows: moon.on_register
 *
 * What its function returns is an endpoint's table, checked as one of the
 * configuration. When it fails, or takes too long, the telephone gets 503.
 */
#ifndef MOONDIAL_APP_ENDPOINT_ASK_H
#define MOONDIAL_APP_ENDPOINT_ASK_H

#include <stdbool.h>

struct engine;
struct registrar_query;

/* False: it can't be asked. */
bool endpoint_ask(const struct engine *engine,
		  const struct registrar_query *query);

#endif
