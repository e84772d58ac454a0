/* SPDX-License-Identifier: BSD-2-Clause */
/* Each of C++'s ways to take memory and to give it back, for blocks_known.py. */
#include <cstddef>
#include <new>
#include <vector>

namespace
{
constexpr std::size_t ITEM_BYTES = 1000;
constexpr std::size_t ALIGNMENT = 256;

struct item {
	char bytes[ITEM_BYTES];
};

struct alignas(ALIGNMENT) aligned_item {
	char bytes[4 * ALIGNMENT];
};
} // namespace

extern "C" {
std::size_t news_item_bytes() { return sizeof(item); }
std::size_t news_aligned_bytes() { return sizeof(aligned_item); }

void *news_one() { return new item; }
void news_delete_one(void *one) { delete static_cast<item *>(one); }

void *news_many(std::size_t count) { return new item[count]; }
void news_delete_many(void *many) { delete[] static_cast<item *>(many); }

void *news_nothrow(std::size_t count) { return new (std::nothrow) item[count]; }

void *news_aligned(std::size_t count) { return new aligned_item[count]; }
void news_delete_aligned(void *many) { delete[] static_cast<aligned_item *>(many); }

/* A vector, and what it holds; the first is a block, too. */
void *news_vector(std::size_t count)
{
	auto *made = new std::vector<item>;

	made->reserve(count);
	return made;
}

std::size_t news_vector_bytes(void *vector)
{
	auto *made = static_cast<std::vector<item> *>(vector);

	return sizeof(*made) + made->capacity() * sizeof(item);
}
}
