/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See malloc_names.h. Arguments: malloc(3), the C++ standard ([new.delete]), jemalloc(3) of 5.3,
 * gperftools/tcmalloc.h of 2.10, mimalloc.h of 2.0 to 2.2.
 */
#include "malloc_names.h"

#include <memprobe/wire.h>

#define HOT MALLOC_IS_HOT
#define WRAPS MALLOC_WRAPS
#define THROWS (MALLOC_WRAPS | MALLOC_UNFOLLOWED)
#define HEAP (MALLOC_WRAPS | MALLOC_HAS_CONTEXT)

/* Sized and aligned operators take what malloc and free take first. */
const struct malloc_name malloc_names[NR_MALLOC_NAMES] = {
	{ "malloc", ALLOC_MALLOC, HOT },
	{ "calloc", ALLOC_CALLOC, HOT },
	{ "realloc", ALLOC_REALLOC, HOT },
	{ "free", ALLOC_FREE, HOT },
	{ "reallocarray", ALLOC_REALLOCARRAY, 0 },
	{ "memalign", ALLOC_ALIGNED, 0 },
	{ "aligned_alloc", ALLOC_ALIGNED, 0 },
	{ "posix_memalign", ALLOC_POSIX, 0 },
	{ "valloc", ALLOC_PAGES, 0 },
	{ "pvalloc", ALLOC_PAGES, 0 },
	{ "cfree", ALLOC_FREE, 0 },
	{ "free_sized", ALLOC_FREE, 0 },
	{ "free_aligned_sized", ALLOC_FREE, 0 },
	/* jemalloc's own. */
	{ "mallocx", ALLOC_MALLOC, 0 },
	{ "rallocx", ALLOC_REALLOC, 0 },
	{ "xallocx", ALLOC_RESIZE, 0 },
	{ "dallocx", ALLOC_FREE, 0 },
	{ "sdallocx", ALLOC_FREE, 0 },
	/* tcmalloc's own, where they are not other names of the same. */
	{ "tc_malloc", ALLOC_MALLOC, WRAPS },
	{ "tc_malloc_skip_new_handler", ALLOC_MALLOC, WRAPS },
	{ "tc_calloc", ALLOC_CALLOC, WRAPS },
	{ "tc_realloc", ALLOC_REALLOC, WRAPS },
	{ "tc_memalign", ALLOC_ALIGNED, WRAPS },
	{ "tc_posix_memalign", ALLOC_POSIX, WRAPS },
	{ "tc_valloc", ALLOC_PAGES, WRAPS },
	{ "tc_pvalloc", ALLOC_PAGES, WRAPS },
	{ "tc_free", ALLOC_FREE, WRAPS },
	{ "tc_cfree", ALLOC_FREE, WRAPS },
	{ "tc_free_sized", ALLOC_FREE, WRAPS },
	{ "tc_new_nothrow", ALLOC_MALLOC, WRAPS },
	{ "tc_newarray_nothrow", ALLOC_MALLOC, WRAPS },
	{ "tc_new_aligned_nothrow", ALLOC_MALLOC, WRAPS },
	{ "tc_newarray_aligned_nothrow", ALLOC_MALLOC, WRAPS },
	{ "tc_delete", ALLOC_FREE, WRAPS },
	{ "tc_deletearray", ALLOC_FREE, WRAPS },
	{ "tc_delete_sized", ALLOC_FREE, WRAPS },
	{ "tc_deletearray_sized", ALLOC_FREE, WRAPS },
	{ "tc_delete_nothrow", ALLOC_FREE, WRAPS },
	{ "tc_deletearray_nothrow", ALLOC_FREE, WRAPS },
	{ "tc_delete_aligned", ALLOC_FREE, WRAPS },
	{ "tc_deletearray_aligned", ALLOC_FREE, WRAPS },
	{ "tc_delete_sized_aligned", ALLOC_FREE, WRAPS },
	{ "tc_deletearray_sized_aligned", ALLOC_FREE, WRAPS },
	{ "tc_delete_aligned_nothrow", ALLOC_FREE, WRAPS },
	{ "tc_deletearray_aligned_nothrow", ALLOC_FREE, WRAPS },
	/* mimalloc's own, of a heap: what others wrap comes first. */
	{ "mi_heap_malloc_small", ALLOC_MALLOC, HEAP },
	{ "mi_heap_malloc", ALLOC_MALLOC, HEAP },
	{ "mi_heap_zalloc", ALLOC_MALLOC, HEAP },
	{ "mi_heap_calloc", ALLOC_CALLOC, HEAP },
	{ "mi_heap_mallocn", ALLOC_CALLOC, HEAP },
	{ "mi_heap_realloc", ALLOC_REALLOC, HEAP },
	{ "mi_heap_rezalloc", ALLOC_REALLOC, HEAP },
	{ "mi_heap_reallocn", ALLOC_REALLOCARRAY, HEAP },
	{ "mi_heap_recalloc", ALLOC_REALLOCARRAY, HEAP },
	{ "mi_heap_reallocf", ALLOC_REALLOC, HEAP },
	{ "mi_heap_malloc_aligned_at", ALLOC_MALLOC, HEAP },
	{ "mi_heap_malloc_aligned", ALLOC_MALLOC, HEAP },
	{ "mi_heap_zalloc_aligned_at", ALLOC_MALLOC, HEAP },
	{ "mi_heap_zalloc_aligned", ALLOC_MALLOC, HEAP },
	{ "mi_heap_calloc_aligned_at", ALLOC_CALLOC, HEAP },
	{ "mi_heap_calloc_aligned", ALLOC_CALLOC, HEAP },
	{ "mi_heap_realloc_aligned_at", ALLOC_REALLOC, HEAP },
	{ "mi_heap_realloc_aligned", ALLOC_REALLOC, HEAP },
	{ "mi_heap_rezalloc_aligned_at", ALLOC_REALLOC, HEAP },
	{ "mi_heap_rezalloc_aligned", ALLOC_REALLOC, HEAP },
	{ "mi_heap_recalloc_aligned_at", ALLOC_REALLOCARRAY, HEAP },
	{ "mi_heap_recalloc_aligned", ALLOC_REALLOCARRAY, HEAP },
	/* Of the thread's heap. */
	{ "mi_malloc_small", ALLOC_MALLOC, WRAPS },
	{ "mi_malloc", ALLOC_MALLOC, WRAPS },
	{ "mi_zalloc_small", ALLOC_MALLOC, WRAPS },
	{ "mi_zalloc", ALLOC_MALLOC, WRAPS },
	{ "mi_calloc", ALLOC_CALLOC, WRAPS },
	{ "mi_mallocn", ALLOC_CALLOC, WRAPS },
	{ "mi_realloc", ALLOC_REALLOC, WRAPS },
	{ "mi_rezalloc", ALLOC_REALLOC, WRAPS },
	{ "mi_reallocn", ALLOC_REALLOCARRAY, WRAPS },
	{ "mi_recalloc", ALLOC_REALLOCARRAY, WRAPS },
	{ "mi_reallocf", ALLOC_REALLOC, WRAPS },
	{ "mi_expand", ALLOC_REALLOC, WRAPS },
	{ "mi_malloc_aligned_at", ALLOC_MALLOC, WRAPS },
	{ "mi_malloc_aligned", ALLOC_MALLOC, WRAPS },
	{ "mi_zalloc_aligned_at", ALLOC_MALLOC, WRAPS },
	{ "mi_zalloc_aligned", ALLOC_MALLOC, WRAPS },
	{ "mi_calloc_aligned_at", ALLOC_CALLOC, WRAPS },
	{ "mi_calloc_aligned", ALLOC_CALLOC, WRAPS },
	{ "mi_realloc_aligned_at", ALLOC_REALLOC, WRAPS },
	{ "mi_realloc_aligned", ALLOC_REALLOC, WRAPS },
	{ "mi_rezalloc_aligned_at", ALLOC_REALLOC, WRAPS },
	{ "mi_rezalloc_aligned", ALLOC_REALLOC, WRAPS },
	{ "mi_recalloc_aligned_at", ALLOC_REALLOCARRAY, WRAPS },
	{ "mi_recalloc_aligned", ALLOC_REALLOCARRAY, WRAPS },
	{ "mi_memalign", ALLOC_ALIGNED, WRAPS },
	{ "mi_aligned_alloc", ALLOC_ALIGNED, WRAPS },
	{ "mi_posix_memalign", ALLOC_POSIX, WRAPS },
	{ "mi_valloc", ALLOC_PAGES, WRAPS },
	{ "mi_pvalloc", ALLOC_PAGES, WRAPS },
	{ "mi_reallocarray", ALLOC_REALLOCARRAY, WRAPS },
	{ "mi_free", ALLOC_FREE, WRAPS },
	{ "mi_free_size", ALLOC_FREE, WRAPS },
	{ "mi_free_size_aligned", ALLOC_FREE, WRAPS },
	{ "mi_free_aligned", ALLOC_FREE, WRAPS },
	/* How long they will be is not among their arguments. */
	{ "mi_heap_strdup", ALLOC_MALLOC, MALLOC_UNFOLLOWED | MALLOC_HAS_CONTEXT },
	{ "mi_heap_strndup", ALLOC_MALLOC, MALLOC_UNFOLLOWED | MALLOC_HAS_CONTEXT },
	/* C++. */
	{ "_ZnwmRKSt9nothrow_t", ALLOC_MALLOC, WRAPS },
	{ "_ZnamRKSt9nothrow_t", ALLOC_MALLOC, WRAPS },
	{ "_ZnwmSt11align_val_tRKSt9nothrow_t", ALLOC_MALLOC, WRAPS },
	{ "_ZnamSt11align_val_tRKSt9nothrow_t", ALLOC_MALLOC, WRAPS },
	{ "_ZdlPv", ALLOC_FREE, WRAPS },
	{ "_ZdaPv", ALLOC_FREE, WRAPS },
	{ "_ZdlPvm", ALLOC_FREE, WRAPS },
	{ "_ZdaPvm", ALLOC_FREE, WRAPS },
	{ "_ZdlPvRKSt9nothrow_t", ALLOC_FREE, WRAPS },
	{ "_ZdaPvRKSt9nothrow_t", ALLOC_FREE, WRAPS },
	{ "_ZdlPvSt11align_val_t", ALLOC_FREE, WRAPS },
	{ "_ZdaPvSt11align_val_t", ALLOC_FREE, WRAPS },
	{ "_ZdlPvmSt11align_val_t", ALLOC_FREE, WRAPS },
	{ "_ZdaPvmSt11align_val_t", ALLOC_FREE, WRAPS },
	{ "_ZdlPvSt11align_val_tRKSt9nothrow_t", ALLOC_FREE, WRAPS },
	{ "_ZdaPvSt11align_val_tRKSt9nothrow_t", ALLOC_FREE, WRAPS },
	/*
	 * What an exception may leave: std::bad_alloc, and what the program's new_handler throws.
	 * The kernel's address is where the return address was while a return is waited for, the
	 * unwinder finds no frame there, and std::terminate() ends the process. mimalloc is C, so
	 * that a handler's exception leaves its nothrow functions, too.
	 */
	{ "_Znwm", ALLOC_MALLOC, THROWS },
	{ "_Znam", ALLOC_MALLOC, THROWS },
	{ "_ZnwmSt11align_val_t", ALLOC_MALLOC, THROWS },
	{ "_ZnamSt11align_val_t", ALLOC_MALLOC, THROWS },
	{ "tc_new", ALLOC_MALLOC, THROWS },
	{ "tc_newarray", ALLOC_MALLOC, THROWS },
	{ "tc_new_aligned", ALLOC_MALLOC, THROWS },
	{ "tc_newarray_aligned", ALLOC_MALLOC, THROWS },
	{ "mi_new", ALLOC_MALLOC, THROWS },
	{ "mi_new_nothrow", ALLOC_MALLOC, THROWS },
	{ "mi_new_aligned", ALLOC_MALLOC, THROWS },
	{ "mi_new_aligned_nothrow", ALLOC_MALLOC, THROWS },
	{ "mi_new_n", ALLOC_CALLOC, THROWS },
	{ "mi_heap_alloc_new", ALLOC_MALLOC, THROWS | HEAP },
	{ "mi_heap_alloc_new_n", ALLOC_CALLOC, THROWS | HEAP },
	{ "mi_new_realloc", ALLOC_REALLOC, THROWS },
	{ "mi_new_reallocn", ALLOC_REALLOCARRAY, THROWS },
};

