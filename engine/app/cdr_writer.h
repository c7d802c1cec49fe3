/* cdr_writer.h -- CDRs from the calls to the database */
#ifndef MOONDIAL_APP_CDR_WRITER_H
#define MOONDIAL_APP_CDR_WRITER_H

struct cdr;
struct store;

/* Insert the row of a call that begins. Returns at once; an error of the
 * database is logged with the call's id. */
void cdr_write_begun(struct store *store, const struct cdr *cdr);

/* Complete the row of a call that is over. */
void cdr_write_ended(struct store *store, const struct cdr *cdr);

#endif
