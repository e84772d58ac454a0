/* SPDX-License-Identifier: BSD-2-Clause */
/* The nodes of the fake kernel, in files of memory that node_table.c can map. */
#include "fake_nodes.h"

#include <memprobe/wire_hash.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_loader.h"
#include "loader.h"
#include "memory.h"

static struct {
	struct wire_node *nodes; /* mapped */
	uint8_t *marks;		 /* the same */
	int nodes_fd, marks_fd;
	uint32_t highest; /* id that was used */
	struct wire_id_run free_runs[FAKE_FREE_RUNS];
	size_t nr_free_runs, room;
} fake;

static void *map_file(const char *name, size_t size, int *ret_fd)
{
	void *memory;

	*ret_fd = memfd_create(name, MFD_CLOEXEC);
	if (*ret_fd < 0 || ftruncate(*ret_fd, (off_t)size))
		abort();
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_fd, 0);
	if (memory == MAP_FAILED)
		abort();
	return memory;
}

static void make(void)
{
	if (fake.nodes)
		return;
	fake.nodes = map_file("nodes", FAKE_IDS * sizeof(*fake.nodes), &fake.nodes_fd);
	fake.marks = map_file("marks", FAKE_IDS, &fake.marks_fd);
}

void fake_nodes_reset(void)
{
	make();
	memset(fake.nodes, 0, (fake.highest + 1) * sizeof(*fake.nodes));
	memset(fake.marks, 0, fake.highest + 1);
	fake.highest = 0;
	fake.nr_free_runs = 0;
	fake.room = FAKE_FREE_RUNS;
}

int fake_nodes_fd(const char *name)
{
	make();
	if (!strcmp(name, "nodes"))
		return fake.nodes_fd;
	return strcmp(name, "changed_nodes") ? -1 : fake.marks_fd;
}

struct wire_node *fake_nodes_at(uint32_t id)
{
	make();
	if (!id || id >= FAKE_IDS)
		abort();
	return &fake.nodes[id];
}

void fake_nodes_mark(uint32_t id)
{
	fake_nodes_at(id);
	fake.highest = id > fake.highest ? id : fake.highest;
	__atomic_store_n(&fake.marks[id], 1, __ATOMIC_SEQ_CST);
}

bool fake_nodes_is_marked(uint32_t id)
{
	return __atomic_load_n(&fake.marks[id], __ATOMIC_SEQ_CST);
}

void fake_nodes_put(uint32_t id, const struct wire_node *node)
{
	struct wire_node *to = fake_nodes_at(id);
	struct node_id value = { id };

	*to = *node;
	if (!to->key)
		to->key = path_child(to->parent, to->site) + id;
	fake_loader_put("node_ids", &to->key, &value);
	fake_nodes_mark(id);
}

void fake_nodes_limit_free_runs(size_t room)
{
	fake.room = room;
}

bool fake_nodes_pop_free_run(struct wire_id_run *ret)
{
	if (!fake.nr_free_runs)
		return false;
	*ret = fake.free_runs[--fake.nr_free_runs];
	return true;
}

/* ---- loader.h ---- */

uint32_t loader_nr_ids(const struct loader *loader)
{
	return FAKE_IDS;
}

uint32_t loader_id_run(const struct loader *loader)
{
	return FAKE_ID_RUN;
}

int loader_free_ids(struct loader *loader, uint32_t first, uint32_t count)
{
	if (fake.nr_free_runs == fake.room)
		return -E2BIG;
	fake.free_runs[fake.nr_free_runs++] = (struct wire_id_run){ .first.value = first,
								    .count = count };
	return 0;
}