/*
 * What CPython from 3.13 on has its objects and their buffers served by where its own mimalloc does
 * that: all calls come through a PyMemAllocatorEx of these. They are static, so that a file which
 * was stripped does not tell of them.
 */
const struct malloc_name malloc_python_names[NR_MALLOC_PYTHON_NAMES] = {
	{ "_PyMem_MiMalloc", ALLOC_MALLOC, HEAP },
	{ "_PyMem_MiCalloc", ALLOC_CALLOC, HEAP },
	{ "_PyMem_MiRealloc", ALLOC_REALLOC, HEAP },
	{ "_PyMem_MiFree", ALLOC_FREE, HEAP },
	{ "_PyObject_MiMalloc", ALLOC_MALLOC, HEAP },
	{ "_PyObject_MiCalloc", ALLOC_CALLOC, HEAP },
	{ "_PyObject_MiRealloc", ALLOC_REALLOC, HEAP },
	{ "_PyObject_MiFree", ALLOC_FREE, HEAP },
	/* 3.15 without the GIL: what does not belong to objects, too. */
	{ "_PyMem_MiRawMalloc", ALLOC_MALLOC, HEAP },
	{ "_PyMem_MiRawCalloc", ALLOC_CALLOC, HEAP },
	{ "_PyMem_MiRawRealloc", ALLOC_REALLOC, HEAP },
	{ "_PyMem_MiRawFree", ALLOC_FREE, HEAP },
};
