/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of C++ and Rust; what they should be is what `c++filt -p` prints, without what tells apart
 * crates and instances of Rust. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "demangle.h"
#include "memory.h"

static void test_names(void **state)
{
	static const char *const names[][2] = {
		{ "_ZN2at6native4copyERKNS_6TensorE", "at::native::copy" },
		{ "_ZNSt6vectorIiSaIiEE9push_backERKi",
		  "std::vector<int, std::allocator<int> >::push_back" },
		{ "_ZL4helpv.isra.0", "help" },
		{ "_ZN6polars5frame4sort17h0123456789abcdefE", "polars::frame::sort" },
		{ "_RNvCs4fqI2P2rA04_6orjson5dumps", "orjson::dumps" },
	};
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_true(demangle(names[i][0], name, sizeof(name)));
		assert_string_equal(name, names[i][1]);
	}
}

static void test_no_names(void **state)
{
	static const char *const names[] = { "",   "_",	    "_Z",   "_ZN",
					     "_R", "_Rest", "main", "PyList_New" };
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_false(demangle(names[i], name, sizeof(name)));
		assert_string_equal(name, "");
	}
}

static void test_cut(void **state)
{
	char name[8];

	assert_true(demangle("_ZN2at6native4copyEv", name, sizeof(name)));
	assert_string_equal(name, "at::nat");
}

/* Each argument is a pair of the one before, twice: some 2^20 characters, of which 63 are kept. */
static void test_growing(void **state)
{
	char mangled[512] = "_Z1fISt4pairIiiE", name[64];

	for (int i = 0; i < 20; i++) {
		char number[4] = "";

		if (i)
			snprintf(number, sizeof(number), "%c",
				 i <= 10 ? '0' + i - 1 : 'A' + i - 11);
		sprintf(mangled + strlen(mangled), "S_IS%s_S%s_E", number, number);
	}
	strcat(mangled, "Evv");
	demangle(mangled, name, sizeof(name));
	assert_in_range(strlen(name), 0, sizeof(name) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_names),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_growing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
