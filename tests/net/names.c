/* The table of names, and the gate before it. */
#include "tests/net/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define MANY 300

struct names names;

static atomic_uint live_lists;
static pthread_t first_thread;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

struct entry {
	struct addrinfo info;
	struct sockaddr_storage storage;
};

/* Put an entry before a list. */
static struct addrinfo *
add(struct addrinfo *next, const struct sockaddr *sockaddr, socklen_t length)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	memcpy(&entry->storage, sockaddr, length);
	entry->info.ai_family = sockaddr->sa_family;
	entry->info.ai_addr = (struct sockaddr *)&entry->storage;
	entry->info.ai_addrlen = length;
	entry->info.ai_next = next;
	return &entry->info;
}

static struct addrinfo *
add_v4(struct addrinfo *next, const char *text, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, text, &in.sin_addr);
	return add(next, (struct sockaddr *)&in, sizeof(in));
}

static struct addrinfo *
add_v6(struct addrinfo *next, const char *text, int port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port) };

	inet_pton(AF_INET6, text, &in6.sin6_addr);
	return add(next, (struct sockaddr *)&in6, sizeof(in6));
}

static struct addrinfo *
add_path(struct addrinfo *next)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	return add(next, (struct sockaddr *)&un, sizeof(un));
}

/* 192.0.2.0 and up, in order; the last octet wraps. */
static struct addrinfo *
add_many(void)
{
	struct addrinfo *list = NULL;
	char text[16];

	for (int i = MANY; i-- > 0;) {
		snprintf(text, sizeof(text), "192.0.2.%d", i % 256);
		list = add_v4(list, text, 0);
	}
	return list;
}

static struct addrinfo *
find(const char *host, int port)
{
	if (strcmp(host, "two.test") == 0)
		return add_v6(add_v4(NULL, "192.0.2.2", port), "2001:db8::2",
			      port);
	if (strcmp(host, "mixed.test") == 0)
		return add_path(add_v4(NULL, "192.0.2.1", port));
	if (strcmp(host, "unix.test") == 0)
		return add_path(NULL);
	if (strcmp(host, "many.test") == 0)
		return add_many();
	return add_v4(NULL, "192.0.2.1", port);
}

static void
note(const char *host, const char *service, const struct addrinfo *hints)
{
	names.asked++;
	names.asked_elsewhere = !pthread_equal(pthread_self(), first_thread);
	snprintf(names.host, sizeof(names.host), "%s",
		 host != NULL ? host : "(none)");
	snprintf(names.service, sizeof(names.service), "%s",
		 service != NULL ? service : "(none)");
	names.family = hints->ai_family;
	names.type = hints->ai_socktype;
	names.flags = hints->ai_flags;
}

int
names_getaddrinfo(const char *host, const char *service,
		  const struct addrinfo *hints, struct addrinfo **ret_list)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	note(host, service, hints);
	if (names.on_ask != NULL)
		names.on_ask();
	if (names.answer != 0) {
		errno = names.system_error;
		return names.answer;
	}
	*ret_list = find(names.host, service != NULL ? atoi(service) : 0);
	if (hints->ai_flags & AI_CANONNAME)
		(*ret_list)->ai_canonname = strdup("canonical.test");
	atomic_fetch_add(&live_lists, 1);
	return 0;
}

void
names_freeaddrinfo(struct addrinfo *list)
{
	atomic_fetch_sub(&live_lists, 1);
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;

		free(list->ai_canonname);
		free(list);
		list = next;
	}
}

void
names_reset(void)
{
	names = (struct names){ 0 };
	first_thread = pthread_self();
}

unsigned
names_live_lists(void)
{
	return atomic_load(&live_lists);
}

void
names_close_gate(void)
{
	pthread_mutex_lock(&gate);
}

void
names_open_gate(void)
{
	pthread_mutex_unlock(&gate);
}
