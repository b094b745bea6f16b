/* A member is one allocation, its name behind the table's node. */
#include "set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "keyhash.h"

struct set *
set_new(struct budget *budget)
{
	struct set *set = malloc(sizeof(*set));

	if (set == NULL)
		return NULL;
	*set = (struct set){ .object = { .type = OBJECT_SET } };
	keytable_init(&set->members, offsetof(struct member, name), budget);
	budget_add(budget, budget_size(sizeof(*set)));
	return set;
}

struct member *
set_find(const struct set *set, const struct arg *name)
{
	return (struct member *)keytable_find(&set->members,
					      keyhash_bucket(name->hash),
					      name->data, name->length);
}

static size_t
member_size(const struct member *member)
{
	return budget_size(sizeof(*member) + member->node.length);
}

static void
free_member(struct set *set, struct member *member)
{
	set->members_memory -= member_size(member);
	budget_sub(set->members.budget, member_size(member));
	free(member);
}

int
set_add(struct set *set, const struct arg *name)
{
	struct member *member = set_find(set, name);

	if (member != NULL)
		return 0;
	member = malloc(sizeof(*member) + name->length);
	if (member == NULL)
		return -ENOMEM;
	member->node.hash = keyhash_bucket(name->hash);
	member->node.length = (uint32_t)name->length;
	if (name->length > 0)
		memcpy(member->name, name->data, name->length);
	set->members_memory += member_size(member);
	budget_add(set->members.budget, member_size(member));
	if (keytable_add(&set->members, &member->node) < 0) {
		free_member(set, member);
		return -ENOMEM;
	}
	return 1;
}

bool
set_remove(struct set *set, const struct arg *name)
{
	struct member *member = set_find(set, name);

	if (member == NULL)
		return false;
	keytable_remove(&set->members, &member->node);
	free_member(set, member);
	return true;
}

size_t
set_memory(const struct set *set)
{
	return budget_size(sizeof(*set)) + set->members_memory +
	       keytable_memory(&set->members);
}

bool
set_free_piece(struct set *set, size_t *left)
{
	struct keytable_node *node;

	for (; set->members.count > 0; --*left) {
		if (*left == 0)
			return false;
		node = keytable_pop(&set->members);
		free_member(set, (struct member *)node);
	}
	keytable_free(&set->members);
	budget_sub(set->members.budget, budget_size(sizeof(*set)));
	free(set);
	return true;
}
