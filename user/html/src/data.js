// SPDX-License-Identifier: BSD-2-Clause
// What was measured, unpacked: a JSON text, a zero, then columns of numbers (html_table.h).

async function inflate(base64) {
	const bytes = Uint8Array.fromBase64
		? Uint8Array.fromBase64(base64)
		: Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
	const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
	return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Amounts pass 32 bits, so shifts will not do.
function readColumn(bytes, at, rows, scale, isStep) {
	const column = new Float64Array(rows);
	let last = 0;

	for (let row = 0; row < rows; row++) {
		let value = 0;
		let weight = 1;
		let byte;
		do {
			byte = bytes[at++];
			value += (byte & 127) * weight;
			weight *= 128;
		} while (byte > 127);
		value = value % 2 ? -(value + 1) / 2 : value / 2;
		if (isStep) value = last += value;
		column[row] = value * scale;
	}
	return column;
}

function readTable(bytes, at, description) {
	const table = { rows: description.rows };
	const view = new DataView(bytes.buffer);

	for (const [name, scale, isStep] of description.columns) {
		const size = view.getUint32(at, true);
		table[name] = readColumn(bytes, at + 4, description.rows, scale, isStep);
		at += 4 + size;
	}
	return [table, at];
}

// How far back the parent stands becomes where it stands; the rows below one follow it without a
// gap, so where they end is all that is needed to pass over them.
function linkRows(tree) {
	const parent = new Int32Array(tree.rows);
	const end = new Int32Array(tree.rows);

	for (let row = 0; row < tree.rows; row++) {
		parent[row] = tree.parent[row] ? row - tree.parent[row] : -1;
		end[row] = row + 1;
	}
	for (let row = tree.rows - 1; row >= 0; row--)
		if (parent[row] >= 0 && end[row] > end[parent[row]]) end[parent[row]] = end[row];
	tree.parent = parent;
	tree.end = end;
}

export async function load(element) {
	const bytes = await inflate(element.textContent);
	const zero = bytes.indexOf(0);
	const head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, zero)));
	let at = zero + 1;
	let first = 0;

	element.remove();
	for (const name of ["functions", "labels", "tree"])
		[head[name], at] = readTable(bytes, at, head[name]);
	linkRows(head.tree);
	// Without a process nothing is known of any metric.
	head.tree.growth = head.tree.grown?.map((grown, row) => grown - head.tree.released[row]);
	for (const process of head.processes) {
		process.first = first;
		first += process.rows;
	}
	return head;
}
