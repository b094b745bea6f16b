/* A user of the c-ares resolver: a number needs no name server. */
#include <gyre/gyre.h>
#include <gyre_cares.h>

int
main(void)
{
	struct gyre_cares *cares;
	struct gyre_future *lookup;
	struct gyre_loop *loop;
	void *addresses;

	if (gyre_loop_new(NULL, &loop) < 0 ||
	    gyre_cares_new(loop, NULL, &cares) < 0)
		return 1;
	lookup = gyre_net_resolve(
		loop, &(struct gyre_resolve_options){
			      .host = "127.0.0.1",
			      .resolver = gyre_cares_resolver(cares) });
	if (lookup == NULL || gyre_future_result(lookup, &addresses) < 0)
		return 1;
	gyre_addresses_free(addresses);
	gyre_future_unref(lookup);
	gyre_cares_free(cares);
	gyre_loop_close(loop, false);
	gyre_loop_free(loop);
	return 0;
}
