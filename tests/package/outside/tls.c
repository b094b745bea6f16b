/* A user of TLS. */
#include <gyre/gyre.h>
#include <gyre_tls.h>

int
main(void)
{
	const struct gyre_tls_options options = { .role = GYRE_TLS_CLIENT };
	struct gyre_tls *tls;

	if (gyre_tls_new(&options, &tls) < 0)
		return 1;
	gyre_tls_unref(tls);
	return 0;
}
