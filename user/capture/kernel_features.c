/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the kernel's BTF; see kernel_features.h. Only whether a name is there is asked, so the
 * string section is searched: 2 ms, where parsing all types takes 9.
 */
#include "kernel_features.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define MAX_BTF_BYTES (256UL << 20)

struct btf_text {
	char *bytes; /* owned */
	size_t size;
};

static int read_btf(struct btf_text *ret)
{
	_cleanup_(closep) int fd = open(BTF_PATH, O_RDONLY | O_CLOEXEC);
	struct stat status;
	size_t used = 0;
	ssize_t got;

	if (fd < 0 || fstat(fd, &status))
		return -errno;
	if (status.st_size < (off_t)sizeof(struct btf_header) ||
	    (unsigned long)status.st_size > MAX_BTF_BYTES)
		return -EINVAL;
	ret->bytes = xmalloc(status.st_size);
	ret->size = status.st_size;
	while (used < ret->size && (got = read(fd, ret->bytes + used, ret->size - used)) > 0)
		used += got;
	return used == ret->size ? 0 : -EIO;
}

/* Narrows the text to its string section. */
static int find_strings(const struct btf_text *btf, struct btf_text *ret)
{
	const struct btf_header *header = (const void *)btf->bytes;

	if (!header || header->magic != BTF_MAGIC || header->hdr_len > btf->size ||
	    header->str_off > btf->size - header->hdr_len ||
	    header->str_len > btf->size - header->hdr_len - header->str_off)
		return -EINVAL;
	ret->bytes = btf->bytes + header->hdr_len + header->str_off;
	ret->size = header->str_len;
	return 0;
}

/* `name` with its length, the NUL in front and the one behind included. */
#define HAS_NAME(strings, name) \
	(memmem((strings).bytes, (strings).size, "\0" name, sizeof("\0" name)) != NULL)

int kernel_features_read(struct kernel_features *ret)
{
	struct btf_text btf = { 0 }, strings;
	int error = read_btf(&btf);

	if (!error)
		error = find_strings(&btf, &strings);
	if (!error) {
		/* f1a7941243c1 (6.2) removed struct mm_rss_stat together with the tasks' caches. */
		ret->has_percpu_counters = !HAS_NAME(strings, "mm_rss_stat");
		ret->has_find_vma = HAS_NAME(strings, "BPF_FUNC_find_vma");
		ret->has_uprobe_multi = HAS_NAME(strings, "BPF_TRACE_UPROBE_MULTI");
	}
	free(btf.bytes);
	return error;
}
