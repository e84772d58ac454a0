// SPDX-License-Identifier: BSD-2-Clause
// The table of functions, modules or packages.

import { neighbours } from "./groups.js";
import { amount, byId, make, megabytes, whole } from "./text.js";

const STEP = 100; // rows that are shown, and that come with each click

const COLUMNS = [
	{ key: "name", title: "Function", isText: true },
	{ key: "self", title: "Self" },
	{ key: "total", title: "Total" },
	{ key: "peak", title: "Peak", needs: "peak" },
	{ key: "live", title: "Live", needs: "live" },
	{ key: "calls", title: "Calls" },
	{ key: "each", title: "MB a call" },
];

export class Table {
	constructor(events) {
		this.events = events;
		this.sort = { key: "total", down: true };
		this.by = "function";
		this.open = null;
		this.limit = STEP;
		this.makeChoice();
		byId("more").addEventListener("click", () => {
			this.limit += STEP;
			this.draw();
		});
	}

	makeChoice() {
		for (const by of ["function", "module", "package"]) {
			byId("by").append(make("button", {
				type: "button", "data-by": by, "aria-pressed": String(by === this.by),
				onclick: () => this.choose(by),
			}, by));
		}
	}

	choose(by) {
		this.by = by;
		this.open = null;
		for (const button of byId("by").children)
			button.setAttribute("aria-pressed", String(button.dataset.by === by));
		this.events.onBy();
	}

	// content: { scope, grouping, rows, sums, metric, isShown(row) }.
	show(content) {
		if (this.content?.grouping !== content.grouping) this.open = null;
		this.content = content;
		this.limit = STEP;
		for (const row of content.rows) row.each = row.calls > 0 ? row.total / row.calls : 0;
		this.draw();
	}

	filter(isShown) {
		this.content.isShown = isShown;
		this.limit = STEP;
		this.draw();
	}

	columns() {
		const has = new Set(this.content.scope.profile.metrics.map((metric) => metric.name));
		return COLUMNS.filter((column) => !column.needs || has.has(column.needs));
	}

	sorted() {
		const { key, down } = this.sort;
		const rows = this.content.rows.filter(this.content.isShown);
		const compare = key === "name"
			? (a, b) => a.name.localeCompare(b.name)
			: (a, b) => a[key] - b[key];

		return rows.sort(down ? (a, b) => compare(b, a) : compare);
	}

	draw() {
		const rows = this.sorted();
		const columns = this.columns();
		const body = make("tbody");

		for (const row of rows.slice(0, this.limit)) {
			body.append(this.makeRow(row, columns));
			if (row.number === this.open) body.append(this.makeOpened(row, columns.length));
		}
		byId("rows").replaceChildren(this.makeHead(columns), body);
		if (!rows.length)
			body.append(make("tr", {}, make("td", { colspan: columns.length, class: "none" },
				"No row.")));
		byId("more").hidden = rows.length <= this.limit;
		byId("more").textContent = `${whole(rows.length - this.limit)} more`;
	}

	makeHead(columns) {
		const cells = columns.map((column) => {
			const isSorted = this.sort.key === column.key;
			const order = this.sort.down ? "descending" : "ascending";
			const title = column.isText ? this.by[0].toUpperCase() + this.by.slice(1) : column.title;

			return make("th", { scope: "col", class: column.isText ? "text" : null,
				"aria-sort": isSorted ? order : null },
				make("button", { type: "button", onclick: () => this.sortBy(column) },
					title + (isSorted ? (this.sort.down ? " ▾" : " ▴") : "")));
		});
		return make("thead", {}, make("tr", {}, ...cells));
	}

	sortBy(column) {
		const isSame = this.sort.key === column.key;

		this.sort = { key: column.key, down: isSame ? !this.sort.down : !column.isText };
		this.draw();
	}

	makeRow(row, columns) {
		const element = make("tr", { "data-group": row.number,
			class: row.number === this.open ? "open" : null });

		for (const column of columns) element.append(this.makeCell(row, column));
		element.addEventListener("click", (event) => {
			if (getSelection().toString() && event.detail) return;
			this.open = this.open === row.number ? null : row.number;
			this.draw();
		});
		return element;
	}

	makeCell(row, column) {
		const { metric, scope } = this.content;
		const { key } = column;

		if (key === "name") return this.makeName(row, scope);
		if (key === "calls")
			return make("td", {}, row.counted ? (row.bound ? "≥" : "") + whole(row.calls) : "");
		if (key === "each")
			return make("td", {}, row.counted && row.calls > 0 && !metric.count
				? megabytes(row.each, 3).replace(" MB", "") : "");
		const isMetric = key === "self" || key === "total";
		return make("td", {}, isMetric ? amount(row[key], metric).replace(/ MB| calls/, "")
			: megabytes(row[key]).replace(" MB", ""));
	}

	makeName(row, scope) {
		const isOpen = row.number === this.open;
		const place = row.fn >= 0 ? scope.names.place(row.fn) : "";
		const full = row.fn >= 0 ? scope.names.fullPlace(row.fn) : "";

		return make("th", { scope: "row", class: "text" },
			make("button", { type: "button", "aria-expanded": String(isOpen), class: "name",
				title: full || null }, row.name),
			place ? make("small", {}, place) : null);
	}

	makeOpened(row, span) {
		const { scope, grouping, sums } = this.content;
		const { callers, callees } = neighbours(scope, grouping, sums, row.number);

		return make("tr", { class: "opened" }, make("td", { colspan: span },
			make("div", { class: "pair" },
				this.makeList("Callers", callers), this.makeList("Callees", callees))));
	}

	makeList(title, entries) {
		const { metric } = this.content;
		const items = entries.slice(0, 12).map(({ group, value }) => make("li", {},
			make("span", { class: "value" }, amount(value, metric)),
			group ? make("button", { type: "button", class: "name",
				onclick: (event) => this.follow(event, group) }, group.name)
				: make("span", {}, "nobody: a root")));

		if (!items.length) items.push(make("li", { class: "none" }, "None."));
		if (entries.length > 12)
			items.push(make("li", { class: "none" }, `${entries.length - 12} more`));
		return make("div", {}, make("h3", {}, title), make("ul", {}, ...items));
	}

	follow(event, group) {
		event.stopPropagation();
		this.open = group.number;
		this.events.onFollow(group);
		byId("rows").querySelector("tr.open")?.scrollIntoView({ block: "nearest" });
	}
}
