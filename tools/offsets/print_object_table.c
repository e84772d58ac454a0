/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what user/target/python_reader has for one version, sorted out by check_objects.sh:
 *   print_object_table VERSION      (0x30b for 3.11)
 */
#include <stdio.h>
#include <stdlib.h>

#include "python_reader.h"

#define PRINT(name) printf("%s %d\n", #name, (int)(name))

int main(int argc, char **argv)
{
	struct wire_layout wire = { 0 };
	struct python_reader reader;

	wire.version = (__u16)strtoul(argc == 2 ? argv[1] : "0", NULL, 16);
	if (python_reader_init(&reader, &wire))
		return 1;
	PRINT(OBJECT_TYPE);
	PRINT(OBJECT_SIZE);
	PRINT(OBJECT_BYTES);
	PRINT(TYPE_NAME);
	PRINT(TYPE_BASICSIZE);
	PRINT(TYPE_ITEMSIZE);
	PRINT(TYPE_FLAGS);
	PRINT(TYPE_WEAKLISTOFFSET);
	PRINT(TYPE_MEMBERS);
	PRINT(TYPE_DICT);
	PRINT(TYPE_DICTOFFSET);
	PRINT(TYPE_MRO);
#define FIELD(name, ...) printf("%s %u\n", #name, reader.layout.name);
#include "python_reader.def"
#undef FIELD
	return 0;
}
