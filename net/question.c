/*
 * Names come from anywhere, so they are looked at before anybody is asked: one
 * with a NUL in it would be taken for another, and a port above 65535 for a
 * smaller one.
 */
#include "net/question.h"

#include "net/address.h"
#include "net/addresses.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PORT_MAX 65535

/* With these a numeric host is still itself. */
#define HARMLESS_FLAGS                                                 \
	(AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_NUMERICSERV | \
	 AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG)

/* No space, no control character, and so no NUL. */
static bool
is_clean(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return false;
	return true;
}

static bool
is_number(const char *text)
{
	return text[strspn(text, "0123456789")] == '\0';
}

static const char *
read_host(const struct gyre_resolve_options *options,
	  struct gyre__question *question)
{
	size_t length = options->host_length;

	if (options->host == NULL)
		return NULL;
	if (length == 0)
		length = strnlen(options->host, GYRE_HOST_MAX + 1);
	if (length == 0)
		return "the host is empty";
	if (length > GYRE_HOST_MAX)
		return "the host is too long";
	if (!is_clean(options->host, length))
		return "the host has a space, a NUL or a control character";
	question->has_host = true;
	memcpy(question->host, options->host, length);
	return NULL;
}

static const char *
read_service(const struct gyre_resolve_options *options,
	     struct gyre__question *question)
{
	size_t length;

	if (options->service == NULL)
		return NULL;
	length = strnlen(options->service, GYRE_SERVICE_MAX + 1);
	if (length == 0)
		return "the service is empty";
	if (length > GYRE_SERVICE_MAX)
		return "the service is too long";
	if (!is_clean(options->service, length))
		return "the service has a space or a control character";
	question->has_service = true;
	memcpy(question->service, options->service, length);
	if (is_number(question->service) &&
	    strtoul(question->service, NULL, 10) > PORT_MAX)
		return "the service is no port";
	return NULL;
}

int
gyre__question_read(const struct gyre_resolve_options *options,
		    struct gyre__question *ret_question,
		    const char **ret_reason)
{
	struct gyre__question question = {
		.family = options->family,
		.type = options->type != 0 ? options->type : SOCK_STREAM,
		.flags = options->flags,
	};
	const char *reason = read_host(options, &question);

	if (reason == NULL)
		reason = read_service(options, &question);
	if (reason == NULL && !question.has_host && !question.has_service)
		reason = "there is neither a host nor a service";
	if (reason != NULL) {
		*ret_reason = reason;
		return -EINVAL;
	}
	*ret_question = question;
	return 0;
}

/* Whether a numeric host would be the whole answer. */
static bool
is_plain(const struct gyre__question *question)
{
	return question->has_host && (question->flags & ~HARMLESS_FLAGS) == 0 &&
	       (question->type == SOCK_STREAM ||
		question->type == SOCK_DGRAM) &&
	       (!question->has_service || is_number(question->service));
}

int
gyre__question_answer(const struct gyre__question *question,
		      const struct gyre_sys *sys,
		      struct gyre_addresses **ret_addresses)
{
	struct gyre__address address;
	struct gyre_address item;
	uint16_t port = 0;

	if (!is_plain(question))
		return -EAGAIN;
	if (question->has_service)
		port = (uint16_t)strtoul(question->service, NULL, 10);
	if (gyre__address_parse(question->host, port, &address) < 0)
		return -EAGAIN;
	if (question->family != AF_UNSPEC &&
	    question->family != address.storage.ss_family)
		return -EAGAIN;
	item.sockaddr = (struct sockaddr *)&address.storage;
	item.length = address.length;
	return gyre__addresses_new(
		sys, &item, 1,
		question->flags & AI_CANONNAME ? question->host : NULL,
		ret_addresses);
}

const char *
gyre__question_name(const struct gyre__question *question)
{
	return question->has_host ? question->host : "this machine";
}
