/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions to probe; see probe_insn.h. Encodings of x86-64: Intel SDM volume 2. */
#include "probe_insn.h"

#include <string.h>

#include "arm64_insn.h"
#include "memory.h"

/* The kernel takes prefixes on none but push, and there only REX.B. */
static const struct {
	uint8_t bytes[PROBE_INSN_BYTES];
	uint8_t fixed; /* how many of the bytes are the opcode */
	uint8_t total;
	uint8_t last_mask; /* of the last fixed byte */
	enum probe_insn kind;
} known[] = {
	{ { 0x90 }, 1, 1, 0xff, PROBE_INSN_EMULATED },	     /* nop */
	{ { 0x50 }, 1, 1, 0xf8, PROBE_INSN_EMULATED },	     /* push %rax to %rdi */
	{ { 0x41, 0x50 }, 2, 2, 0xf8, PROBE_INSN_EMULATED }, /* push %r8 to %r15 */
	{ { 0xe8 }, 1, 5, 0xff, PROBE_INSN_EMULATED },	     /* call rel32 */
	{ { 0xe9 }, 1, 5, 0xff, PROBE_INSN_EMULATED },	     /* jmp rel32 */
	{ { 0xeb }, 1, 2, 0xff, PROBE_INSN_EMULATED },	     /* jmp rel8 */
	{ { 0x70 }, 1, 2, 0xf0, PROBE_INSN_EMULATED },	     /* jcc rel8 */
	{ { 0x0f, 0x80 }, 2, 6, 0xf0, PROBE_INSN_EMULATED }, /* jcc rel32 */
	{ { 0x0f, 0x1f, 0x44, 0x00, 0x00 }, 5, 5, 0xff, PROBE_INSN_NOP5 },
	{ { 0xf3, 0x0f, 0x1e, 0xfa }, 4, 4, 0xff, PROBE_INSN_LANDING },
};

static bool is_at(const uint8_t *bytes, size_t size, size_t i)
{
	size_t last = known[i].fixed - 1U;

	return size >= known[i].total && !memcmp(bytes, known[i].bytes, last) &&
	       (bytes[last] & known[i].last_mask) == known[i].bytes[last];
}

/* As arm_probe_decode_insn() of the kernel, 5.10 to 6.18, has it. */
static enum probe_insn classify_arm64(const uint8_t *bytes, size_t size)
{
	struct arm64_insn insn;

	if (size < ARM64_INSN_BYTES)
		return PROBE_INSN_REFUSED;
	insn = arm64_insn_decode(arm64_insn_word(bytes), 0);
	if (insn.op == ARM64_UNKNOWN)
		return PROBE_INSN_REFUSED;
	if (insn.op == ARM64_LANDING)
		return PROBE_INSN_LANDING;
	if (insn.op == ARM64_NOP || insn.op == ARM64_ADDRESS || insn.op == ARM64_LOAD_LITERAL ||
	    insn.op >= ARM64_JUMP)
		return PROBE_INSN_EMULATED;
	return PROBE_INSN_STEPPED;
}

enum probe_insn probe_insn_classify(uint16_t machine, const uint8_t *bytes, size_t size)
{
	if (machine == EM_AARCH64)
		return classify_arm64(bytes, size);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (is_at(bytes, size, i))
			return known[i].kind;
	return PROBE_INSN_STEPPED;
}
