/* SPDX-License-Identifier: BSD-2-Clause */
/* A CPython's memory; see python_memory.h. */
#include "python_memory.h"

#include <string.h>

#include "host/host.h"
#include "memory.h"
#include "offset_table.h"

#define HEAP 0x7f1000000000ULL
#define STACK 0x7f2000000000ULL /* a chunk of frames */
#define BIAS 0x550000000000ULL
#define KEY_VADDR 0x404000ULL /* addresses in the interpreter's file */
#define FINALIZING_VADDR 0x405000ULL
#define GENERATION_VADDR 0x406000ULL
#define INTERPRETERS_VADDR 0x407000ULL
#define TLS_OFFSET (-64)
#define DEFAULT_KEY 3

/* glibc, x86-64: struct pthread */
#ifdef __TARGET_ARCH_arm64
#define SELF_BELOW 0x740
#define FIRST_BLOCK (0x110 - SELF_BELOW)
#else
#define SELF_BELOW 0
#define FIRST_BLOCK 0x310
#endif
#define BLOCKS (FIRST_BLOCK + 0x200)
#define BLOCK_KEYS 32
#define MUSL_KEYS 128
#define FIRST_SEQUENCE 1 /* of a key that nobody had before */

#define TSTATE_BYTES 256

#define NEVER_HASHED (~0ULL)
#define OWNER_GENERATOR 1
#define OWNER_INTERPRETER 3

const __u32 python_versions[] = { PYTHON_3_6,	PYTHON_3_8,   PYTHON_3_10, PYTHON_3_11,
				  PYTHON_3_12,	PYTHON_3_13,  PYTHON_3_14, PYTHON_3_15,
				  PYTHON_3_13T, PYTHON_3_14T, PYTHON_3_15T };
const size_t python_nr_versions = ARRAY_SIZE(python_versions);

static void put_u64(__u64 address, __u64 value)
{
	host_user_write(address, &value, sizeof(value));
}

static void put_u32(__u64 address, __u32 value)
{
	host_user_write(address, &value, sizeof(value));
}

static void put_u8(__u64 address, __u8 value)
{
	host_user_write(address, &value, sizeof(value));
}

static __u64 get_u64(__u64 address)
{
	__u64 value;

	HOST_CHECK(!host_user_read(&value, sizeof(value), address));
	return value;
}

static void put_zeroes(__u64 address, size_t size)
{
	static const char zeroes[HOST_PAGE];

	for (size_t bytes; size; address += bytes, size -= bytes) {
		bytes = size < sizeof(zeroes) ? size : sizeof(zeroes);
		host_user_write(address, zeroes, bytes);
	}
}

static __u64 new_object(struct python *python, size_t size)
{
	__u64 address = python->heap;

	python->heap += (size + 15) & ~(size_t)15;
	put_zeroes(address, size);
	return address;
}

static const struct wire_slots glibc_slots = { FIRST_BLOCK, BLOCKS, SELF_BELOW, BLOCK_KEYS, 16 };

static void set_addresses(struct wire_layout *layout)
{
	bool is_tls = layout->version >= 0x30f;

	layout->tstate_by = is_tls ? TSTATE_BY_TLS : TSTATE_BY_PTHREAD_KEY;
	layout->tls_bound = (struct wire_tls){ .offset = is_tls ? TLS_OFFSET : 0 };
	layout->key_vaddr = is_tls ? 0 : KEY_VADDR;
	layout->slots[0] = glibc_slots;
	layout->dtv_bytes = 16;
	layout->finalizing_vaddr = FINALIZING_VADDR;
	layout->generation_vaddr = layout->interp_generation == NO_OFFSET ? GENERATION_VADDR : 0;
}

void python_make(struct python *python, __u32 version_hex)
{
	struct offset_table table;

	HOST_CHECK(!offset_table_find(version_hex, version_hex & PYTHON_FREE_THREADED, &table));
	*python = (struct python){
		.layout = table.layout,
		.bias = BIAS,
		.heap = HEAP,
		.stack = STACK,
		.key = DEFAULT_KEY,
	};
	set_addresses(&python->layout);
	offset_table_measure(&python->layout);
	python->interp = new_object(python, 0x8000);
	put_u64(BIAS + FINALIZING_VADDR, 0);
	python_set_key(python, python->key);
	python_set_generation(python, 1);
}

void python_set_generation(struct python *python, __u32 generation)
{
	if (python->layout.generation_vaddr)
		put_u32(python->bias + python->layout.generation_vaddr, generation);
	else
		put_u32(python->interp + python->layout.interp_generation, generation);
}

