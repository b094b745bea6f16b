/*
 * Reads the JSON of a control socket; names that it does not know it skips.
 */
#include "sample.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2^53 is where a double ends to tell numbers apart: 104 days of ns. */
static uint64_t
number(const cJSON *object, const char *name)
{
	double value = cJSON_GetNumberValue(cJSON_GetObjectItem(object, name));

	return value > 0 && value < 1.8e19 ? (uint64_t)value : 0;
}

static void
read_times(const cJSON *object, const char *name, struct times *ret)
{
	const cJSON *times = cJSON_GetObjectItem(object, name);

	ret->p50_ns = number(times, "p50_ns");
	ret->p99_ns = number(times, "p99_ns");
	ret->max_ns = number(times, "max_ns");
}

static void
read_loop(const cJSON *json, struct loop_sample *loop)
{
	const cJSON *cpu = cJSON_GetObjectItem(json, "cpu");

	loop->cpu = cJSON_IsNumber(cpu) ? cpu->valueint : -1;
	loop->connections = number(json, "connections");
	loop->iterations = number(json, "iterations");
	loop->waiting = number(json, "waiting");
	loop->rings = number(json, "rings");
	loop->timeouts_run = number(json, "timeouts_run");
	loop->timeouts_waiting = number(json, "timeouts_waiting");
	loop->busy_ns = number(json, "busy_ns");
	loop->spinning_ns = number(json, "spinning_ns");
	loop->stalls = number(json, "stalls");
	read_times(json, "queue_delay", &loop->lag);
}

static void
read_text(const cJSON *object, const char *name, char *ret_text, size_t size)
{
	const char *text =
		cJSON_GetStringValue(cJSON_GetObjectItem(object, name));

	snprintf(ret_text, size, "%s", text != NULL ? text : "?");
}

static void
read_lane(const cJSON *json, struct lane_sample *lane)
{
	read_text(json, "lane", lane->name, sizeof(lane->name));
	lane->threads = (unsigned)number(json, "threads");
	lane->running = number(json, "running");
	lane->waiting = number(json, "waiting");
	lane->run = number(json, "run");
	lane->refused = number(json, "refused");
	read_times(json, "queue_delay", &lane->delay);
}

static void
read_stall(const cJSON *json, struct stall_sample *stall)
{
	stall->loop = (unsigned)number(json, "shard");
	read_text(json, "kind", stall->kind, sizeof(stall->kind));
	read_text(json, "callback", stall->callback, sizeof(stall->callback));
	read_text(json, "wait", stall->wait, sizeof(stall->wait));
	stall->began_ns = (int64_t)number(json, "began_ns");
	stall->duration_ns = number(json, "duration_ns");
	stall->is_over = number(json, "is_over") != 0;
}

static void
read_matrix(const cJSON *rows, struct sample *sample)
{
	for (unsigned from = 0; from < sample->loops_count; from++)
		for (unsigned to = 0; to < sample->loops_count; to++) {
			double value = cJSON_GetNumberValue(cJSON_GetArrayItem(
				cJSON_GetArrayItem(rows, (int)from), (int)to));

			sample->sent[from * sample->loops_count + to] =
				value > 0 ? (uint64_t)value : 0;
		}
}

static int
read_parts(const cJSON *json, struct sample *sample)
{
	const cJSON *loops = cJSON_GetObjectItem(json, "shards");
	const cJSON *lanes = cJSON_GetObjectItem(json, "lanes");
	const cJSON *stalls = cJSON_GetObjectItem(json, "stalls");
	unsigned i = 0;
	const cJSON *item;

	sample->loops_count = (unsigned)cJSON_GetArraySize(loops);
	sample->lanes_count = (unsigned)cJSON_GetArraySize(lanes);
	sample->stalls_count = (unsigned)cJSON_GetArraySize(stalls);
	sample->loops = calloc(sample->loops_count + 1, sizeof(*sample->loops));
	sample->lanes = calloc(sample->lanes_count + 1, sizeof(*sample->lanes));
	sample->stalls =
		calloc(sample->stalls_count + 1, sizeof(*sample->stalls));
	sample->sent =
		calloc((size_t)sample->loops_count * sample->loops_count + 1,
		       sizeof(*sample->sent));
	if (sample->loops == NULL || sample->lanes == NULL ||
	    sample->stalls == NULL || sample->sent == NULL)
		return -1;
	cJSON_ArrayForEach(item, loops) read_loop(item, &sample->loops[i++]);
	i = 0;
	cJSON_ArrayForEach(item, lanes) read_lane(item, &sample->lanes[i++]);
	i = 0;
	cJSON_ArrayForEach(item, stalls) read_stall(item, &sample->stalls[i++]);
	read_matrix(cJSON_GetObjectItem(json, "sent"), sample);
	return 0;
}

static int
read_json(const cJSON *json, struct sample *sample, char *ret_error,
	  size_t error_bytes)
{
	const char *version =
		cJSON_GetStringValue(cJSON_GetObjectItem(json, "gyre"));
	const char *error =
		cJSON_GetStringValue(cJSON_GetObjectItem(json, "error"));
	const char *phase =
		cJSON_GetStringValue(cJSON_GetObjectItem(json, "phase"));
	uint64_t protocol = number(json, "protocol");

	if (protocol != SAMPLE_PROTOCOL)
		snprintf(ret_error, error_bytes,
			 "the process is of gyre %s and speaks version %llu; "
			 "this is for version %d",
			 version != NULL ? version : "?",
			 (unsigned long long)protocol, SAMPLE_PROTOCOL);
	else if (error != NULL)
		snprintf(ret_error, error_bytes, "the process says: %s", error);
	else if (read_parts(json, sample) < 0)
		snprintf(ret_error, error_bytes, "no memory");
	else {
		sample->pid = (int64_t)number(json, "pid");
		sample->now_ns = (int64_t)number(json, "now_ns");
		snprintf(sample->version, sizeof(sample->version), "%s",
			 version != NULL ? version : "?");
		snprintf(sample->phase, sizeof(sample->phase), "%s",
			 phase != NULL ? phase : "?");
		return 0;
	}
	return -1;
}

int
sample_read(struct sample *sample, const char *text, char *ret_error,
	    size_t error_bytes)
{
	cJSON *json = cJSON_Parse(text);
	int result = -1;

	memset(sample, 0, sizeof(*sample));
	if (json == NULL)
		snprintf(ret_error, error_bytes, "the answer is no JSON");
	else
		result = read_json(json, sample, ret_error, error_bytes);
	cJSON_Delete(json);
	if (result < 0)
		sample_free(sample);
	return result;
}

void
sample_free(struct sample *sample)
{
	free(sample->loops);
	free(sample->lanes);
	free(sample->stalls);
	free(sample->sent);
	memset(sample, 0, sizeof(*sample));
}
