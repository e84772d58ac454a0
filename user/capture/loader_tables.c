/* SPDX-License-Identifier: BSD-2-Clause */
/* What user space writes into the tables and variables of the BPF side, and reads there; see
 * loader.h. */
#include "loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include <memprobe/wire_hash.h>

#include "memprobe.skel.h"

static int update(struct bpf_map *map, const void *key, const void *value)
{
	return bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY) ? -errno : 0;
}

void loader_note_removed(struct loader *loader, const struct loader_removed *removed)
{
	loader->skeleton->bss->nodes_removed += removed->nodes;
	loader->skeleton->bss->specials_removed += removed->specials;
	loader->skeleton->bss->sites_removed += removed->sites;
	loader->skeleton->bss->sightings_removed += removed->sightings;
	loader->skeleton->bss->blocks_removed += removed->blocks;
}

void loader_note_nameless(struct loader *loader, bool are_nameless)
{
	__atomic_store_n(&loader->skeleton->bss->objects_are_nameless, are_nameless,
			 __ATOMIC_RELAXED);
}

void loader_note_look(struct loader *loader, uint32_t look)
{
	__atomic_store_n(&loader->skeleton->bss->looks, look, __ATOMIC_SEQ_CST);
}

uint32_t loader_unwind_rows(const struct loader *loader)
{
	return bpf_map__max_entries(loader->skeleton->maps.unwind_rows);
}

void loader_note_unwind_change(struct loader *loader)
{
	__atomic_fetch_add(&loader->skeleton->bss->unwind_changes, 1, __ATOMIC_RELEASE);
}

int loader_free_ids(struct loader *loader, uint32_t first, uint32_t count)
{
	const struct wire_id_run run = { .first.value = first, .count = count };

	return update(loader->skeleton->maps.free_ids, NULL, &run);
}

bool loader_add_standing(struct loader *loader, uint32_t image_id, uint64_t frame)
{
	const struct wire_standing key = { .frame = frame, .image_id = image_id };
	const uint8_t nothing = 0;

	if (update(loader->skeleton->maps.standing, &key, &nothing))
		return false;
	__atomic_fetch_or(&loader->skeleton->bss->standing_bits[standing_bit(frame) / 64],
			  1ULL << standing_bit(frame) % 64, __ATOMIC_RELEASE);
	return true;
}

void loader_forget_standing(struct loader *loader)
{
	memset(loader->skeleton->bss->standing_bits, 0,
	       sizeof(loader->skeleton->bss->standing_bits));
}

bool loader_is_standing(const struct loader *loader, uint32_t image_id, uint64_t frame)
{
	const struct wire_standing key = { .frame = frame, .image_id = image_id };
	uint8_t nothing;

	return !bpf_map_lookup_elem(bpf_map__fd(loader->skeleton->maps.standing), &key, &nothing);
}

int loader_follow(struct loader *loader, uint32_t tgid, uint32_t ppid)
{
	return update(loader->skeleton->maps.processes, &tgid, &ppid);
}

void loader_expect(struct loader *loader, uint64_t probe_vaddr, uint32_t layout)
{
	loader->skeleton->bss->expected_probe_vaddr = probe_vaddr;
	loader->skeleton->bss->expected_layout_plus_1 = layout + 1;
}

bool loader_is_live(const struct loader *loader, uint32_t slot, uint32_t image_id)
{
	struct wire_image image;

	return !bpf_map_lookup_elem(bpf_map__fd(loader->skeleton->maps.images), &slot, &image) &&
	       image.image_id == image_id && image.mm;
}

int loader_free_slot(struct loader *loader, uint32_t slot)
{
	return update(loader->skeleton->maps.free_slots, NULL, &slot);
}

int loader_set_layout(struct loader *loader, uint32_t index, const struct wire_layout *layout)
{
	return update(loader->skeleton->maps.layouts, &index, layout);
}

int loader_get_layout(const struct loader *loader, uint32_t index, struct wire_layout *ret)
{
	int map = bpf_map__fd(loader->skeleton->maps.layouts);

	return bpf_map_lookup_elem(map, &index, ret) ? -errno : 0;
}

int loader_get_python(const struct loader *loader, uint32_t slot, struct wire_python *ret)
{
	int map = bpf_map__fd(loader->skeleton->maps.pythons);

	return bpf_map_lookup_elem(map, &slot, ret) ? -errno : 0;
}

int loader_set_python(struct loader *loader, uint32_t slot, const struct wire_python *python)
{
	return update(loader->skeleton->maps.pythons, &slot, python);
}

void loader_drop_file(struct loader *loader, const struct wire_file *file)
{
	bpf_map_delete_elem(bpf_map__fd(loader->skeleton->maps.files), file);
}

int loader_set_file(struct loader *loader, const struct wire_file *file,
		    const struct wire_file_layout *layout)
{
	int error = update(loader->skeleton->maps.files, file, layout);

	if (!error)
		__atomic_fetch_add(&loader->skeleton->bss->known_files, 1, __ATOMIC_RELEASE);
	return error;
}
