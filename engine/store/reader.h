/* reader.h -- the thread for long reads
 *
 * A connection that can't write, so that a report never holds up a CDR. Each
 * read has a time limit. Readers see what was committed when they began.
 */
#ifndef MOONDIAL_STORE_READER_H
#define MOONDIAL_STORE_READER_H

#include "base/mailbox.h"

struct connection;
struct reader;
struct request;

/* As writer_start(). */
int reader_start(struct reader **rp, struct connection *conn,
		 struct mailbox *answers);
void reader_post(struct reader *reader, struct request *req);

/* End what is queued (the running one too: code "closed"), join. */
void reader_stop(struct reader *reader, struct request *stop);

#endif
