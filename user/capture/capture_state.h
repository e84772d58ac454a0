/* SPDX-License-Identifier: BSD-2-Clause */
/* All that one capture consists of, for those who make it (capture_parts) and run it (run, turns).
 */
#ifndef MEMPROBE_CAPTURE_STATE_H
#define MEMPROBE_CAPTURE_STATE_H

#include "adopt.h"
#include "allocs.h"
#include "c_functions.h"
#include "capture_base.h"
#include "capture_options.h"
#include "censuses.h"
#include "code_watch.h"
#include "command.h"
#include "counting.h"
#include "cow.h"
#include "drain.h"
#include "end_watch.h"
#include "finalizing.h"
#include "flush.h"
#include "identity.h"
#include "inherited.h"
#include "loader.h"
#include "loop.h"
#include "moment.h"
#include "output.h"
#include "progress.h"
#include "pythons.h"
#include "signals.h"
#include "snapshot.h"
#include "submitters.h"
#include "target_user.h"
#include "wakes.h"

#define MAX_FLUSH_LISTENERS 13

struct capture {
	const struct capture_options *options;
	struct identity identity;
	struct target_user caller; /* the same, for opening files */
	struct inherited inherited;
	struct command command;
	struct adopted adopted;
	struct loader loader;
	struct capture_base base; /* all is owned */
	uint32_t expected_layout; /* of the command's interpreter, NO_LAYOUT */
	struct counting *counting;
	struct code_watch *code_watch;
	struct wakes *wakes;
	struct submitters *submitters;
	struct c_functions *c_functions;
	struct pythons *pythons;
	struct moments *moments;
	struct cow *cow;
	struct allocs *allocs;
	struct output *output;
	char *dump_path; /* where it can be read at the end, NULL */
	struct progress progress;
	struct snapshot snapshot;
	struct censuses censuses;
	struct finalizing *finalizing;
	struct end_watch end_watch;
	struct flush_listener flush_listeners[MAX_FLUSH_LISTENERS];
	struct flush flush;
	struct loop loop;
	struct signals signals;
	bool is_time_over; /* --duration */
};

#endif
