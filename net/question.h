/*
 * What is looked up: the caller's options, looked at and copied, so that it may
 * go to another thread.
 */
#ifndef GYRE_NET_QUESTION_H
#define GYRE_NET_QUESTION_H

#include <gyre/resolve.h>

struct gyre_sys;

struct gyre__question {
	bool has_host;
	bool has_service;
	char host[GYRE_HOST_MAX + 1];
	char service[GYRE_SERVICE_MAX + 1];
	int family;
	int type;
	int flags;
};

/*
 * Copy what the options ask.
 *
 * Errors: -EINVAL with what is wrong in ret_reason
 */
int gyre__question_read(const struct gyre_resolve_options *options,
			struct gyre__question *ret_question,
			const char **ret_reason);

/*
 * Answer a question that nobody need be asked: a numeric host, with a numeric
 * service or none.
 *
 * Errors: -EAGAIN it is not such a one; -ENOMEM
 */
int gyre__question_answer(const struct gyre__question *question,
			  const struct gyre_sys *sys,
			  struct gyre_addresses **ret_addresses);

/* The host, or what stands for it in a message. */
const char *gyre__question_name(const struct gyre__question *question);

#endif
