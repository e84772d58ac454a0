// SPDX-License-Identifier: BSD-2-Clause
// Trees as the flame graph walks them: children are made when somebody looks at them, so that
// opening, zooming and turning cost what can be seen and not what was measured.
//
// Amounts may be negative: a row's width is all that its paths gained and all that they lost, side
// by side, and its total the difference.

// By row of a scope: gains, losses, and their sums with all rows below.
export function sumUp(scope, self) {
	const gained = new Float64Array(scope.rows);
	const lost = new Float64Array(scope.rows);

	for (let row = scope.rows - 1; row >= 0; row--) {
		const parent = scope.parent[row];
		if (self[row] > 0) gained[row] += self[row];
		else lost[row] -= self[row];
		if (parent < 0) continue;
		gained[parent] += gained[row];
		lost[parent] += lost[row];
	}
	return { self, gained, lost };
}

const bySize = (a, b) => b.order - a.order;

// Gains first, the largest before the others; what lost more stands on its own side at the end.
function inOrder(nodes) {
	for (const node of nodes)
		node.order = node.total < 0 ? -1 / (1 + node.width) : node.width;
	return nodes.sort(bySize);
}

function makeRoot(scope, sums) {
	let gained = 0;
	let lost = 0;

	for (let row = 0; row < scope.rows; row = scope.end[row]) {
		gained += sums.gained[row];
		lost += sums.lost[row];
	}
	return { parent: null, label: -1, row: -1, width: gained + lost, total: gained - lost,
		gained, lost, self: 0, depth: 0, children: null };
}

export class CallTree {
	constructor(scope, sums) {
		this.scope = scope;
		this.sums = sums;
		this.root = makeRoot(scope, sums);
	}

	node(parent, row) {
		const { self, gained, lost } = this.sums;
		return { parent, row, label: this.scope.label[row], width: gained[row] + lost[row],
			total: gained[row] - lost[row], gained: gained[row], lost: lost[row],
			self: self[row], depth: parent.depth + 1, children: null };
	}

	children(node) {
		if (node.children) return node.children;
		const { end } = this.scope;
		const last = node.row < 0 ? this.scope.rows : end[node.row];
		const nodes = [];

		for (let row = node.row + 1; row < last; row = end[row])
			if (this.sums.gained[row] || this.sums.lost[row]) nodes.push(this.node(node, row));
		node.children = inOrder(nodes);
		return node.children;
	}

	rowsOf(node) {
		return [node.row];
	}
}

// Callers below what they called. A node keeps the paths that come through it: rows that have
// something by themselves, and how far up each has been followed.
export class InvertedTree {
	constructor(scope, sums) {
		this.scope = scope;
		this.sums = sums;
		this.root = makeRoot(scope, sums);
		this.root.origins = [];
		for (let row = 0; row < scope.rows; row++)
			if (sums.self[row]) this.root.origins.push(row);
		this.root.cursors = this.root.origins;
		this.root.isTop = true;
	}

	add(groups, node, origin, cursor) {
		const self = this.sums.self[origin];
		const fn = this.scope.functionAt(cursor);
		let child = groups.get(fn);

		if (!child) {
			child = { parent: node, row: cursor, label: this.scope.label[cursor], width: 0,
				total: 0, gained: 0, lost: 0, self: 0, depth: node.depth + 1,
				children: null, origins: [], cursors: [] };
			groups.set(fn, child);
		}
		child.origins.push(origin);
		child.cursors.push(cursor);
		child.width += Math.abs(self);
		child.total += self;
		if (self > 0) child.gained += self;
		else child.lost -= self;
	}

	children(node) {
		if (node.children) return node.children;
		const groups = new Map();

		for (let i = 0; i < node.origins.length; i++) {
			const cursor = node.isTop ? node.cursors[i] : this.scope.parent[node.cursors[i]];
			if (cursor >= 0) this.add(groups, node, node.origins[i], cursor);
			else node.self += this.sums.self[node.origins[i]];
		}
		node.children = inOrder([...groups.values()]);
		return node.children;
	}

	rowsOf(node) {
		return node.cursors;
	}
}
