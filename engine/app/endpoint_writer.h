/* endpoint_writer.h -- registrations of endpoints, to and from the database
 *
 * A REGISTER is answered from memory, its row is queued behind that: a disk
 * that is slow or full keeps no telephone from being registered. What a crash
 * takes with it comes again with the telephone's next refresh.
 */
#ifndef MOONDIAL_APP_ENDPOINT_WRITER_H
#define MOONDIAL_APP_ENDPOINT_WRITER_H

#include <cjson/cJSON.h>
#include "sip/registrar/registrar.h"

struct endpoints;
struct store;

/* Write down what has become of BINDING. */
void endpoint_write(struct store *store, const struct binding *binding,
		    enum binding_event event);
void endpoint_write_restart(struct store *store,
			    const struct registrar_restart *restart,
			    unsigned calls);

/* Register again, soon, whom the database knows; unless *ENDPOINTS is NULL by
 * then: the engine has ended. */
void endpoint_read(struct store *store, struct endpoints *const *endpoints);

/* "registered", …; NULL for a refresh. */
const char *binding_event_name(enum binding_event event);
/* "udp:192.0.2.1:5060" into OUT. */
enum { BINDING_SOURCE_SIZE = 64 };
void binding_source_print(char out[BINDING_SOURCE_SIZE], enum sip_transp tp,
			  const struct sa *source);

#endif
