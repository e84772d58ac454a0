// SPDX-License-Identifier: BSD-2-Clause
// What stands beside the mouse over a frame.

import { amount, byId, make, megabytes, percent, whole } from "./text.js";

const GAP = 14;

export class Tip {
	constructor(page) {
		this.page = page;
		this.element = byId("tip");
	}

	show(node, event) {
		this.element.hidden = !node;
		if (!node) return;
		if (this.node !== node) this.fill(node);
		this.node = node;
		this.place(event);
	}

	place({ clientX, clientY }) {
		const { offsetWidth: width, offsetHeight: height } = this.element;
		const x = Math.min(clientX + GAP, innerWidth - width - 4);
		const isBelow = clientY + GAP + height < innerHeight;
		const y = isBelow ? clientY + GAP : clientY - GAP - height;

		this.element.style.transform = `translate(${Math.max(4, x)}px, ${Math.max(4, y)}px)`;
	}

	sum(node, name) {
		const column = this.page.scope.self(name);
		return this.page.tree.rowsOf(node).reduce((sum, row) => sum + column[row], 0);
	}

	fill(node) {
		const { page } = this;
		const { metric, tree, scope } = page;
		const rows = [
			["Total", `${amount(node.total, metric)}  ${percent(node.total, tree.root.total)}`],
			["Self", amount(node.self, metric)],
		];

		if (node.lost && node.gained)
			rows.push(["Of it", `+${amount(node.gained, metric)} −${amount(node.lost, metric)}`]);
		if (node.row >= 0) rows.push(...this.more(node));
		this.element.replaceChildren(make("strong", {}, page.nodeText(node)),
			scope.place(node.label) ? make("small", {}, scope.place(node.label)) : "",
			make("dl", {}, ...rows.flatMap(([name, text]) =>
				[make("dt", {}, name), make("dd", {}, text)])));
	}

	more(node) {
		const { profile, metric, inverted } = this.page;
		const rows = [];

		if (inverted) return rows;
		for (const { name, count } of profile.metrics) {
			if (count || name === metric.name || !["peak", "live", "growth"].includes(name)) continue;
			const sums = this.page.sumsOf(name);
			rows.push([name[0].toUpperCase() + name.slice(1),
				megabytes(sums.gained[node.row] - sums.lost[node.row])]);
		}
		const kind = this.sum(node, "calls_kind");
		if (kind && !metric.count)
			rows.push(["Calls", (kind === 1 ? "≥" : "") + whole(this.sum(node, "calls"))]);
		return rows;
	}
}
