// SPDX-License-Identifier: BSD-2-Clause
// The rows that are looked at: those of one process, or of all, each below a row of its own.

import { inert } from "./text.js";

export function processTitle(process) {
	return `${process.pid} ${inert(process.command)}`;
}

// What the choice of all is called. A process that has executed another program has several entries.
export function allTitle({ process_count: count }) {
	return count === 1 ? "all programs" : `all ${count} processes`;
}

class Scope {
	constructor(profile, names, processes) {
		this.profile = profile;
		this.names = names;
		this.processes = processes;
		this.amounts = new Map();
	}

	// Rows of processes have labels behind the profile's.
	isProcess(label) {
		return label >= this.names.functionOf.length;
	}

	processOf(label) {
		return this.profile.processes[label - this.names.functionOf.length];
	}

	functionAt(row) {
		const label = this.label[row];
		return this.isProcess(label) ? -1 - label : this.names.functionOf[label];
	}

	text(label) {
		if (label < 0) return this.title;
		return this.isProcess(label)
			? processTitle(this.processOf(label))
			: this.names.label(label);
	}

	place(label) {
		if (label < 0 || this.isProcess(label)) return "";
		return this.names.fullPlace(this.names.functionOf[label]);
	}

	self(metric) {
		if (!this.amounts.has(metric)) this.amounts.set(metric, this.column(metric));
		return this.amounts.get(metric);
	}
}

class OneProcess extends Scope {
	constructor(profile, names, process) {
		super(profile, names, [process]);
		const { first, rows } = process;
		const slice = (column) => column.subarray(first, first + rows);

		this.rows = rows;
		this.title = processTitle(process);
		this.parent = slice(profile.tree.parent).map((row) => (row < 0 ? -1 : row - first));
		this.end = slice(profile.tree.end).map((row) => row - first);
		this.label = Int32Array.from(slice(profile.tree.label));
		this.column = (name) => slice(profile.tree[name]);
	}
}

class AllProcesses extends Scope {
	constructor(profile, names) {
		super(profile, names, profile.processes);
		const count = profile.processes.length;

		this.rows = profile.tree.rows + count;
		this.title = allTitle(profile);
		this.parent = new Int32Array(this.rows);
		this.end = new Int32Array(this.rows);
		this.label = new Int32Array(this.rows);
		profile.processes.forEach((process, index) => this.placeProcess(process, index));
		this.column = (name) => this.spread(profile.tree[name]);
	}

	placeProcess(process, index) {
		const { tree } = this.profile;
		const shift = index + 1;
		const own = process.first + index;

		this.parent[own] = -1;
		this.end[own] = own + 1 + process.rows;
		this.label[own] = this.names.functionOf.length + index;
		for (let row = process.first; row < process.first + process.rows; row++) {
			this.parent[row + shift] = tree.parent[row] < 0 ? own : tree.parent[row] + shift;
			this.end[row + shift] = tree.end[row] + shift;
			this.label[row + shift] = tree.label[row];
		}
	}

	spread(column) {
		const spread = new Float64Array(this.rows);

		this.profile.processes.forEach(({ first, rows }, index) =>
			spread.set(column.subarray(first, first + rows), first + index + 1));
		return spread;
	}
}

// `choice`: a number of the profile's processes, or "all".
export function makeScope(profile, names, choice) {
	return choice === "all"
		? new AllProcesses(profile, names)
		: new OneProcess(profile, names, profile.processes[choice]);
}
