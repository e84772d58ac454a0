/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of single records begin with: one drain, one record to be changed and sent. */
#ifndef MEMPROBE_DRAIN_TEST_H
#define MEMPROBE_DRAIN_TEST_H

#include "drain_fixture.h"

extern union fixture_record record;
extern struct drain_fixture fixture;

/* cmocka's setup and teardown. */
int open_fixture(void **state);
/* The same with FIXTURE_IMAGE begun and FIXTURE_SITE known. */
int open_with_site(void **state);
int close_fixture(void **state);

/* Sends `record`. */
void send_record(size_t size);
void send_type(uint32_t type);

/* A node of FIXTURE_SITE in FIXTURE_IMAGE. */
void put_site_node(uint32_t id);
/* FIXTURE_IMAGE as the BPF side has it. */
void put_image(const struct wire_image *image);
/* All that there is to be read. */
void read_all(void);
/* A node's cost at the end of the run. */
struct cost cost_at_end(uint32_t node);

uint64_t refused(void);
const char *text(uint32_t string);

#endif
