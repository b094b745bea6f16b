/*
 * The bulletin: pages that are read while the next is written. The order holds
 * without a fence, since each word is stored and loaded with its own.
 *
 * Rejected: a lock, which a reader that is preempted would keep from the loop;
 * a sequence lock of one page, whose readers wait for a preempted writer;
 * counters that are atomic each, which add up to nothing at any moment.
 */
#include "loop/bulletin.h"

#include "base/atomics.h"

#include <string.h>

_Static_assert(sizeof(struct gyre__page) == GYRE__PAGE_WORDS * sizeof(uint64_t),
	       "a page is words and nothing else");

void
gyre__bulletin_write(struct gyre__bulletin *bulletin,
		     const struct gyre__page *page)
{
	uint64_t words[GYRE__PAGE_WORDS];
	uint64_t next = bulletin->latest + 1;
	uint64_t *to = bulletin->pages[next % 2];

	memcpy(words, page, sizeof(words));
	for (size_t i = 0; i < GYRE__PAGE_WORDS; i++)
		/* bulletin.W1 release: the number of the page before, which
		 * tells who sees this word that his page is old; pairs with
		 * bulletin.R2 */
		gyre__store_64_release(&to[i], words[i]);
	/* bulletin.W2 release: the page before its number; pairs with
	 * bulletin.R1 */
	gyre__store_64_release(&bulletin->latest, next);
}

void
gyre__bulletin_read(const struct gyre__bulletin *bulletin,
		    struct gyre__page *ret_page)
{
	uint64_t words[GYRE__PAGE_WORDS];
	uint64_t seen;

	do {
		/* bulletin.R1 acquire: the page after its number; pairs with
		 * bulletin.W2 */
		seen = gyre__load_64_acquire(&bulletin->latest);
		for (size_t i = 0; i < GYRE__PAGE_WORDS; i++)
			/* bulletin.R2 acquire: the number after the word, if
			 * it is of a later page; pairs with bulletin.W1 */
			words[i] = gyre__load_64_acquire(
				&bulletin->pages[seen % 2][i]);
		/* bulletin.R3 relaxed: R2 has ordered it */
	} while (gyre__load_64_relaxed(&bulletin->latest) != seen);
	memcpy(ret_page, words, sizeof(words));
}

int64_t
gyre__bulletin_tell(uint64_t *told_ns, int64_t now_ns)
{
	/* bulletin.T1 relaxed: a guess, which the exchange verifies */
	uint64_t told = gyre__load_64_relaxed(told_ns);

	do {
		if ((int64_t)told >= now_ns)
			return (int64_t)told;
		/* bulletin.T2 relaxed: it orders nothing but itself */
	} while (!gyre__cas_64_relaxed(told_ns, &told, (uint64_t)now_ns));
	return now_ns;
}
