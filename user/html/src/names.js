// SPDX-License-Identifier: BSD-2-Clause
// What rows are called and which function, module and package they are of.

const STRIP = /^.*\/(?:site-packages|dist-packages|python\d\.\d+)\//;

export class Names {
	constructor(profile) {
		const { functions, labels } = profile;
		this.profile = profile;
		this.strings = profile.strings;
		this.merged = profile.kinds.indexOf("merged");
		this.code = ["python", "c"].map((kind) => profile.kinds.indexOf(kind));
		this.shown = new Map();
		this.functionOf = Int32Array.from(labels.function);
		this.module = Int32Array.from(functions.module);
		this.package = Int32Array.from(functions.package);
	}

	function(label) {
		return this.functionOf[label];
	}

	isCode(fn) {
		return this.code.includes(this.profile.functions.kind[fn]);
	}

	// Of functions that are no Python.
	hasLibraries() {
		return this.profile.functions.kind.includes(this.code[1]);
	}

	isMerged(fn) {
		return this.profile.functions.kind[fn] === this.merged;
	}

	functionName(fn) {
		return this.strings[this.profile.functions.name[fn]] || "?";
	}

	objects(label) {
		return this.strings[this.profile.labels.objects[label]];
	}

	label(label) {
		return this.functionName(this.functionOf[label]) + this.objects(label);
	}

	file(fn) {
		return this.strings[this.profile.functions.file[fn]];
	}

	line(fn) {
		return this.profile.functions.line[fn];
	}

	// Without the folder of an installation: where code is within what was installed.
	place(fn) {
		const file = this.file(fn);
		const line = this.line(fn);
		return file ? file.replace(STRIP, "…/") + (line ? `:${line}` : "") : "";
	}

	fullPlace(fn) {
		const file = this.file(fn);
		return file ? file + (this.line(fn) ? `:${this.line(fn)}` : "") : "";
	}

	// Compiled from a text, or no Python, a function belongs to its caller's package: the caller
	// says which.
	groupName(by, fn) {
		const name = by === "module" ? this.module[fn] : this.package[fn];
		return name ? this.strings[name] : "";
	}
}

// By label: does a search find it? All words must be found, in the name or the file.
export function findLabels(names, query) {
	const words = query.toLowerCase().split(/\s+/).filter(Boolean);
	const found = new Uint8Array(names.functionOf.length);

	if (!words.length) return null;
	const places = new Map();
	for (let label = 0; label < found.length; label++) {
		const fn = names.functionOf[label];
		if (!places.has(fn)) places.set(fn, names.fullPlace(fn).toLowerCase());
		const text = `${names.label(label).toLowerCase()} ${places.get(fn)}`;
		found[label] = words.every((word) => text.includes(word)) ? 1 : 0;
	}
	return found;
}
