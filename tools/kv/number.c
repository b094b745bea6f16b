/*
 * Strict, so that a value is an integer exactly if it prints as itself: INCR
 * may then replace the text without changing its form.
 */
#include "number.h"

#include <string.h>

static bool
parse_digits(const char *text, size_t length, uint64_t *ret)
{
	uint64_t value = 0;

	if (length == 0 || (text[0] == '0' && length > 1))
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = (unsigned char)text[i] - (unsigned)'0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

bool
number_parse(const char *text, size_t length, int64_t *ret)
{
	uint64_t value;
	bool negative = length > 0 && text[0] == '-';

	if (!parse_digits(text + negative, length - negative, &value))
		return false;
	if (negative) {
		if (value == 0 || value > (uint64_t)INT64_MAX + 1)
			return false;
		*ret = (int64_t)(0 - value);
		return true;
	}
	if (value > INT64_MAX)
		return false;
	*ret = (int64_t)value;
	return true;
}

size_t
number_format(int64_t number, char text[NUMBER_TEXT_MAX])
{
	char digits[NUMBER_TEXT_MAX];
	size_t at = sizeof(digits);
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		digits[--at] = '-';
	memcpy(text, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at;
}
