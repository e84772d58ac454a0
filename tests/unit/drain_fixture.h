/* SPDX-License-Identifier: BSD-2-Clause */
/* A drain without a kernel, and a sound record of each type; for unit tests and fuzz_records. */
#ifndef MEMPROBE_DRAIN_FIXTURE_H
#define MEMPROBE_DRAIN_FIXTURE_H

#include "drain.h"
#include "fake_loader.h"
#include "record_check.h"

#define FIXTURE_SLOT 5
#define FIXTURE_IMAGE (3 * MAX_IMAGES + FIXTURE_SLOT)
#define FIXTURE_TGID (RECORD_MAX_TID - 1) /* above all that Linux gives */
#define FIXTURE_START_NS 1000
#define FIXTURE_SITE 0x51e0
#define FIXTURE_PART 0x9a48
#define FIXTURE_OBJECT 0x7f0000001000
#define FIXTURE_TYPE 0x7f0000002000

#define FIXTURE_MAX_BYTES (sizeof(struct wire_image_begin) + 64)

/* What the listener was told. */
struct heard {
	unsigned int programs, sources, unknown, found, over, watches, unseen, attached,
		image_ended, process_ended, main_ended, probes_lost;
	unsigned int programs_before; /* of them before image_asked */
	uint32_t process, layout, tgid;
	struct rss_sample sample;
	const char *name;   /* that objects bear; NULL: none */
	size_t asked;	    /* names of objects */
	bool is_unanswered; /* nobody can look for it */
};

struct drain_fixture {
	struct drain *drain;
	struct profile *profile;
	struct heard heard;
};

void drain_fixture_open(struct drain_fixture *ret);
void drain_fixture_close(struct drain_fixture *fixture);

/* Of any type; drain_fixture_record fills it in. */
union fixture_record {
	uint8_t bytes[FIXTURE_MAX_BYTES];
	struct wire_image_begin begin;
	struct wire_balance balance;
	struct wire_process_end process_end;
	struct wire_thread_end thread_end;
	struct wire_site site;
	struct wire_split split;
	struct wire_object object;
	struct wire_knock knock;
};

/* Sends it, and drains all. */
void drain_fixture_send(struct drain_fixture *fixture, const void *record, size_t size);
/* One as drain_fixture_record makes it. */
void drain_fixture_send_type(struct drain_fixture *fixture, uint32_t type);

/*
 * A record of the image FIXTURE_IMAGE in ret, which has FIXTURE_MAX_BYTES; returns its size, 0
 * where the type is none. A site has the names "/srv/app.py" and "Class.method"; a split is its
 * part.
 */
size_t drain_fixture_record(uint32_t type, void *ret);

#endif
