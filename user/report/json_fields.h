/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What JSON and JSON lines say of a capture, a process, a node: every field is there, null where it
 * was not measured. Members only: brackets and lines are the format's.
 */
#ifndef MEMPROBE_JSON_FIELDS_H
#define MEMPROBE_JSON_FIELDS_H

#include "json_writer.h"
#include "report.h"

/* `format` and `version`. */
void json_fields_format(struct json_writer *json);
void json_fields_meta(struct json_writer *json, const struct profile *profile);

/* The process of the tree, without its nodes. */
void json_fields_process(struct json_writer *json, const struct calltree *tree);
/* `losses`: those of the whole capture or of a process. */
void json_fields_losses(struct json_writer *json, const struct loss_count losses[NR_LOSSES]);
/* A node, without its children. */
void json_fields_node(struct json_writer *json, const struct report *report,
		      const struct calltree *tree, uint32_t index);

#endif
