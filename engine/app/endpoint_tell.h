/* endpoint_tell.h -- what scripts hear of endpoints
 *
 * moon.on("endpoint", …) and moon.on("endpoint_restarted", …); times in
 * seconds. SCRIPTS may be NULL.
 */
#ifndef MOONDIAL_APP_ENDPOINT_TELL_H
#define MOONDIAL_APP_ENDPOINT_TELL_H

#include "sip/registrar/registrar.h"

struct scripts;

/* Refreshes are not told. */
void endpoint_tell(struct scripts *scripts, const struct binding *binding,
		   enum binding_event event);
void endpoint_tell_restart(struct scripts *scripts,
			   const struct registrar_restart *restart,
			   unsigned calls);

#endif
