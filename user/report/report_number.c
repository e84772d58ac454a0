/* SPDX-License-Identifier: BSD-2-Clause */
/* MB in digits; see report_number.h. */
#include "report_number.h"

#include <math.h>

#include "decimal.h"

#define PERCENT 100.0
#define HALF_A_TENTH 0.05
#define MB_SHIFT 20
#define BYTES_PER_MB (1ULL << MB_SHIFT)
#define NUMBER_COLUMNS 7
#define LARGE_PART 0.1
#define SMALL_PART 0.01

/* As printf rounds: to the nearest, from the middle to the even one. */
static uint64_t hundredths_of(uint64_t bytes)
{
	uint64_t part = bytes % BYTES_PER_MB * 100, rest = part % BYTES_PER_MB;
	uint64_t hundredths = part >> MB_SHIFT, half = BYTES_PER_MB / 2;

	return hundredths + (rest > half || (rest == half && hundredths % 2));
}

size_t report_mb_text(char ret[REPORT_MB_BYTES], int64_t bytes)
{
	uint64_t amount = bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes;
	uint64_t hundredths = hundredths_of(amount);
	uint64_t whole = (amount >> MB_SHIFT) + hundredths / 100;
	char *text = ret;

	hundredths %= 100;
	if (bytes < 0 && (whole || hundredths))
		*text++ = '-';
	text = decimal_write(text, (int64_t)whole);
	*text++ = '.';
	*text++ = (char)('0' + hundredths / 10);
	*text++ = (char)('0' + hundredths % 10);
	*text = '\0';
	return (size_t)(text - ret);
}

void report_mb(struct sink *sink, int width, int64_t bytes)
{
	char text[REPORT_MB_BYTES];
	size_t length = report_mb_text(text, bytes);

	if (length < (size_t)width)
		sink_fill(sink, ' ', (size_t)width - length);
	sink_bytes(sink, text, length);
}

void report_mb_colored(struct sink *sink, const char *color, int width, int64_t bytes)
{
	if (sink->use_color)
		sink_text(sink, color);
	report_mb(sink, width, bytes);
	if (sink->use_color)
		sink_text(sink, COLOR_OFF);
}

/* From a tenth on a number stands out, below a hundredth it stands back. */
static const char *size_color(int64_t bytes, int64_t whole)
{
	double part = whole > 0 ? fabs((double)bytes) / (double)whole : 1;

	if (part >= LARGE_PART)
		return "\033[1;32m";
	return part >= SMALL_PART ? "\033[32m" : "\033[2m";
}

void report_mb_sized(struct sink *sink, int64_t bytes, int64_t whole)
{
	report_mb_colored(sink, size_color(bytes, whole), NUMBER_COLUMNS, bytes);
}

/* Without a sign for what rounds to nothing. */
static double percent_of(int64_t bytes, int64_t sum)
{
	double percent = sum ? PERCENT * (double)bytes / (double)sum : 0;

	return percent < 0 && percent > -HALF_A_TENTH ? 0 : percent;
}

void report_mb_share(struct sink *sink, int64_t bytes, int64_t sum)
{
	sink_text(sink, "  ");
	report_mb_sized(sink, bytes, sum);
	sink_printf(sink, " MB  %4.1f %%  ", percent_of(bytes, sum));
}
