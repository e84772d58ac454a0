// SPDX-License-Identifier: BSD-2-Clause
// What is chosen: process, metric, direction, zoom, search, span of time. Each part of the page
// asks it, and is told of changes by it.

import { Flame } from "./flame.js";
import { findGroups, groupRows, tabulate } from "./groups.js";
import { showHeld } from "./held.js";
import { Names, findLabels } from "./names.js";
import { allTitle, makeScope, processTitle } from "./scope.js";
import { showSummary } from "./summary.js";
import { Table } from "./table.js";
import { amount, byId, make, percent, seconds, whole } from "./text.js";
import { Tip } from "./tip.js";
import { CallTree, InvertedTree, sumUp } from "./tree.js";

const METRIC_NAMES = {
	growth: "growth (grown − released)", grown: "grown", released: "released",
	peak: "held at the peak", live: "live at the end", mapped: "mapped (address space)",
	unshared: "unshared (copied after a fork)", allocated: "allocated", calls: "calls",
};
const HEADINGS = {
	growth: "Where it grew", peak: "What was held at the peak", live: "What was live at the end",
	calls: "What was called",
};
// In a frame the end of a path says more than the folder of an installation.
const shortPath = (text) => text.replace(
	/^(?:…|\/).*?\/(?:site-packages|dist-packages|python\d\.\d+)\//, "");
const FRAME_SHARE = 0.25; // of all, at which a change has its full colour

export class Page {
	constructor(profile) {
		this.profile = profile;
		this.names = new Names(profile);
		this.inverted = false;
		this.query = "";
		this.found = null;
		this.span = null;
		this.flame = new Flame(byId("flame"), this);
		this.table = new Table(this);
		this.tip = new Tip(this);
	}

	start() {
		showSummary(this.profile, this);
		this.fillChoices();
		this.listen();
		this.choose(this.profile.processes.length > 1 ? "all" : 0);
	}

	// ---- Choices ----

	fillChoices() {
		const { processes, metrics, metric } = this.profile;
		const options = processes.map((process, index) =>
			make("option", { value: index }, processTitle(process).slice(0, 90)));

		if (processes.length > 1)
			options.unshift(make("option", { value: "all" }, allTitle(this.profile)));
		byId("scope").append(...options);
		byId("scope").disabled = options.length < 2;
		byId("metric").append(...metrics.map(({ name }) =>
			make("option", { value: name }, METRIC_NAMES[name] || name)));
		byId("metric").value = metric || this.firstMetric();
	}

	// What was held says more than what grew, of which most is given back in the end.
	firstMetric() {
		const has = (name) => this.profile.metrics.some((metric) => metric.name === name);
		return has("peak") && !this.profile.difference ? "peak" : "growth";
	}

	get metric() {
		return this.profile.metrics.find(({ name }) => name === byId("metric").value) ||
			{ name: "growth", title: "" };
	}

	choose(choice) {
		if (!this.profile.processes.length) return;
		byId("scope").value = String(choice);
		this.scope = makeScope(this.profile, this.names, choice);
		this.sums = new Map();
		this.grouping = null;
		showHeld(this.scope, this);
		this.showTree();
		this.showTable();
	}

	sumsOf(metric) {
		if (!this.sums.has(metric))
			this.sums.set(metric, sumUp(this.scope, this.scope.self(metric)));
		return this.sums.get(metric);
	}

	showTree() {
		const Tree = this.inverted ? InvertedTree : CallTree;
		const sums = this.sumsOf(this.metric.name);

		byId("metric-title").textContent = this.metric.title;
		byId("flame-title").textContent = HEADINGS[this.metric.name] || "Flame graph";
		byId("invert").setAttribute("aria-pressed", String(this.inverted));
		this.tree = new Tree(this.scope, sums);
		this.flame.show(this.tree, this.view());
		this.onZoom(this.tree.root);
		this.showLegend();
	}

	// What the rows sum up to.
	showTable() {
		const has = (name) => this.profile.metrics.some((metric) => metric.name === name);
		const beside = Object.fromEntries(["peak", "live"].filter(has)
			.map((name) => [name, this.sumsOf(name)]));

		if (this.grouping?.by !== this.table.by || this.grouping.scope !== this.scope)
			this.grouping = { ...groupRows(this.scope, this.table.by), by: this.table.by,
				scope: this.scope };
		const sums = this.sumsOf(this.metric.name);
		const span = this.span?.map((time) => time * 1000);
		const rows = tabulate(this.scope, this.grouping, sums, beside, span);
		this.table.show({ scope: this.scope, grouping: this.grouping, rows, sums,
			metric: this.metric, isShown: this.rowFilter() });
	}

	rowFilter() {
		const isFound = this.found && findGroups(this.scope, this.grouping, this.found);
		return (row) => (!isFound || isFound[row.number]) && row.inSpan;
	}

	// ---- How a frame looks ----

	view() {
		const { scope, found, profile, names } = this;
		const all = this.tree.root.width;
		const first = this.span && scope.self("first");
		const [from, to] = (this.span || []).map((time) => time * 1000);
		const isIn = (row) => first[row] >= from && first[row] <= to;
		const isFound = (node) => Boolean(found && node.label >= 0 && found[node.label]);

		return {
			text: (node) => shortPath(this.nodeText(node)),
			isFound,
			isDim: (node) => node.depth < this.flame.zoomed.depth ||
				Boolean(found && !isFound(node)) ||
				Boolean(first && node.row >= 0 && !this.tree.rowsOf(node).some(isIn)),
			colour: (node, palette) => {
				if (node.label < 0 || scope.isProcess(node.label)) return palette.root;
				if (profile.difference) return palette.change(node.total / all / FRAME_SHARE);
				const fn = names.function(node.label);
				if (!names.isCode(fn)) return palette.other;
				return palette.hue(names.groupName("package", fn) || names.file(fn));
			},
		};
	}

	nodeText(node) {
		if (node.label < 0) return this.scope.title;
		const fn = this.scope.functionAt(node.row);
		if (fn >= 0 && this.names.isMerged(fn)) return this.mergedText(node);
		return this.inverted && fn >= 0 ? this.names.functionName(fn) : this.scope.text(node.label);
	}

	mergedText(node) {
		const merged = this.scope.self("merged");
		const rows = this.tree.rowsOf(node).reduce((sum, row) => sum + merged[row], 0);

		return `… ${whole(rows)} smaller rows`;
	}

	hatchedMeaning() {
		if (this.profile.difference) return "has less than before";
		return this.metric.name === "growth" ? "released more than it grew" : "is below zero";
	}

	showLegend() {
		const { root } = this.tree;
		const { profile, metric } = this;
		const parts = [];

		if (profile.difference) parts.push("Red: more than before. Blue: less.");
		else parts.push(`Colours are packages${this.names.hasLibraries() ? " and libraries" : ""}.`);
		if (root.lost)
			parts.push(`Hatched: ${this.hatchedMeaning()}. Widths are ${amount(root.gained, metric)}` +
				` of gains and ${amount(root.lost, metric)} of losses, ` +
				`${amount(root.total, metric)} together.`);
		if (profile.merged_below) parts.push(this.mergedLegend());
		byId("legend").textContent = parts.join(" ");
	}

	mergedLegend() {
		const merged = this.scope.self("merged");
		const self = this.scope.self(this.metric.name);
		let rows = 0;
		let sum = 0;

		for (let row = 0; row < this.scope.rows; row++) {
			if (!merged[row]) continue;
			rows += merged[row];
			sum += self[row];
		}
		return `${whole(rows)} rows with less than ${(this.profile.merged_below / 1e7).toPrecision(2)} %` +
			` of every metric stand together in rows “… smaller rows”: ${amount(sum, this.metric)}.`;
	}

	// ---- What happens ----

	onZoom(node) {
		const isWhole = node === this.tree.root;
		const share = percent(node.total, this.tree.root.total);

		byId("reset").disabled = isWhole;
		document.title = isWhole
			? `${this.scope.title} – memprobe`
			: `${this.nodeText(node)} ${amount(node.total, this.metric)} ${share} – memprobe`;
		this.describe(node);
	}

	onSelect(node) {
		this.describe(node);
	}

	onHover(node, event) {
		this.tip.show(node, event);
	}

	// A line below the graph, for those who have no mouse.
	describe(node) {
		const share = percent(node.total, this.tree.root.total);
		const place = this.scope.place(node.label);

		byId("detail").replaceChildren(
			make("strong", {}, this.nodeText(node)),
			` ${amount(node.total, this.metric)}${share && node.parent ? `, ${share}` : ""}`,
			place ? make("span", { class: "place" }, place) : "",
		);
	}

	onRow(row) {
		const path = [];

		if (this.inverted) this.invert();
		for (let at = row; at >= 0; at = this.scope.parent[at]) path.push(at);
		let node = this.tree.root;
		for (const at of path.reverse()) {
			const child = this.tree.children(node).find((entry) => entry.row === at);
			if (!child) break;
			node = child;
		}
		this.flame.zoom(node);
		byId("flame").scrollIntoView({ block: "nearest" });
	}

	onBy() {
		this.showTable();
	}

	// A neighbour that the search hides is what is wanted now.
	onFollow() {
		if (this.query) {
			byId("search").value = "";
			this.search("");
			return;
		}
		this.table.draw();
	}

	onChoose(index) {
		this.choose(index);
		byId("controls").scrollIntoView({ block: "start" });
	}

	onProcess(index) {
		this.chart.highlight(index);
	}

	onSpan(span) {
		this.span = span;
		byId("span").hidden = !span;
		byId("span").replaceChildren(...(span ? [
			`Only what was first called from ${seconds(span[0])} to ${seconds(span[1])}. `,
			make("button", { type: "button", onclick: () => this.clearSpan() }, "Show all"),
		] : []));
		this.flame.refresh(this.view());
		this.showTable();
	}

	clearSpan() {
		this.chart.clear();
		this.onSpan(null);
	}

	search(query) {
		this.query = query.trim();
		this.found = findLabels(this.names, this.query);
		this.flame.refresh(this.view());
		this.showMatched();
		this.table.filter(this.rowFilter());
	}

	// What is found below what is found counts once.
	matched() {
		const { gained, lost } = this.sumsOf(this.metric.name);
		const { scope, found } = this;
		let total = 0;

		for (let row = 0; row < scope.rows;) {
			if (found[scope.label[row]]) {
				total += gained[row] - lost[row];
				row = scope.end[row];
			} else {
				row++;
			}
		}
		return total;
	}

	showMatched() {
		const output = byId("matched");

		if (!this.found) {
			output.textContent = "";
			return;
		}
		const total = this.matched();
		const share = percent(total, this.tree.root.total);
		output.textContent = `${amount(total, this.metric)}${share ? `, ${share}` : ""}`;
	}

	invert() {
		this.inverted = !this.inverted;
		this.showTree();
	}

	// ---- Keys ----

	listen() {
		byId("scope").addEventListener("change", (event) => this.choose(
			event.target.value === "all" ? "all" : Number(event.target.value)));
		byId("metric").addEventListener("change", () => {
			this.showTree();
			this.showMatched();
			this.showTable();
		});
		byId("invert").addEventListener("click", () => this.invert());
		byId("reset").addEventListener("click", () => this.flame.zoom(this.tree.root));
		byId("search").addEventListener("input", (event) => this.search(event.target.value));
		addEventListener("keydown", (event) => this.key(event));
	}

	key(event) {
		const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);

		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.key === "Escape") this.escape();
		else if (isTyping) return;
		else if (event.key === "/") byId("search").focus();
		else if (event.key === "i") this.invert();
		else if (event.key === "t") this.goToTable();
		else if (!this.isFlameKey(event) || !this.flame.key(event.key)) return;
		event.preventDefault();
	}

	// Enter on a button is the button's.
	isFlameKey(event) {
		return event.key.startsWith("Arrow") ? event.target.tagName !== "BUTTON"
			: event.target === this.flame.canvas || event.target === document.body;
	}

	escape() {
		if (this.query) {
			byId("search").value = "";
			this.search("");
		} else if (this.span) {
			this.clearSpan();
		} else {
			this.flame.zoom(this.tree.root);
		}
		byId("search").blur();
	}

	goToTable() {
		byId("table").scrollIntoView({ block: "start" });
		byId("table").focus({ preventScroll: true });
	}
}

