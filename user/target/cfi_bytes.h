/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of .eh_frame, as they lie there: DWARF 5, sections 7.6 (LEB128) and 6.4, and the LSB Core
 * (Exception Frames) for the encodings of addresses.
 */
#ifndef MEMPROBE_CFI_BYTES_H
#define MEMPROBE_CFI_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What has not been read yet. Once something was not whole, is_bad stays and every number is 0. */
struct cfi_bytes {
	const uint8_t *at, *end;
	bool is_bad;
};

/* A number of 1 to 8 bytes. */
uint64_t cfi_fixed(struct cfi_bytes *from, size_t size);
/* LEB128 of up to 10 bytes; what is beyond 64 bits is bad, unless it says nothing. */
uint64_t cfi_unsigned(struct cfi_bytes *from);
int64_t cfi_signed(struct cfi_bytes *from);
/* The next bytes, which `from` has behind it then. */
struct cfi_bytes cfi_block(struct cfi_bytes *from, uint64_t size);

#define CFI_ABSOLUTE 0x00 /* DW_EH_PE_absptr: a word */
#define CFI_OMITTED 0xff  /* DW_EH_PE_omit */

/*
 * An address in an encoding (DW_EH_PE_*), whose first byte has the address `vaddr`. False: it is
 * not whole, or relative to something that is not known here, or it lies elsewhere.
 */
bool cfi_address(struct cfi_bytes *from, uint8_t encoding, uint64_t vaddr, uint64_t *ret);
/* A number in the same format, which is relative to nothing. */
bool cfi_number(struct cfi_bytes *from, uint8_t encoding, uint64_t *ret);

#endif
