/* strans.h -- server transactions (RFC 3261 17.2, RFC 6026), in libre's place
 *
 * libre keeps the whole request of a transaction that is over for the 32 s in
 * which it may be sent again: 10 KB a call, 1.3 GB at 4,000 calls a second.
 * strans.c defines what libre's strans.o does (sip_strans_alloc() and the
 * like, see re_sip.h), so that the linker leaves that out: once the final
 * response has left, only what recognizes the request, and the response, stay.
 * Everything on the loop thread.
 *
 *   trying ─► proceeding ─┬─ 2xx to INVITE ─► accepted ──────────┐
 *                         ├─ other to INVITE ► completed ─► ACK:  ├─► gone
 *                         │                              confirmed│
 *                         └─ final to others ► completed ─────────┘
 */
#ifndef MOONDIAL_SIP_STRANS_H
#define MOONDIAL_SIP_STRANS_H

#include <stdint.h>

struct sip;
struct strans_table;

/* The transactions of the stack that sip_alloc() makes next. ENOMEM. */
int strans_table_alloc(struct strans_table **tp);
/* Forget all; before the last reference to the sip object goes. */
void strans_table_free(struct strans_table *table);
/* Those that are over, too. */
uint32_t strans_count(const struct strans_table *table);

#endif
