/*
 * The addresses, the names of their parts and the canonical name are one
 * allocation, so that one free is enough and nothing can be forgotten.
 */
#include "net/addresses.h"

#include "base/check.h"
#include "base/sys.h"
#include "bus/future.h"
#include "loop/loop.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

struct block {
	struct gyre_addresses addresses;
	const struct gyre_sys *sys;
	struct gyre_address *items;        /* behind the storage */
	struct sockaddr_storage storage[]; /* the name is behind the items */
};

static size_t
name_bytes(const char *name)
{
	return name != NULL ? strlen(name) + 1 : 0;
}

/* Room for so many addresses, of which none is there yet. */
static struct block *
new_block(const struct gyre_sys *sys, size_t room, const char *name)
{
	size_t bytes = sizeof(struct block) +
		       room * (sizeof(struct sockaddr_storage) +
			       sizeof(struct gyre_address)) +
		       name_bytes(name);
	struct block *block = gyre__allocate(sys, bytes, 0);

	if (block == NULL)
		return NULL;
	block->sys = sys;
	block->items = (struct gyre_address *)(block->storage + room);
	block->addresses.items = block->items;
	if (name != NULL)
		block->addresses.canonical_name =
			memcpy(block->items + room, name, name_bytes(name));
	return block;
}

static void
add(struct block *block, const struct sockaddr *sockaddr, size_t length)
{
	size_t at = block->addresses.count++;

	GYRE_INSIST(length <= sizeof(block->storage[at]));
	memcpy(&block->storage[at], sockaddr, length);
	block->items[at].sockaddr = (struct sockaddr *)&block->storage[at];
	block->items[at].length = length;
}

int
gyre__addresses_new(const struct gyre_sys *sys,
		    const struct gyre_address *items, size_t count,
		    const char *canonical_name,
		    struct gyre_addresses **ret_addresses)
{
	struct block *block;

	if (count == 0 || count > GYRE_ADDRESSES_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (items[i].length > sizeof(struct sockaddr_storage))
			return -EINVAL;
	block = new_block(sys, count, canonical_name);
	if (block == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		add(block, items[i].sockaddr, items[i].length);
	*ret_addresses = &block->addresses;
	return 0;
}

static bool
is_ip(const struct addrinfo *info)
{
	return info->ai_addr != NULL &&
	       info->ai_addrlen <= sizeof(struct sockaddr_storage) &&
	       (info->ai_family == AF_INET || info->ai_family == AF_INET6);
}

int
gyre__addresses_of_list(const struct gyre_sys *sys, const struct addrinfo *list,
			struct gyre_addresses **ret_addresses)
{
	const struct addrinfo *info;
	struct block *block;
	size_t count = 0;

	for (info = list; info != NULL; info = info->ai_next)
		count += is_ip(info);
	if (count == 0)
		return -ENOENT;
	if (count > GYRE_ADDRESSES_MAX)
		count = GYRE_ADDRESSES_MAX;
	block = new_block(sys, count, list->ai_canonname);
	if (block == NULL)
		return -ENOMEM;
	for (info = list; block->addresses.count < count; info = info->ai_next)
		if (is_ip(info))
			add(block, info->ai_addr, info->ai_addrlen);
	*ret_addresses = &block->addresses;
	return 0;
}

/* -- public --------------------------------------------------------------- */

static void
free_addresses(void *addresses)
{
	gyre_addresses_free(addresses);
}

struct gyre_future *
gyre_addresses_future(struct gyre_loop *loop)
{
	if (gyre__loop_refusal(loop) < 0)
		return NULL;
	return gyre__future_new_owning(gyre__loop_sys(loop),
				       gyre_loop_inbox(loop), free_addresses);
}

int
gyre_addresses_new(const struct gyre_address *items, size_t count,
		   const char *canonical_name,
		   struct gyre_addresses **ret_addresses)
{
	GYRE_REQUIRE(ret_addresses != NULL && (items != NULL || count == 0));
	return gyre__addresses_new(&gyre__sys_default, items, count,
				   canonical_name, ret_addresses);
}

void
gyre_addresses_free(struct gyre_addresses *addresses)
{
	struct block *block = (struct block *)addresses;

	if (block != NULL)
		block->sys->release(block);
}
