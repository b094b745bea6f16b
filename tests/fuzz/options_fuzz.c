/*
 * A program's command line: the arguments are the bytes between the zeros.
 * Built once for gyre-kv and once for gyre-stress.
 */
#include "fuzz.h"

#include "options.h"

#define ARGUMENTS_MAX 32

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct options options;
	char *argv[ARGUMENTS_MAX + 2] = { fuzz_text("fuzz", 4) };
	char *given[ARGUMENTS_MAX + 2]; /* getopt() changes the order */
	int argc = 1;
	enum options_result result;

	while (size > 0 && argc <= ARGUMENTS_MAX) {
		const uint8_t *zero = memchr(data, '\0', size);
		size_t length = zero != NULL ? (size_t)(zero - data) : size;

		argv[argc++] = fuzz_text(data, length);
		data += length + (zero != NULL);
		size -= length + (zero != NULL);
	}
	argv[argc] = NULL;
	memcpy(given, argv, sizeof(given));
	result = options_parse(&options, argc, argv);
	assert(result == OPTIONS_RUN || result == OPTIONS_DONE ||
	       result == OPTIONS_BAD);
	if (result == OPTIONS_RUN) {
		assert(options.cpus_count <= OPTIONS_CPUS_MAX);
		for (unsigned i = 0; i < options.cpus_count; i++)
			assert(options.cpus[i] < OPTIONS_CPUS_MAX);
		assert(options.pin <= GYRE_PIN_CORE);
		assert(options.loops <= GYRE_SHARDS_MAX);
	}
	for (int i = 0; i < argc; i++)
		free(given[i]);
	return 0;
}
