/*
 * A control group is a path below a mount; what is mounted may itself be a
 * group in the midst of the hierarchy, as in a container. Whatever cannot be
 * read or understood limits nothing: a quota is a reason to be careful with
 * pins, and none to refuse to start.
 */
#include "runtime/quota.h"

#include "runtime/small_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096u

/* One hierarchy with CPU limits. */
struct hierarchy {
	bool is_v2;
	char root[PATH_BYTES];  /* the group that is mounted */
	char mount[PATH_BYTES]; /* and where */
	char group[PATH_BYTES]; /* the process's */
};

struct scratch {
	char text[GYRE__SMALL_FILE_BYTES];
	char path[2 * PATH_BYTES + 64];
	struct hierarchy hierarchy;
};

/* -- finding the group --------------------------------------------------- */

/* Whether a list that commas part has the word. */
static bool
has_word(const char *list, size_t length, const char *word)
{
	size_t wanted = strlen(word);

	while (length >= wanted) {
		const char *comma = memchr(list, ',', length);
		size_t one = comma != NULL ? (size_t)(comma - list) : length;

		if (one == wanted && memcmp(list, word, wanted) == 0)
			return true;
		if (comma == NULL)
			return false;
		length -= one + 1;
		list = comma + 1;
	}
	return false;
}

static void
copy(char *ret, const char *text, size_t length)
{
	if (length >= PATH_BYTES)
		length = PATH_BYTES - 1;
	memcpy(ret, text, length);
	ret[length] = '\0';
}

/* "5:cpu,cpuacct:/path" or "0::/path": the one with the CPU limits. */
static bool
find_group(char *text, struct hierarchy *hierarchy)
{
	for (char *line = strtok(text, "\n"); line != NULL;
	     line = strtok(NULL, "\n")) {
		char *controllers = strchr(line, ':');
		char *path = controllers != NULL ? strchr(controllers + 1, ':')
						 : NULL;
		size_t length;

		if (path == NULL)
			continue;
		length = (size_t)(path - controllers - 1);
		if (hierarchy->is_v2
			    ? length != 0
			    : !has_word(controllers + 1, length, "cpu"))
			continue;
		copy(hierarchy->group, path + 1, strlen(path + 1));
		return true;
	}
	return false;
}

/* "31 23 0:28 ROOT MOUNT options ... - TYPE source options" */
static bool
take_mount(const char *line, struct hierarchy *hierarchy)
{
	const char *type = strstr(line, " - ");
	char root[PATH_BYTES], mount[PATH_BYTES], name[32], options[256];

	if (type == NULL ||
	    sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) != 2 ||
	    sscanf(type, " - %31s %*s %255s", name, options) != 2)
		return false;
	if (hierarchy->is_v2
		    ? strcmp(name, "cgroup2") != 0
		    : strcmp(name, "cgroup") != 0 ||
			      !has_word(options, strlen(options), "cpu"))
		return false;
	copy(hierarchy->root, root, strlen(root));
	copy(hierarchy->mount, mount, strlen(mount));
	return true;
}

static bool
find_mount(char *text, struct hierarchy *hierarchy)
{
	for (char *line = strtok(text, "\n"); line != NULL;
	     line = strtok(NULL, "\n"))
		if (take_mount(line, hierarchy))
			return true;
	return false;
}

/* What of the group's path is below the mount; a group that is not seen from
 * here counts as what is mounted. */
static const char *
path_below(const struct hierarchy *hierarchy)
{
	size_t length = strlen(hierarchy->root);

	if (strcmp(hierarchy->root, "/") == 0)
		return hierarchy->group;
	if (strncmp(hierarchy->group, hierarchy->root, length) == 0 &&
	    (hierarchy->group[length] == '/' ||
	     hierarchy->group[length] == '\0'))
		return hierarchy->group + length;
	return "";
}

/* -- reading limits ------------------------------------------------------ */

/* Time in each period, as thousandths; 0: it makes no sense. */
static unsigned
share(long long quota_us, long long period_us)
{
	long long milli;

	if (quota_us <= 0 || period_us <= 0 || quota_us > INT64_MAX / 1000)
		return 0;
	milli = quota_us * 1000 / period_us;
	if (milli > 1000000000)
		return 0;
	return milli > 0 ? (unsigned)milli : 1;
}

/* "max 100000" or "50000 100000" */
static unsigned
limit_v2(const struct gyre_sys *sys, struct scratch *scratch, size_t length)
{
	long long quota_us, period_us;

	snprintf(scratch->path + length, sizeof(scratch->path) - length,
		 "/cpu.max");
	if (gyre__small_file_read(sys, scratch->path, scratch->text,
				  sizeof(scratch->text)) < 0 ||
	    sscanf(scratch->text, "%lld %lld", &quota_us, &period_us) != 2)
		return 0;
	return share(quota_us, period_us);
}

static long long
read_us(const struct gyre_sys *sys, struct scratch *scratch, size_t length,
	const char *name)
{
	long long us;

	snprintf(scratch->path + length, sizeof(scratch->path) - length, "%s",
		 name);
	if (gyre__small_file_read(sys, scratch->path, scratch->text,
				  sizeof(scratch->text)) < 0 ||
	    sscanf(scratch->text, "%lld", &us) != 1)
		return 0;
	return us;
}

static unsigned
limit_v1(const struct gyre_sys *sys, struct scratch *scratch, size_t length)
{
	return share(read_us(sys, scratch, length, "/cpu.cfs_quota_us"),
		     read_us(sys, scratch, length, "/cpu.cfs_period_us"));
}

static unsigned
tighter(unsigned one, unsigned other)
{
	if (one == 0 || other == 0)
		return one + other;
	return one < other ? one : other;
}

/* From the group up to what is mounted. */
static unsigned
tightest(const struct gyre_sys *sys, struct scratch *scratch)
{
	const struct hierarchy *hierarchy = &scratch->hierarchy;
	size_t top = strlen(hierarchy->mount);
	size_t length =
		(size_t)snprintf(scratch->path, sizeof(scratch->path), "%s%s",
				 hierarchy->mount, path_below(hierarchy));
	unsigned limit = 0;

	for (;;) {
		while (length > top && scratch->path[length - 1] == '/')
			length--;
		limit = tighter(limit,
				hierarchy->is_v2
					? limit_v2(sys, scratch, length)
					: limit_v1(sys, scratch, length));
		if (length <= top)
			return limit;
		while (length > top && scratch->path[length - 1] != '/')
			length--;
	}
}

static unsigned
quota_of(const struct gyre_sys *sys, struct scratch *scratch, bool is_v2)
{
	scratch->hierarchy.is_v2 = is_v2;
	if (gyre__small_file_read(sys, "/proc/self/cgroup", scratch->text,
				  sizeof(scratch->text)) < 0 ||
	    !find_group(scratch->text, &scratch->hierarchy))
		return 0;
	if (gyre__small_file_read(sys, "/proc/self/mountinfo", scratch->text,
				  sizeof(scratch->text)) < 0 ||
	    !find_mount(scratch->text, &scratch->hierarchy))
		return 0;
	return tightest(sys, scratch);
}

int
gyre__quota_read(const struct gyre_sys *sys, unsigned *ret_milli)
{
	struct scratch *scratch = gyre__allocate(sys, sizeof(*scratch), 0);

	if (scratch == NULL)
		return -ENOMEM;
	*ret_milli = tighter(quota_of(sys, scratch, true),
			     quota_of(sys, scratch, false));
	sys->release(scratch);
	return 0;
}