void python_set_finalizing(struct python *python)
{
	put_u64(python->bias + python->layout.finalizing_vaddr, HEAP);
}

void python_set_key(struct python *python, __u32 key)
{
	python->key = key;
	put_u32(python->bias + KEY_VADDR, key);
	put_u32(python->bias + KEY_VADDR - 4, 1); /* _is_initialized */
}

void python_delete_key(struct python *python)
{
	if (python->layout.version < 0x307)
		put_u32(python->bias + KEY_VADDR, -1);
	put_u32(python->bias + KEY_VADDR - 4, 0); /* _is_initialized */
}

void python_set_musl(struct python *python, __u16 at, bool is_known)
{
	const struct wire_slots musl = { NO_FIRST_BLOCK, 0x80, SELF_BELOW, MUSL_KEYS, 8 };
	struct wire_slots *next = python->layout.slots;

	python->musl_slots = at;
	memset(next, 0, sizeof(python->layout.slots));
	if (!is_known)
		*next++ = glibc_slots;
	*next++ = musl;
	*next = musl;
	next->blocks = 0x88;
}

static void put_musl_slot(struct python *python, const struct task_struct *task, __u32 key,
			  __u64 value)
{
	__u64 slots = new_object(python, 8 * MUSL_KEYS);

	put_u64(task->THREAD_POINTER + python->musl_slots, slots);
	put_u64(slots + 8 * key, value);
}

void python_put_slot(struct python *python, const struct task_struct *task, __u32 key,
		     __u64 sequence, __u64 value)
{
	__u64 block = task->THREAD_POINTER + FIRST_BLOCK;

	if (python->musl_slots) {
		put_musl_slot(python, task, key, value);
		return;
	}

	if (key >= BLOCK_KEYS) {
		block = new_object(python, 16 * BLOCK_KEYS);
		put_u64(task->THREAD_POINTER + BLOCKS + 8 * (key / BLOCK_KEYS), block);
	}
	put_u64(block + 16 * (key % BLOCK_KEYS), sequence);
	put_u64(block + 16 * (key % BLOCK_KEYS) + 8, value);
}

static void make_state(struct python *python, __u64 thread)
{
	const struct wire_layout *layout = &python->layout;
	__u64 tstate = new_object(python, TSTATE_BYTES), cframe;

	python->tstate = tstate;
	put_u64(tstate + layout->tstate_interp, python->interp);
	put_u64(tstate + layout->tstate_thread, thread ? thread - SELF_BELOW : 0);
	python->leaf_pointer = tstate + layout->tstate_frame;
	if (layout->cframe_frame != NO_OFFSET) {
		cframe = new_object(python, 32);
		put_u64(python->leaf_pointer, cframe);
		python->leaf_pointer = cframe + layout->cframe_frame;
	}
	python_set_leaf(python, 0);
}

void python_attach_thread(struct python *python, const struct task_struct *task)
{
	const struct wire_layout *layout = &python->layout;

	make_state(python, task->THREAD_POINTER);
	if (layout->tstate_by == TSTATE_BY_TLS)
		put_u64(task->THREAD_POINTER + (__u64)(__s64)layout->tls_bound.offset,
			python->tstate);
	else
		python_put_slot(python, task, python->key, FIRST_SEQUENCE, python->tstate);
}

void python_put_cframe(struct python *python, __u64 at)
{
	const struct wire_layout *layout = &python->layout;

	if (layout->tstate_cframe == NO_OFFSET) {
		put_u64(at, python->leaf);
		return;
	}
	put_u64(python->tstate + layout->tstate_cframe, at);
	if (layout->cframe_frame != NO_OFFSET) {
		python->leaf_pointer = at + layout->cframe_frame;
		put_u64(python->leaf_pointer, python->leaf);
	}
}

void python_hold_gil(struct python *python)
{
	put_u64(BIAS + KEY_VADDR - (python->layout.version < 0x309 ? 28 : 20), python->tstate);
}

void python_make_interpreter(struct python *python, __u64 thread)
{
	python->heap += HOST_PAGE;
	python->stack += HOST_PAGE;
	python->interp = new_object(python, HOST_PAGE);
	make_state(python, thread);
}

