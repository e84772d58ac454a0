/* SPDX-License-Identifier: BSD-2-Clause */
/* Digits from the last to the first; see decimal.h. */
#include "decimal.h"

#include <string.h>

/* Two digits at once halve the divisions, which are what it costs. */
static const char pairs[] = "00010203040506070809101112131415161718192021222324"
			    "25262728293031323334353637383940414243444546474849"
			    "50515253545556575859606162636465666768697071727374"
			    "75767778798081828384858687888990919293949596979899";

/* Ends before `end`; returns where it begins. */
static char *write_backwards(char *end, uint64_t value)
{
	for (; value >= 100; value /= 100) {
		end -= 2;
		memcpy(end, &pairs[2 * (value % 100)], 2);
	}
	if (value < 10) {
		*--end = (char)('0' + value);
		return end;
	}
	end -= 2;
	memcpy(end, &pairs[2 * value], 2);
	return end;
}

char *decimal_write_unsigned(char *ret, uint64_t value)
{
	char digits[DECIMAL_BYTES], *end = digits + sizeof(digits);
	const char *begin = write_backwards(end, value);

	memcpy(ret, begin, (size_t)(end - begin));
	return ret + (end - begin);
}

char *decimal_write(char *ret, int64_t value)
{
	if (value >= 0 && value < 10) { /* most are 0 */
		*ret = (char)('0' + value);
		return ret + 1;
	}
	if (value < 0)
		*ret++ = '-';
	return decimal_write_unsigned(ret, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

char *decimal_write_fraction(char *ret, uint64_t value, int digits)
{
	for (; digits > 1 && value % 10 == 0; digits--)
		value /= 10;
	for (int i = digits; i--; value /= 10)
		ret[i] = (char)('0' + value % 10);
	return ret + digits;
}
