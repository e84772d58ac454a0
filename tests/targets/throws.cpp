/* SPDX-License-Identifier: BSD-2-Clause */
/* Operators new that throw: 1 where there was a block, 2 where there was none. With a handler that
 * throws, too, which an allocator in C does not catch. */
#include <cstddef>
#include <new>

namespace
{
void throw_it() { throw std::bad_alloc(); }

template <typename Take> int attempt(Take take)
{
	try {
		take();
		return 1;
	} catch (const std::bad_alloc &) {
		return 2;
	}
}
} // namespace

extern "C" {
void throws_from_handler() { std::set_new_handler(throw_it); }

int throws_one(std::size_t size)
{
	return attempt([size] { ::operator delete(::operator new(size)); });
}

int throws_many(std::size_t size)
{
	return attempt([size] { ::operator delete[](::operator new[](size)); });
}

int throws_aligned(std::size_t size)
{
	constexpr std::align_val_t alignment{ 64 };

	return attempt([size] { ::operator delete(::operator new(size, alignment), alignment); });
}

int throws_nothrow(std::size_t size)
{
	void *block = ::operator new(size, std::nothrow);

	::operator delete(block);
	return block ? 1 : 2;
}
}
