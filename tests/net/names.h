/*
 * A getaddrinfo() that knows a few names and notes what it was asked.
 */
#ifndef GYRE_TESTS_NET_NAMES_H
#define GYRE_TESTS_NET_NAMES_H

#include <netdb.h>
#include <stdbool.h>

/* "two.test" has two addresses, "mixed.test" one beside a path, "unix.test" a
 * path alone, "many.test" more than are wanted; others have one. */
int names_getaddrinfo(const char *host, const char *service,
		      const struct addrinfo *hints, struct addrinfo **ret_list);
void names_freeaddrinfo(struct addrinfo *list);

struct names {
	/* What to answer in place of addresses, and errno with EAI_SYSTEM. */
	int answer;
	int system_error;
	void (*on_ask)(void); /* may be NULL */
	/* What the last one asked. */
	unsigned asked;
	bool asked_elsewhere; /* not on the thread of names_reset() */
	char host[256];
	char service[32];
	int family;
	int type;
	int flags;
};

/* One lookup at a time, or it is told by a gate. */
extern struct names names;

void names_reset(void);
unsigned names_live_lists(void);

/* While the gate is shut, who asks waits. */
void names_close_gate(void);
void names_open_gate(void);

#endif