void python_list_interpreters(struct python *const interpreters[], int nr)
{
	struct python *main = interpreters[nr - 1];

	main->layout.interpreters_vaddr = INTERPRETERS_VADDR;
	put_u64(BIAS + INTERPRETERS_VADDR, interpreters[0]->interp);
	put_u64(BIAS + INTERPRETERS_VADDR + 8, main->interp);
	for (int i = 0; i < nr; i++) {
		__u64 interp = interpreters[i]->interp;

		put_u64(interp + main->layout.interp_threads, interpreters[i]->tstate);
		put_u64(interp + main->layout.interp_next,
			i + 1 < nr ? interpreters[i + 1]->interp : 0);
	}
}

/* A compact ASCII str that was never hashed. */
__u64 python_str(struct python *python, const char *text)
{
	const struct wire_layout *layout = &python->layout;
	size_t length = strlen(text);
	__u64 str = new_object(python, layout->str_ascii_data + length + 1);

	put_u64(str + layout->str_length, length);
	put_u64(str + layout->str_hash, NEVER_HASHED);
	put_u32(str + layout->str_state,
		1U << layout->str_kind_shift | layout->str_compact_mask | layout->str_ascii_mask);
	host_user_write(str + layout->str_ascii_data, text, length);
	return str;
}

static __u64 bytes_object(struct python *python, const char *text)
{
	__u64 bytes = new_object(python, python->layout.bytes_data + strlen(text) + 1);

	put_u64(bytes + python->layout.bytes_size, strlen(text));
	host_user_write(bytes + python->layout.bytes_data, text, strlen(text));
	return bytes;
}

void python_put_code(struct python *python, __u64 code, const char *filename, const char *name)
{
	const struct wire_layout *layout = &python->layout;
	__u64 str = python_str(python, name);

	python->codes++;
	put_u32(code + layout->code_firstlineno, 10);
	put_u64(code + layout->code_filename, python_str(python, filename));
	put_u64(code + layout->code_name, str);
	if (layout->code_qualname != NO_OFFSET)
		put_u64(code + layout->code_qualname, str);
	put_u64(code + layout->code_linetable, bytes_object(python, "lines"));
	if (layout->code_version != NO_OFFSET)
		put_u32(code + layout->code_version, python->codes);
}

__u64 python_code(struct python *python, const char *filename, const char *name)
{
	__u64 code = new_object(python, 256);

	python_put_code(python, code, filename, name);
	return code;
}

__u64 python_frame_bytes(const struct python *python)
{
	return (python->layout.frame_bytes + 4 * 8 + 15) & ~15ULL; /* and a few locals */
}

static void put_owner(struct python *python, __u64 at, __u8 owner)
{
	if (python->layout.frame_owner != NO_OFFSET)
		put_u8(at + python->layout.frame_owner, owner);
}

void python_put_generator(struct python *python, __u64 at)
{
	put_owner(python, at, OWNER_GENERATOR);
	if (python->layout.frame_gen != NO_OFFSET)
		put_u64(at + python->layout.frame_gen, 1ULL << 46); /* most of its bytes are 0 */
}

void python_put_frame(struct python *python, __u64 at, __u64 code, __u64 back)
{
	put_zeroes(at, python->layout.frame_bytes);
	put_u64(at + python->layout.frame_code, code | python->layout.tag_mask);
	put_u64(at + python->layout.frame_back, back);
}

void python_set_leaf(struct python *python, __u64 frame)
{
	python->leaf = frame;
	put_u64(python->leaf_pointer, frame);
}

static __u64 next_frame(struct python *python)
{
	__u64 at = python->stack;

	if (python->layout.version < 0x30b)
		return new_object(python, 3 * python_frame_bytes(python));
	python->stack += python_frame_bytes(python);
	return at;
}

__u64 python_call(struct python *python, __u64 code)
{
	__u64 at = next_frame(python);

	python_put_frame(python, at, code, python->leaf);
	python_set_leaf(python, at);
	return at;
}

void python_call_shim(struct python *python)
{
	if (python->layout.owner_shim_min != NO_OFFSET)
		put_owner(python, python_call(python, 0), OWNER_INTERPRETER);
}

void python_call_shim_at(struct python *python, __u64 at)
{
	HOST_CHECK(python->layout.owner_shim_min != NO_OFFSET);
	python_put_frame(python, at, 0, python->leaf);
	put_owner(python, at, OWNER_INTERPRETER);
	python_set_leaf(python, at);
}

void python_return(struct python *python)
{
	if (python->layout.version >= 0x30b)
		python->stack = python->leaf;
	python_set_leaf(python, get_u64(python->leaf + python->layout.frame_back));
}
